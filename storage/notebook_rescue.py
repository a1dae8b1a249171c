"""Rows of notebooks and cells, made again from the files of `storage.mirror_files`.

Rows that are there are never changed; a cell that has no row takes its place behind the one that
stands before it in the file. Cells of runs that are gone stay away.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.database import Database
from storage.files import DataFolder
from storage.mirror_files import FILE_NAME
from storage.notebook_records import read_notebook
from storage.runs import next_value
from storage.tables import INBOX, Cell, Notebook, Run

TITLED = ("title", "description", "newest_first")


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptNotebook:
    """A notebook as its file has it."""

    rev: int
    columns: dict[str, Any]
    cells: list[dict[str, Any]] = field(default_factory=list)


def kept_notebooks(folder: DataFolder) -> tuple[list[KeptNotebook], list[str]]:
    """Every notebook that has a file, the one written last first, and a sentence for each file
    that cannot be read.
    """
    books, problems = [], []
    for file in sorted(folder.notebooks.glob("*.json")):
        try:
            books.append(_read(file))
        except (ValueError, OSError) as error:
            problems.append(f"{file}: {error}")
    return sorted(books, key=lambda book: -book.rev), problems


def run_ids_in(books: Sequence[KeptNotebook]) -> set[str]:
    """The runs that have a place in a notebook, be it one they were removed from."""
    alone = {cell["run_id"] for book in books for cell in book.cells if cell["run_id"]}
    swept = [cell for book in books for cell in book.cells if cell["kind"] == "sweep"]
    return alone.union(*(cell["content"]["runs"] for cell in swept))


def add_notebook(database: Database, book: KeptNotebook) -> tuple[bool, int]:
    """Add what of a notebook has no row; whether it is new, and how many cells are."""
    with database.write() as session:
        notebook = session.get(Notebook, book.columns["id"])
        rev, is_new = next_value(session, "rev"), notebook is None
        if notebook is None:
            notebook = Notebook(rev=rev, **book.columns)
            session.add(notebook)
            session.flush()
        missing = _missing(session, book.cells)
        if missing:
            _name_inbox(session, notebook, book, rev)
            _put_in(session, notebook, book.cells, missing, rev)
    return is_new, len(missing)


def _read(file: Path) -> KeptNotebook:
    record = json.loads(file.read_text(encoding="utf-8"))
    columns, cells = read_notebook(record)
    if columns["id"] != file.stem or not FILE_NAME.fullmatch(file.stem):
        raise ValueError("the notebook in it has another name")
    rev = record.get("rev", 0)
    return KeptNotebook(rev=rev if isinstance(rev, int) else 0, columns=columns, cells=cells)


def _missing(session: Session, cells: Sequence[dict[str, Any]]) -> set[str]:
    """The cells that no notebook has, and whose runs are there."""
    known = set(session.scalars(select(Cell.id)))
    runs = set(session.scalars(select(Run.id)))
    return {
        cell["id"]
        for cell in cells
        if cell["id"] not in known and (cell["run_id"] is None or cell["run_id"] in runs)
    }


def _name_inbox(session: Session, notebook: Notebook, book: KeptNotebook, rev: int) -> None:
    """The inbox of a new database is there, but nobody has written into it yet."""
    written = select(Cell.id).where(Cell.notebook_id == INBOX, Cell.kind != "run").limit(1)
    if notebook.id == INBOX and notebook.rev == 0 and session.scalar(written) is None:
        notebook.rev = rev
        for name in TITLED:
            setattr(notebook, name, book.columns[name])


def _put_in(
    session: Session,
    notebook: Notebook,
    cells: Sequence[dict[str, Any]],
    missing: set[str],
    rev: int,
) -> None:
    """Add the cells that are missing and number all of the notebook's anew."""
    query = select(Cell).where(Cell.notebook_id == notebook.id).order_by(Cell.position, Cell.id)
    rows = {row.id: row for row in session.scalars(query)}
    order, place = list(rows), 0
    for cell in cells:
        if cell["id"] in missing:
            order.insert(place, cell["id"])
            rows[cell["id"]] = Cell(notebook_id=notebook.id, **cell)
            place += 1
        elif cell["id"] in rows:
            place = order.index(cell["id"]) + 1
    for position, cell_id in enumerate(order, start=1):
        row = rows[cell_id]
        row.position, row.rev = float(position), rev
        session.add(row)
