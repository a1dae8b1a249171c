"""Marks and notebooks as files of the data folder, written after their rows were.

    runs/<run>/a<attempt>/marks.json   stars, note, tags, trash, and whose: beside run.json
    notebooks/<id>.json                a notebook with its cells in order, removed ones included

`rescan` makes rows of them again. A notebook says by `rev` when it was written: a cell that moved
stands in two files until the older one is written anew, and the younger one is right.

A database that the files are not of, as when the old one was lost and a new one is empty, is not
mirrored (`storage.mirror_marker`): it would overwrite what `rescan` needs. A file that cannot be
read is set aside before another takes its place.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select, union
from sqlalchemy.orm import Session, load_only

from storage.database import Database
from storage.files import MARKS_FILE, DataFolder, write_whole
from storage.mirror_marker import set_mirrored
from storage.notebook_records import (
    MARKS,
    marks_text,
    notebook_of,
    read_marks,
    read_notebook,
)
from storage.runs import MAX_PAGE, current_rev
from storage.set_aside import UNREADABLE, set_aside_unreadable
from storage.tables import Cell, Notebook, Run

FILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # an id that may be one
COLUMNS = (Run.id, Run.rev, Run.attempt, Run.visitor, *(getattr(Run, name) for name in MARKS))


def write_changes(database: Database, after_rev: int, is_over: Callable[[], bool]) -> int | None:
    """Write what changed after a revision; the revision all is true up to, which is the same where
    nothing was to be written. None where it `is_over` before everything was.
    """
    with database.read() as session:
        until = current_rev(session)
    reached = after_rev
    for write in _writings(database, after_rev, until):
        if reached == after_rev:
            set_mirrored(database, after_rev)  # first: what follows is newer than an older copy
        if is_over():
            return None
        write()
        reached = until
    return reached


def forget_purged(database: Database) -> None:
    """Delete the files of notebooks that were in the trash and are gone for good."""
    with database.read() as session:
        known = set(session.scalars(select(Notebook.id)))
    for file in database.folder.notebooks.glob("*.json"):
        if file.stem not in known and _was_thrown_away(file):
            file.unlink(missing_ok=True)


def _writings(database: Database, after_rev: int, until: int) -> Iterator[Callable[[], None]]:
    """What is to be written, one file at a time."""
    for run in _finished(database, after_rev, until):
        yield partial(_write_marks, database.folder, run)
    for notebook_id in _changed_notebooks(database, after_rev, until):
        yield partial(_write_notebook, database, notebook_id)


def _finished(database: Database, after_rev: int, until: int) -> Iterator[Run]:
    """Done runs whose rows were written meanwhile, read some at a time."""
    query = select(Run).options(load_only(*COLUMNS)).where(Run.state == "done", Run.rev <= until)
    query = query.order_by(Run.rev).limit(MAX_PAGE)
    while True:
        with database.read() as session:
            runs = session.scalars(query.where(Run.rev > after_rev)).all()
        yield from runs
        if len(runs) < MAX_PAGE:
            return
        after_rev = runs[-1].rev


def _write_marks(folder: DataFolder, run: Run) -> None:
    """Write what is not there already; nothing for a run whose files are gone."""
    place = folder.attempt(run.id, run.attempt)
    if not place.is_dir():
        return
    file, content = place / MARKS_FILE, marks_text(run)
    with suppress(OSError):
        if file.read_bytes() == content:
            return
    set_aside_unreadable(file, read_marks)
    write_whole(file, content)


def _changed_notebooks(database: Database, after_rev: int, until: int) -> list[str]:
    """Notebooks written meanwhile, themselves or a cell of theirs."""
    own = select(Notebook.id).where(Notebook.rev > after_rev, Notebook.rev <= until)
    cells = select(Cell.notebook_id).where(Cell.rev > after_rev, Cell.rev <= until)
    if after_rev == 0:  # the inbox begins with revision 0
        own = select(Notebook.id)
    with database.read() as session:
        return sorted(notebook_id for (notebook_id,) in session.execute(union(own, cells)))


def _write_notebook(database: Database, notebook_id: str) -> None:
    with database.read() as session:
        record = _record(session, notebook_id)
    if record is not None and FILE_NAME.fullmatch(notebook_id):
        file = database.folder.notebooks / f"{notebook_id}.json"
        set_aside_unreadable(file, read_notebook)
        write_whole(file, _text(record).encode())


def _record(session: Session, notebook_id: str) -> dict[str, Any] | None:
    notebook = session.get(Notebook, notebook_id)
    if notebook is None:
        return None
    query = select(Cell).where(Cell.notebook_id == notebook_id)
    cells = session.scalars(query.order_by(Cell.position, Cell.id)).all()
    return {"rev": current_rev(session), **notebook_of(notebook, cells, with_visitor=True)}


def _text(record: dict[str, Any]) -> str:
    """The record with a line for each cell, so that it can be read and compared."""
    cells = ",\n".join(json.dumps(cell, ensure_ascii=False) for cell in record["cells"])
    head = {name: value for name, value in record.items() if name != "cells"}
    start = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    return f'{start},\n "cells": [\n{cells}\n]}}\n'


def _was_thrown_away(file: Path) -> bool:
    try:
        notebook, _ = read_notebook(json.loads(file.read_text("utf-8")))
    except UNREADABLE:
        return False
    return notebook["deleted_at"] is not None
