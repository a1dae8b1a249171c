"""Rows of notebooks and cells, made again from the files of `storage.mirror_files`.

A cell that has no row takes its place behind the one that stands before it in the file. Cells of
runs that are gone stay away. Rows that are there are changed only where the files are of a newer
state of this database, and the rows were not changed since it was put back.
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
from storage.mirror_marker import Standing
from storage.notebook_records import read_notebook_in_parts
from storage.runs import next_value
from storage.set_aside import UNREADABLE
from storage.tables import INBOX, Cell, Notebook, Run

NAMED = ("title", "description", "newest_first", "deleted_at")
SHOWN = ("content", "collapsed", "deleted_at")
MOST_NAMED = 5  # cells that cannot be read, of one notebook


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptNotebook:
    """A notebook as its file has it."""

    rev: int
    columns: dict[str, Any]
    cells: list[dict[str, Any]] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class BroughtBack:
    """How many notebooks and cells were added, and how many others changed."""

    notebooks: int = 0
    cells: int = 0
    changed: int = 0


def kept_notebooks(folder: DataFolder) -> tuple[list[KeptNotebook], list[str]]:
    """Every notebook that has a file, the one written last first, and a sentence for each file
    that cannot be read, wholly or in part.
    """
    books, problems = [], []
    for file in sorted(folder.notebooks.glob("*.json")):
        try:
            book, unread = _read(file)
            books.append(book)
        except UNREADABLE as error:
            unread = [str(error)]
        if (more := len(unread) - MOST_NAMED) > 0:
            unread[MOST_NAMED:] = [f"and {more} more"]
        problems += [f"{file}: {', '.join(unread)}"] if unread else []
    return sorted(books, key=lambda book: -book.rev), problems


def run_ids_in(books: Sequence[KeptNotebook]) -> set[str]:
    """The runs that have a place in a notebook, be it one they were removed from."""
    alone = {cell["run_id"] for book in books for cell in book.cells if cell["run_id"]}
    swept = [cell for book in books for cell in book.cells if cell["kind"] == "sweep"]
    return alone.union(*(cell["content"]["runs"] for cell in swept))


def bring_back_notebooks(
    database: Database, books: Sequence[KeptNotebook], files: Standing
) -> BroughtBack:
    """Add what has no row; where the files are newer, let rows that were not changed since say what
    they do. All at once: what one notebook changes must not pass for a person's change in another.
    """
    with database.write() as session:
        rescue = _Rescue(session, files, next_value(session, "rev"))
        for book in books:  # the youngest first: it knows where a cell stands
            rescue.bring_back(book)
        return rescue.done


def _read(file: Path) -> tuple[KeptNotebook, list[str]]:
    record = json.loads(file.read_text(encoding="utf-8"))
    columns, cells, problems = read_notebook_in_parts(record)
    if columns["id"] != file.stem or not FILE_NAME.fullmatch(file.stem):
        raise ValueError("the notebook in it has another name")
    rev = record.get("rev", 0)
    rev = rev if isinstance(rev, int) else 0
    return KeptNotebook(rev=rev, columns=columns, cells=cells), problems


class _Rescue:
    """One notebook after another, in one transaction, under one new revision."""

    def __init__(self, session: Session, files: Standing, rev: int) -> None:
        self.done = BroughtBack()
        self._session, self._rev = session, rev
        self._runs = set(session.scalars(select(Run.id)))
        self._rows = {row.id: row for row in session.scalars(select(Cell))}
        self._older = self._not_changed_since(files.since)
        self._placed: set[str] = set()  # cells that a younger notebook has a place for

    def bring_back(self, book: KeptNotebook) -> None:
        """Make the rows of a notebook, or what they lack of it."""
        notebook = self._session.get(Notebook, book.columns["id"])
        if notebook is None:
            notebook = Notebook(rev=self._rev, **book.columns)
            self._session.add(notebook)
            self._session.flush()
            self.done.notebooks += 1
        else:
            self._name(notebook, book)
        self._place(notebook, book)

    def _not_changed_since(self, rev: int | None) -> set[str]:
        """Notebooks and cells that newer files may change; asked first, as places change many."""
        if rev is None:
            return set()
        rows = [*self._rows.values(), *self._session.scalars(select(Notebook))]
        return {row.id for row in rows if row.rev <= rev}

    def _name(self, notebook: Notebook, book: KeptNotebook) -> None:
        """What a notebook is called. The inbox is there in a new database: nobody named it yet."""
        is_new_inbox = notebook.id == INBOX and notebook.rev == 0
        if not is_new_inbox and notebook.id not in self._older:
            return
        new = {name: book.columns[name] for name in NAMED}
        if any(getattr(notebook, name) != value for name, value in new.items()):
            self.done.changed += 1
            for name, value in new.items():
                setattr(notebook, name, value)
            notebook.rev = self._rev

    def _place(self, notebook: Notebook, book: KeptNotebook) -> None:
        """The cells that no younger notebook has a place for."""
        cells = [one for one in book.cells if one["id"] not in self._placed and self._has_run(one)]
        self._placed.update(cell["id"] for cell in cells)
        moving = set()
        for cell in cells:
            row = self._rows.get(cell["id"])
            if row is None:
                self._rows[cell["id"]] = Cell(notebook_id=notebook.id, **cell)
                moving.add(cell["id"])
                self.done.cells += 1
            elif row.id in self._older and self._change(row, cell, notebook):
                moving.add(row.id)
        order = [cell["id"] for cell in cells]
        moving |= self._out_of_order(notebook, [one for one in order if one not in moving])
        if moving:
            self._number(notebook, order, moving)

    def _has_run(self, cell: dict[str, Any]) -> bool:
        return cell["run_id"] is None or cell["run_id"] in self._runs

    def _change(self, row: Cell, cell: dict[str, Any], notebook: Notebook) -> bool:
        """Let a row say what its cell does; whether it moves here from another notebook."""
        has_moved = row.notebook_id != notebook.id
        new = {name: cell[name] for name in SHOWN if getattr(row, name) != cell[name]}
        if new or has_moved:
            self.done.changed += 1
            row.notebook_id, row.rev = notebook.id, self._rev
            for name, value in new.items():
                setattr(row, name, value)
        return has_moved

    def _out_of_order(self, notebook: Notebook, cells: Sequence[str]) -> set[str]:
        """Older rows that stand in another order than their cells."""
        older = [one for one in cells if one in self._older]
        older = [one for one in older if self._rows[one].notebook_id == notebook.id]
        if older == sorted(older, key=self._position):
            return set()
        self.done.changed += 1
        return set(older)

    def _position(self, cell_id: str) -> tuple[float, str]:
        return self._rows[cell_id].position, cell_id

    def _number(self, notebook: Notebook, cells: Sequence[str], moving: set[str]) -> None:
        """Put the moving ones behind what stands before them, and number all anew."""
        here = [one for one, row in self._rows.items() if row.notebook_id == notebook.id]
        order, place = sorted((one for one in here if one not in moving), key=self._position), 0
        for cell_id in cells:
            if cell_id in moving:
                order.insert(place, cell_id)
                place += 1
            elif self._rows[cell_id].notebook_id == notebook.id:
                place = order.index(cell_id) + 1
        for position, cell_id in enumerate(order, start=1):
            row = self._rows[cell_id]
            row.position, row.rev = float(position), self._rev
            self._session.add(row)
