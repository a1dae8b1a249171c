"""The notebook of a bundle: whether it is here already, and how it is added where it is not.

A cell whose id is taken gets one that follows from its own, so the same bundle finds its cells
again however often it comes.
"""

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
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
    if not cells:
        known = session.get(Notebook, book["id"])
        return known.id if known is not None and known.id != INBOX else None
    wanted = {cell["id"] for cell in cells}
    found: dict[str, set[str]] = {}  # by notebook, the cells of the bundle that it shows
    for rows in _copies(session, book, cells):
        for cell in cells:
            row = rows.get(cell["id"])
            if row is not None and _is_same(row, cell, run_ids):
                found.setdefault(row.notebook_id, set()).add(cell["id"])
    return next((home for home, shown in found.items() if shown == wanted), None)


def _copies(
    session: Session, book: Mapping[str, Any], cells: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Cell]]:
    """The rows of these cells by their ids in the bundle: as they first came, then copy by copy."""
    copy = 0
    while True:
        ids = {_id_of_copy(book["id"], cell["id"], copy): cell["id"] for cell in cells}
        rows = session.scalars(select(Cell).where(Cell.id.in_(ids))).all()
        if copy and not rows:
            return
        yield {ids[row.id]: row for row in rows}
        copy += 1


def _id_of_copy(book_id: str, cell_id: str, copy: int) -> str:
    """What a cell is called that came for the so manyth time; its moment stays."""
    if not copy:
        return cell_id
    digest = hashlib.sha256(f"{book_id} {cell_id} {copy}".encode()).digest()
    return str(ULID.from_bytes(ULID.from_str(cell_id).bytes[:6] + digest[:10]))


def _free_id(session: Session, book_id: str, cell_id: str) -> str:
    copies = (_id_of_copy(book_id, cell_id, copy) for copy in itertools.count())
    return next(one for one in copies if session.get(Cell, one) is None)


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
    made.created_at = book["created_at"]
    session.flush()
    for position, cell in enumerate(cells, start=1):
        session.add(
            Cell(
                id=_free_id(session, book["id"], cell["id"]),
                rev=next_value(session, "rev"),
                notebook_id=made.id,
                visitor=visitor,
                kind=cell["kind"],
                position=float(position),
                run_id=cell["run_id"] and run_ids[cell["run_id"]],
                content=_content(cell["content"], run_ids),
                collapsed=cell["collapsed"],
                created_at=cell["created_at"],
            )
        )
    return made.id


def _copied(title: str) -> str:
    return title[: LONGEST_TITLE - len(COPY)] + COPY


def _is_same(row: Cell, cell: Mapping[str, Any], run_ids: Mapping[str, str]) -> bool:
    if row.deleted_at is not None or row.kind != cell["kind"]:
        return False
    run_id = cell["run_id"] and run_ids.get(cell["run_id"], "")
    return row.run_id == run_id and row.content == _content(cell["content"], run_ids)


def _content(content: Mapping[str, Any], run_ids: Mapping[str, str]) -> dict[str, Any]:
    """What a cell shows, its runs as they are called here; one that never came keeps its id."""
    if "runs" not in content:
        return dict(content)
    return dict(content) | {"runs": [run_ids.get(one, one) for one in content["runs"]]}
