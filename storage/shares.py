"""Links to runs and notebooks: which are live, and what they show.

A link is live until it expires or is withdrawn, and while what it shows is not in the trash. A
notebook's link shows the runs of its cells, alone, compared or in sweeps.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from storage.tables import Cell, Notebook, Run, Share

EACH = func.json_each(Cell.content, "$.runs").table_valued("value")  # of a comparison or a sweep


def is_live(now: float) -> ColumnElement[bool]:
    """Whether a link is neither withdrawn nor expired."""
    return and_(Share.revoked_at.is_(None), or_(Share.expires_at.is_(None), Share.expires_at > now))


def find(session: Session, token: str, now: float) -> Share | None:
    """The live link of a token whose run or notebook is there."""
    query = (
        select(Share)
        .outerjoin(Run, Run.id == Share.run_id)
        .outerjoin(Notebook, Notebook.id == Share.notebook_id)
        .where(Share.token == token, is_live(now))
        .where(Run.deleted_at.is_(None), Notebook.deleted_at.is_(None))
    )
    return session.scalar(query)


def naming(session: Session, run_id: str, now: float) -> Sequence[Share]:
    """The live links that name a run or a notebook with it, and leave no recipe out."""
    books = select(Cell.notebook_id).join(Notebook, Notebook.id == Cell.notebook_id)
    books = books.where(_has(run_id), Cell.deleted_at.is_(None), Notebook.deleted_at.is_(None))
    wanted = or_(Share.run_id == run_id, Share.notebook_id.in_(books))
    return session.scalars(select(Share).where(is_live(now), Share.with_recipe, wanted)).all()


def names(session: Session, share: Share, run_id: str) -> bool:
    """Whether a link names this run, or a cell of its notebook does."""
    if share.run_id is not None:
        return share.run_id == run_id
    here = (Cell.notebook_id == share.notebook_id, Cell.deleted_at.is_(None))
    return session.scalar(select(Cell.id).where(*here, _has(run_id)).limit(1)) is not None


def count_done(session: Session, notebook_id: str) -> int:
    """How many finished runs a notebook shows, alone, compared or in sweeps."""
    here = (Cell.notebook_id == notebook_id, Cell.deleted_at.is_(None))
    among = func.json_each(Cell.content, "$.runs").table_valued("value", joins_implicitly=True)
    shown = or_(
        Run.id.in_(select(Cell.run_id).where(*here)),
        Run.id.in_(select(among.c.value).select_from(Cell, among).where(*here)),
    )
    query = select(func.count()).select_from(Run)
    return session.scalar(query.where(shown, Run.state == "done", Run.deleted_at.is_(None))) or 0


def _has(run_id: str) -> ColumnElement[bool]:
    """Whether a cell shows a run, alone or among others."""
    named = exists(select(1).select_from(EACH).where(EACH.c.value == run_id).correlate(Cell))
    return or_(Cell.run_id == run_id, named)
