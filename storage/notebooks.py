"""Notebooks and their cells: what stands where.

Positions are numbers of which only the order counts. A cell is added above all others in that
order; between two cells it takes the middle, and where the middle is too close the notebook is
numbered anew. "Above" is meant as displayed: a notebook may show the newest first or last.

Removed cells and notebooks stay in their tables with the time of it, so that it can be undone.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import String, and_, cast, delete, func, or_, select
from sqlalchemy.orm import Session
from ulid import ULID

from storage.runs import MAX_PAGE, next_value
from storage.tables import INBOX, Cell, Notebook, Run

CLOSEST = 1e-6  # positions nearer to each other than this are numbered anew
HIDDEN = Run.deleted_at.is_not(None)


def notebooks(session: Session) -> Sequence[Notebook]:
    """Those that are not deleted: the inbox first, then the newest."""
    query = select(Notebook).where(Notebook.deleted_at.is_(None))
    return session.scalars(query.order_by(Notebook.id != INBOX, Notebook.id.desc())).all()


def run_counts(session: Session) -> dict[str, int]:
    """How many runs each notebook shows."""
    query = (
        select(Cell.notebook_id, func.count())
        .join(Run, Run.id == Cell.run_id)
        .where(Cell.deleted_at.is_(None), ~HIDDEN)
        .group_by(Cell.notebook_id)
    )
    return {notebook: count for notebook, count in session.execute(query)}


def add_notebook(session: Session, title: str, visitor: str) -> Notebook:
    """A new, empty notebook."""
    notebook = Notebook(
        id=str(ULID()),
        title=title,
        description="",
        newest_first=True,
        visitor=visitor,
        created_at=time.time(),
        rev=next_value(session, "rev"),
    )
    session.add(notebook)
    return notebook


def shown(session: Session, notebook: Notebook, after: Cell | None, limit: int) -> Sequence[Cell]:
    """Cells in the order of display, those behind `after`; none of a run in the trash."""
    down = notebook.newest_first
    query = _visible(notebook.id)
    if after is not None:
        query = query.where(
            Cell.position < after.position if down else Cell.position > after.position
        )
    order = Cell.position.desc() if down else Cell.position
    return session.scalars(query.order_by(order).limit(max(1, min(limit, MAX_PAGE)))).all()


def every_cell(session: Session, notebook: Notebook) -> Sequence[tuple[Cell, int | None, str]]:
    """Each cell as displayed, with its run's number and prompt: what an outline is made of."""
    order = Cell.position.desc() if notebook.newest_first else Cell.position
    query = (
        select(Cell, Run.number, Run.prompt)
        .outerjoin(Run, Run.id == Cell.run_id)
        .where(Cell.notebook_id == notebook.id, Cell.deleted_at.is_(None))
        .where(or_(Cell.run_id.is_(None), ~HIDDEN))
        .order_by(order)
    )
    return [(cell, number, prompt or "") for cell, number, prompt in session.execute(query)]


def add_cell(
    session: Session,
    notebook: Notebook,
    kind: str,
    *,
    above: str | None,
    run_id: str | None = None,
    content: dict[str, Any] | None = None,
) -> Cell:
    """A new cell directly above another one as displayed; "" is the top, None the bottom."""
    cell = Cell(
        id=str(ULID()),
        notebook_id=notebook.id,
        kind=kind,
        position=_position(session, notebook, above),
        run_id=run_id,
        content=content or {},
        collapsed=False,
        created_at=time.time(),
        rev=next_value(session, "rev"),
    )
    session.add(cell)
    session.flush()
    return cell


def add_run_cell(session: Session, notebook_id: str, run: Run) -> None:
    """The cell of a new run, where new ones go; in the inbox where the notebook is gone."""
    found = session.get(Notebook, notebook_id)
    if found is None or found.deleted_at is not None:
        notebook_id = INBOX
    session.add(
        Cell(
            id=str(ULID()),
            notebook_id=notebook_id,
            kind="run",
            position=_last(session, notebook_id) + 1,
            run_id=run.id,
            content={},
            created_at=time.time(),
            rev=run.rev,
        )
    )


def move(session: Session, cell: Cell, notebook: Notebook, above: str | None) -> None:
    """Put a cell elsewhere, in its own or another notebook."""
    if above == cell.id:
        return
    cell.position = _position(session, notebook, above)
    cell.notebook_id = notebook.id
    touch(session, cell)


def below(session: Session, notebook: Notebook, cell: Cell) -> str | None:
    """The cell that is displayed directly below; None of the last one. Where to put it back."""
    following = shown(session, notebook, cell, 1)
    return following[0].id if following else None


def touch(session: Session, row: Cell | Notebook) -> None:
    """Mark a cell or notebook as changed now."""
    row.rev = next_value(session, "rev")


def touch_cells_of(session: Session, run_ids: Iterable[str]) -> None:
    """Tell pages of the cells of some runs anew: they show again, or not any more."""
    for cell in session.scalars(select(Cell).where(Cell.run_id.in_(list(run_ids)))):
        touch(session, cell)


def changed_cells(session: Session, after_rev: int, until_rev: int) -> Sequence[Cell]:
    """Cells written after one revision and up to another, oldest change first."""
    query = select(Cell).where(Cell.rev > after_rev, Cell.rev <= until_rev).order_by(Cell.rev)
    return session.scalars(query).all()


def notebooks_changed(session: Session, after_rev: int) -> bool:
    """Whether any notebook was written after a revision."""
    return session.scalar(select(Notebook.id).where(Notebook.rev > after_rev).limit(1)) is not None


def forget_removed(session: Session, before: float) -> None:
    """Delete for good what was removed from notebooks before a moment."""
    session.execute(delete(Cell).where(Cell.deleted_at < before))
    session.execute(delete(Notebook).where(Notebook.deleted_at < before))


def _visible(notebook_id: str) -> Any:
    of_shown_run = or_(Cell.run_id.is_(None), ~HIDDEN)
    return (
        select(Cell)
        .outerjoin(Run, Run.id == Cell.run_id)
        .where(and_(Cell.notebook_id == notebook_id, Cell.deleted_at.is_(None), of_shown_run))
    )


def _last(session: Session, notebook_id: str) -> float:
    return session.scalar(_edge(func.max(Cell.position), notebook_id)) or 0.0


def _edge(edge: Any, notebook_id: str) -> Any:
    return select(edge).where(Cell.notebook_id == notebook_id)


def _position(session: Session, notebook: Notebook, above: str | None) -> float:
    """A free position directly above a cell as displayed."""
    if above:
        other = session.get(Cell, above)
        if other is not None and other.notebook_id == notebook.id:
            return _between(session, notebook, other)
    if (above is not None) == notebook.newest_first:  # the top of one, the bottom of the other
        return _last(session, notebook.id) + 1
    first = session.scalar(_edge(func.min(Cell.position), notebook.id))
    return (first or 0.0) - 1


def _between(session: Session, notebook: Notebook, other: Cell) -> float:
    """The middle between a cell and the one displayed above it."""
    beyond = _beyond(session, notebook, other)
    if beyond is not None and abs(beyond - other.position) < CLOSEST:
        _number_anew(session, notebook.id)
        beyond = _beyond(session, notebook, other)
    step = 1 if notebook.newest_first else -1
    return other.position + step if beyond is None else (other.position + beyond) / 2


def _beyond(session: Session, notebook: Notebook, other: Cell) -> float | None:
    """The position of the next cell above, removed ones included: they may come back."""
    if notebook.newest_first:
        query = _edge(func.min(Cell.position), notebook.id).where(Cell.position > other.position)
    else:
        query = _edge(func.max(Cell.position), notebook.id).where(Cell.position < other.position)
    found: float | None = session.scalar(query)
    return found


def _number_anew(session: Session, notebook_id: str) -> None:
    query = select(Cell).where(Cell.notebook_id == notebook_id).order_by(Cell.position)
    for position, cell in enumerate(session.scalars(query).all(), start=1):
        cell.position = float(position)
    touch_all = select(Cell).where(Cell.notebook_id == notebook_id)
    rev = next_value(session, "rev")
    for cell in session.scalars(touch_all):
        cell.rev = rev
    session.flush()


def home_of(session: Session, run_id: str) -> str:
    """The notebook in which a run was first shown, alone or in a sweep; else the inbox."""
    there = Cell.deleted_at.is_(None), Notebook.deleted_at.is_(None)
    query = select(Cell.notebook_id).join(Notebook, Notebook.id == Cell.notebook_id).where(*there)
    alone = query.where(Cell.run_id == run_id)
    swept = query.where(Cell.kind == "sweep", cast(Cell.content, String).contains(run_id))
    for found in (alone, swept):
        if home := session.scalar(found.order_by(Cell.id).limit(1)):
            return home
    return INBOX
