"""Marks and notebooks as files of the data folder, written after their rows were.

    runs/<run>/a<attempt>/marks.json   stars, note, tags, trash, and whose: beside run.json
    notebooks/<id>.json                a notebook with its cells in order, removed ones included
    mirror.json                        up to which revision of which database all this is true

`rescan` makes rows of them again. A notebook says by `rev` when it was written: a cell that moved
stands in two files until the older one is written anew, and the younger one is right.

A database that the files are not of, as when the old one was lost and a new one is empty, is not
mirrored: it would overwrite what `rescan` needs.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import select, union
from sqlalchemy.orm import Session, load_only

from storage.database import Database
from storage.files import DataFolder, write_whole
from storage.notebook_records import MARKS, marks_of, notebook_of
from storage.runs import MAX_PAGE, current_rev
from storage.settings import read_setting
from storage.tables import Cell, Notebook, Run, Setting

MARKS_FILE = "marks.json"
SETTING = "mirror"
FILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # an id that may be one
COLUMNS = (Run.id, Run.rev, Run.attempt, Run.visitor, *(getattr(Run, name) for name in MARKS))


def is_foreign(database: Database) -> bool:
    """Whether the files are of another database, or of a newer state of this one."""
    with database.read() as session:
        name, now = read_setting(session, SETTING).get("id"), current_rev(session)
    marker = _read_marker(database.folder)
    if marker is None:
        return not name and any(database.folder.notebooks.glob("*.json"))
    return bool(marker["database"] != name or marker["rev"] > now)


def mirrored_until(database: Database) -> int | None:
    """The revision the files are true up to, 0 of none; None where they are another database's.

    Where there are none yet, they are this database's from now on.
    """
    if is_foreign(database):
        return None
    marker = _read_marker(database.folder)
    if marker is None:
        set_mirrored(database, 0)
    return marker["rev"] if marker else 0


def set_mirrored(database: Database, rev: int) -> None:
    """Say that the files are this database's, and true up to a revision."""
    with database.read() as session:
        name = read_setting(session, SETTING).get("id")
    if not name:
        name = secrets.token_hex(8)
        with database.write() as session:  # no page shows it, so it is no new revision
            session.merge(Setting(key=SETTING, value={"id": name}))
    text = json.dumps({"database": name, "rev": rev})
    write_whole(_marker(database.folder), text.encode())


def write_changes(database: Database, after_rev: int, is_over: Callable[[], bool]) -> int | None:
    """Write what changed after a revision; the revision all is true up to, which is the same where
    nothing was to be written. None where it `is_over` before everything was.
    """
    with database.read() as session:
        until = current_rev(session)
    reached = after_rev
    for run in _finished(database, after_rev, until):
        if is_over():
            return None
        _write_marks(database.folder, run)
        reached = until
    for notebook_id in _changed_notebooks(database, after_rev, until):
        if is_over():
            return None
        _write_notebook(database, notebook_id)
        reached = until
    return reached


def forget_purged(database: Database) -> None:
    """Delete the files of notebooks that were in the trash and are gone for good."""
    with database.read() as session:
        known = set(session.scalars(select(Notebook.id)))
    for file in database.folder.notebooks.glob("*.json"):
        if file.stem not in known and _was_thrown_away(file):
            file.unlink(missing_ok=True)


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
    content = json.dumps(marks_of(run, with_visitor=True), indent=1, ensure_ascii=False).encode()
    file = place / MARKS_FILE
    with suppress(OSError):
        if file.read_bytes() == content:
            return
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
        record = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and isinstance(record.get("deleted_at"), float)


def _marker(folder: DataFolder) -> Path:
    return folder.root / "mirror.json"


def _read_marker(folder: DataFolder) -> dict[str, Any] | None:
    """None where there is none; one of no database where it cannot be read."""
    try:
        marker = json.loads(_marker(folder).read_text("utf-8"))
        return {"database": str(marker["database"]), "rev": int(marker["rev"])}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return {"database": None, "rev": 0}
