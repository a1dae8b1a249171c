"""Records that are about to be replaced, put aside first: nothing a person wrote is overwritten.

inbox.json.unreadable-<time>       beside its place: a record that this program cannot read
backups/records-<time>.zip         before a rescan: every notebook, and marks unlike their rows
"""

import json
import logging
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import select

from storage.database import Database
from storage.errors import BackupError
from storage.files import MARKS_FILE, DataFolder
from storage.mirror_marker import FILE as MARKER
from storage.notebook_records import marks_text
from storage.tables import Run

UNREADABLE = (ValueError, OSError, RecursionError)  # what reading somebody's JSON may raise
MARK = ".unreadable-"
NO_COPY = "The records could not be copied to {folder} first, so nothing was changed: {why}."

logger = logging.getLogger(__name__)


def set_aside_unreadable(file: Path, read: Callable[[Any], object]) -> None:
    """Rename a record that cannot be read; nothing where it can be, or is not there."""
    try:
        read(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return
    except UNREADABLE as error:
        aside = _free(file.with_name(f"{file.name}{MARK}{_stamp()}"))
        file.rename(aside)
        logger.warning("%s could not be read (%s): it is kept as %s", file, error, aside.name)


def kept_aside(folder: DataFolder) -> list[Path]:
    """Every record that was set aside because it could not be read."""
    marks = folder.runs.glob(f"*/a*/{MARKS_FILE}*{MARK}*")
    return sorted([*folder.notebooks.glob(f"*{MARK}*"), *marks])


def copy_records(database: Database) -> Path | None:
    """One zip of all records that may be replaced; None where there are none."""
    folder = database.folder
    files = [*sorted(folder.notebooks.glob("*.json")), *_differing_marks(database)]
    if not files:
        return None
    files += [file for file in [folder.root / MARKER] if file.is_file()]
    output = _free(folder.backups / f"records-{_stamp()}.zip")
    unfinished = output.with_suffix(".tmp")
    try:
        folder.backups.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as copy:
                for one in files:
                    name = one.relative_to(folder.root).as_posix()
                    copy.writestr(name, one.read_bytes())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(output)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise BackupError(NO_COPY.format(folder=folder.backups, why=error)) from error
    return output


def _differing_marks(database: Database) -> Iterator[Path]:
    """Marks on the disk that are not what the row of their run says, or have no row."""
    for file in sorted(database.folder.runs.glob(f"*/a*/{MARKS_FILE}")):
        with database.read() as session:
            run = session.scalar(select(Run).where(Run.id == file.parents[1].name))
        if run is None or file.read_bytes() != marks_text(run):
            yield file


def _stamp() -> str:
    return time.strftime("%Y%m%d-%H%M%S")


def _free(wanted: Path) -> Path:
    """The path, or the first one like it that nothing has yet."""
    path, number = wanted, 1
    while path.exists():
        number += 1
        path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
    return path
