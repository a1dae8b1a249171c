"""Notebooks and their cells: what stands where.

Positions are numbers of which only the order counts. A cell is added above all others in that
order; between two cells it takes the middle, and where the middle is too close the notebook is
numbered anew. "Above" is meant as displayed: a notebook may show the newest first or last.

Removed cells and notebooks stay in their tables with the time of it, so that it can be undone.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    Select,
    String,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    union,
)
from sqlalchemy.orm import Session
from ulid import ULID

from storage.runs import MAX_PAGE, next_value
from storage.tables import INBOX, Cell, Notebook, Run

CLOSEST = 1e-6  # positions nearer to each other than this are numbered anew
# Put together once: a press on Generate waits for it.
LAST_POSITION = select(func.coalesce(func.max(Cell.position), 0.0)).where(
    Cell.notebook_id == bindparam("notebook")
)
ADD_RUN_CELL = insert(Cell.metadata.tables["cells"]).values(
    id=bindparam("cell"),
    run_id=bindparam("run"),
    notebook_id=bindparam("notebook"),
    rev=bindparam("revision"),
    position=LAST_POSITION.scalar_subquery() + 1,
    created_at=bindparam("now"),
    visitor=bindparam("whose"),
    kind="run",
    content={},
    collapsed=False,
)
HIDDEN = Run.deleted_at.is_not(None)


def notebooks(session: Session) -> Sequence[Notebook]:
    """Those that are not deleted: the inbox first, then the newest."""
    query = select(Notebook).where(Notebook.deleted_at.is_(None))
    return session.scalars(query.order_by(Notebook.id != INBOX, Notebook.id.desc())).all()


def run_counts(session: Session) -> dict[str, int]:
    """How many runs each notebook shows."""
    pairs = shown_runs().subquery()
    query = (
        select(pairs.c.notebook_id, func.count())
        .join(Run, Run.id == pairs.c.run_id)
        .where(~HIDDEN)
        .group_by(pairs.c.notebook_id)
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


def open_notebook(session: Session, notebook_id: str) -> Notebook:
    """The notebook, or the inbox where it is gone: what is made needs a place."""
    found = session.get(Notebook, notebook_id)
    if found is None or found.deleted_at is not None:
        return session.get_one(Notebook, INBOX)
    return found


def shown_alone() -> Select[*tuple[Any, ...]]:
    """Which notebook shows which run in a cell of its own: pairs of ids."""
    own = Cell.run_id.is_not(None), Cell.deleted_at.is_(None)
    return select(Cell.notebook_id, Cell.run_id).where(*own)


def shown_in_sweeps() -> Select[Any]:
    """Which notebook shows which run in a sweep: pairs of ids."""
    each = func.json_each(Cell.content, "$.runs").table_valued("value")
    pairs = select(Cell.notebook_id, each.c.value.label("run_id")).select_from(Cell)
    return pairs.join(each, true()).where(Cell.kind == "sweep", Cell.deleted_at.is_(None))


def shown_runs() -> Select[Any]:
    """Which notebook shows which run, alone or in a sweep: pairs of ids, each once."""
    pairs = union(shown_alone(), shown_in_sweeps()).subquery()
    return select(pairs.c.notebook_id, pairs.c.run_id)


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
        visitor=_whose(session, notebook, kind, run_id, content),
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
    if notebook_id != INBOX:
        notebook_id = open_notebook(session, notebook_id).id
    place = {"cell": str(ULID()), "run": run.id, "notebook": notebook_id, "revision": run.rev}
    whose = {"whose": run.visitor, "now": time.time()}
    session.connection().execute(ADD_RUN_CELL, place | whose)


def _whose(
    session: Session,
    notebook: Notebook,
    kind: str,
    run_id: str | None,
    content: dict[str, Any] | None,
) -> str:
    """Whose a cell is: its run's visitor's, or that of a sweep's runs; else the notebook's."""
    if kind == "sweep":
        run_id = next(iter((content or {}).get("runs", ())), None)
    run = session.get(Run, run_id) if run_id else None
    return run.visitor if run else notebook.visitor


def move(session: Session, cell: Cell, notebook: Notebook, above: str | None) -> None:
    """Put a cell elsewhere, in its own or another notebook."""
    if above == cell.id:
        return
    cell.position = _position(session, notebook, above)
    cell.notebook_id = notebook.id
    touch(session, cell)


def below(session: Session, notebook: Notebook, cell: Cell) -> str | None:
    """The cell directly below, None of the last one: where to put it back.

    Removed cells and those of runs in the trash count, too: they may come back.
    """
    down, here = notebook.newest_first, Cell.notebook_id == notebook.id
    behind = Cell.position < cell.position if down else Cell.position > cell.position
    order = Cell.position.desc() if down else Cell.position
    return session.scalar(select(Cell.id).where(here, behind).order_by(order).limit(1))


def touch(session: Session, row: Cell | Notebook) -> None:
    """Mark a cell or notebook as changed now."""
    row.rev = next_value(session, "rev")


def touch_cells_of(session: Session, run_ids: Iterable[str]) -> None:
    """Tell pages of the cells of some runs anew: they show again, or not any more."""
    wanted = set(run_ids)
    for cell in session.scalars(select(Cell).where(Cell.run_id.in_(wanted))).all():
        touch(session, cell)
    for cell in session.scalars(select(Cell).where(Cell.kind == "sweep")).all():
        if not wanted.isdisjoint(cell.content.get("runs", ())):
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
