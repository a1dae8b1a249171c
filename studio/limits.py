"""How much one visitor may keep, and how much of the disk is left alone.

Visitors need no account, so nothing stops a person from being many; what each may keep is bounded,
and what all of them together may fill is bounded by the disk. The owner may fill it.
"""

import shutil
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from sanawm.errors import InvalidRequestError
from storage.tables import Cell, KeptDraft, Notebook

MOST_NOTEBOOKS = 50
MOST_CELLS = 2000  # in all notebooks of one visitor, removed ones too: they can be brought back
MOST_DRAFTS = 5000  # of all visitors; the oldest go
SPARE_BYTES = 512 * 1024**2  # of the disk, for the runs that are made now
MANY_CELLS = (
    "Your notebooks have {own} cells, and {more} more fit. Removed ones count for 30 days. Write "
    "into cells that you have, or remove some and add more once their 30 days are over."
)
DISK_FULL = "The disk of this notebook is nearly full, so nothing more fits."


def check_notebooks(session: Session, visitor: str) -> None:
    """Refuse one more notebook to a visitor, by their hash, who has enough."""
    own = session.scalar(select(func.count()).where(Notebook.visitor == visitor)) or 0
    if own >= MOST_NOTEBOOKS:
        raise InvalidRequestError(
            f"You have {own} notebooks, and no more fit. Give one that you have another title."
        )


def check_cells(session: Session, visitor: str, more: int = 1) -> None:
    """Refuse more cells to a visitor, by their hash, who has enough."""
    own = session.scalar(select(func.count()).where(Cell.visitor == visitor)) or 0
    if own + more > MOST_CELLS:
        raise InvalidRequestError(MANY_CELLS.format(own=own, more=max(0, MOST_CELLS - own)))


def drop_old_drafts(session: Session) -> None:
    """Keep the drafts that were worked on last."""
    newest = select(KeptDraft.visitor).order_by(KeptDraft.updated_at.desc()).limit(MOST_DRAFTS)
    session.execute(delete(KeptDraft).where(KeptDraft.visitor.not_in(newest)))


def check_disk(folder: Path) -> None:
    """Refuse to keep more where the disk is nearly full."""
    if shutil.disk_usage(folder).free < SPARE_BYTES:
        raise InvalidRequestError(DISK_FULL, field="image")
