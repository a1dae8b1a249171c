"""The trash: runs that are out of sight for a month before they are gone.

A run in the trash keeps its row, its files and its places in notebooks. When it is deleted for
good, its folder first moves aside in one step, then the row goes, then the files: a program that
dies in between leaves nothing that comes back.
"""

import shutil
import time
from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.database import Database
from storage.errors import StorageError
from storage.files import DataFolder
from storage.notebooks import forget_removed, touch_cells_of
from storage.runs import touch
from storage.tables import Run

KEPT_S = 30 * 86_400.0
STILL_MADE = "Run {number} is still being made or waits for it. Cancel it first."


def throw_away(session: Session, runs: Sequence[Run], now: float) -> None:
    """Move runs to the trash; StorageError where one is not finished."""
    for run in runs:
        if run.state in ("queued", "running"):
            raise StorageError(STILL_MADE.format(number=run.number))
        run.deleted_at = run.deleted_at or now
        touch(session, run)


def take_back(session: Session, runs: Sequence[Run]) -> None:
    """Take runs out of the trash; they stand where they stood."""
    for run in runs:
        run.deleted_at = None
        touch(session, run)
    touch_cells_of(session, [run.id for run in runs])


def in_trash(session: Session, before: float | None = None) -> Sequence[Run]:
    """Runs in the trash, or those that came there before a moment."""
    query = select(Run).where(Run.deleted_at.is_not(None))
    if before is not None:
        query = query.where(Run.deleted_at < before)
    return session.scalars(query).all()


def purge(database: Database, run_ids: Sequence[str]) -> list[str]:
    """Delete runs that lie in the trash for good; the ids that went."""
    purged = []
    for run_id in run_ids:
        with database.write() as session:
            run = session.get(Run, run_id)
            if run is None or run.deleted_at is None:
                continue
            _set_aside(database.folder, run_id)
            session.execute(delete(Run).where(Run.id == run_id))
        shutil.rmtree(database.folder.trash / run_id, ignore_errors=True)
        purged.append(run_id)
    return purged


def purge_old(database: Database, now: float | None = None) -> list[str]:
    """Delete for good what has been in the trash for a month; called at every start."""
    before = (time.time() if now is None else now) - KEPT_S
    with database.read() as session:
        old = [run.id for run in in_trash(session, before)]
    purged = purge(database, old)
    with database.write() as session:
        forget_removed(session, before)
    return purged


def _set_aside(folder: DataFolder, run_id: str) -> None:
    files = folder.runs / run_id
    if files.is_dir():
        folder.trash.mkdir(exist_ok=True)
        files.rename(folder.trash / run_id)
