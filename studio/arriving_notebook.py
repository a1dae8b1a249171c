"""The notebook of a bundle: whether it is here already, and how it is added where it is not."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from ulid import ULID

from storage.notebooks import add_notebook as new_notebook
from storage.notebooks import touch
from storage.runs import next_value
from storage.tables import INBOX, Cell, Notebook
from studio.book import LONGEST_TITLE

COPY = " (from a bundle)"


def known_notebook(
    session: Session,
    book: Mapping[str, Any],
    cells: Sequence[Mapping[str, Any]],
    run_ids: Mapping[str, str],
) -> str | None:
    """The notebook here that shows just what this one does, cell by cell; None of another."""
    ids = [cell["id"] for cell in cells]
    rows = {row.id: row for row in session.scalars(select(Cell).where(Cell.id.in_(ids)))}
    homes = {row.notebook_id for row in rows.values()}
    if not cells:
        known = session.get(Notebook, book["id"])
        return known.id if known is not None and known.id != INBOX else None
    if len(homes) != 1 or not all(_is_same(rows.get(cell["id"]), cell, run_ids) for cell in cells):
        return None
    return homes.pop()


def bring_back(session: Session, notebook_id: str) -> None:
    """Take a notebook out of the trash, where it lies there."""
    notebook = session.get_one(Notebook, notebook_id)
    if notebook.deleted_at is not None:
        notebook.deleted_at = None
        touch(session, notebook)


def add_notebook(
    session: Session,
    book: Mapping[str, Any],
    cells: Sequence[Mapping[str, Any]],
    run_ids: Mapping[str, str],
    visitor: str,
) -> str:
    """A new notebook with these cells; their runs are called here what `run_ids` says."""
    is_free = book["id"] != INBOX and session.get(Notebook, book["id"]) is None
    title = " ".join(book["title"].split())
    made = new_notebook(session, title if is_free else _copied(title), visitor)
    made.id = book["id"] if is_free else made.id
    made.description, made.newest_first = book["description"], book["newest_first"]
    session.flush()
    for position, cell in enumerate(cells, start=1):
        taken = session.get(Cell, cell["id"]) is not None
        session.add(
            Cell(
                id=str(ULID()) if taken else cell["id"],
                rev=next_value(session, "rev"),
                notebook_id=made.id,
                visitor=visitor,
                kind=cell["kind"],
                position=float(position),
                run_id=cell["run_id"] and run_ids[cell["run_id"]],
                content=_content(cell["content"], run_ids),
                collapsed=cell["collapsed"],
                created_at=time.time(),
            )
        )
    return made.id


def _copied(title: str) -> str:
    return title[: LONGEST_TITLE - len(COPY)] + COPY


def _is_same(row: Cell | None, cell: Mapping[str, Any], run_ids: Mapping[str, str]) -> bool:
    if row is None or row.deleted_at is not None or row.kind != cell["kind"]:
        return False
    run_id = cell["run_id"] and run_ids.get(cell["run_id"], "")
    return row.run_id == run_id and row.content == _content(cell["content"], run_ids)


def _content(content: Mapping[str, Any], run_ids: Mapping[str, str]) -> dict[str, Any]:
    """What a cell shows, its runs as they are called here; one that never came keeps its id."""
    if "runs" not in content:
        return dict(content)
    return dict(content) | {"runs": [run_ids.get(one, one) for one in content["runs"]]}
