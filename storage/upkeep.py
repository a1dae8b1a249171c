"""Upkeep of the data folder: rows made again from files, files checked against rows.

`rescan` trusts files only as far as they can be read, and never changes a row that is there. Killed
at any moment, it does the rest at its next call. `examine` changes nothing.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from storage.database import Database
from storage.files import ATTEMPT, DataFolder, half_brought_in
from storage.mirror_files import MARKS_FILE, set_mirrored
from storage.notebook_records import read_marks
from storage.notebook_rescue import add_notebook, kept_notebooks, run_ids_in
from storage.notebooks import add_run_cell
from storage.records import NAME, read_record
from storage.runs import next_value
from storage.tables import INBOX, Asset, Counter, Run

RUN_FILES = ("video.mp4", "poster.jpg", "thumb.webp", NAME)
DAMAGED = "The database is damaged: {}. Move it away, then run: python -m studio rescan"
MISSING = "Run {}: {} is missing in {}. Take it from a backup, or put the run in the trash."


@dataclass(frozen=True, kw_only=True, slots=True)
class Rescanned:
    """What was added, and a sentence for each file that could not be used."""

    runs: int
    notebooks: int
    cells: int
    problems: list[str]


def rescan(database: Database) -> Rescanned:
    """Add the runs, notebooks and cells that lie in the folder and have no row."""
    books, problems = kept_notebooks(database.folder)
    placed, runs = run_ids_in(books), 0
    for file in _records(database.folder):
        try:
            runs += _add(database, file, placed, problems)
        except (ValueError, OSError) as error:
            problems.append(f"{file.parent}: {error}")
    added = [add_notebook(database, book) for book in books]
    set_mirrored(database, 0)
    return Rescanned(
        runs=runs,
        notebooks=sum(is_new for is_new, _ in added),
        cells=sum(cells for _, cells in added),
        problems=problems,
    )


def examine(database: Database) -> list[str]:
    """A sentence for everything that is wrong with the data folder; empty when all is well."""
    with database.read() as session:
        answer = session.scalar(text("PRAGMA integrity_check"))
        findings = [] if answer == "ok" else [DAMAGED.format(answer)]
        findings += [
            f"Row {row[2]}: a {row[0]} names something that is not there."
            for row in session.execute(text("PRAGMA foreign_key_check"))
        ]
        assets, runs = session.scalars(select(Asset)).all(), session.scalars(select(Run)).all()
    for asset in assets:
        findings += _examine_asset(database.folder, asset)
    for run in runs:
        if run.state == "done":
            folder = database.folder.attempt(run.id, run.attempt)
            missing = [name for name in RUN_FILES if not (folder / name).is_file()]
            findings += [MISSING.format(run.number, name, folder) for name in missing]
    return findings


def _records(folder: DataFolder) -> list[Path]:
    """The record of each run's latest finished attempt."""
    records = []
    for run in sorted(set(folder.runs.iterdir()) - _half_brought_in(folder)):
        files = [file for file in run.glob(f"a*/{NAME}") if (file.parent / "video.mp4").is_file()]
        files = [file for file in files if ATTEMPT.fullmatch(file.parent.name)]
        if files:
            records.append(max(files, key=lambda file: int(file.parent.name[1:])))
    return records


def _half_brought_in(folder: DataFolder) -> set[Path]:
    return {folder.runs / run_id for run_id in half_brought_in(folder)}


def _add(database: Database, file: Path, placed: set[str], problems: list[str]) -> bool:
    """Add a run; it stands in the inbox, unless a notebook has a place for it."""
    run, image, path = read_record(file)
    if [run.id, f"a{run.attempt}"] != [file.parent.parent.name, file.parent.name]:
        raise ValueError("the record belongs to another folder")
    for asset in (image, path):
        if not database.folder.asset(asset.sha256, asset.extension).is_file():
            raise ValueError(f"the file {asset.sha256}.{asset.extension} is missing in assets")
    marks = _marks_beside(file, problems)
    with database.write() as session:
        if session.get(Run, run.id) is not None:
            return False
        for name, value in marks.items():
            setattr(run, name, value)
        for asset in (image, path):
            session.merge(asset)
        session.flush()
        run.number = _free_number(session, run.number)
        run.rev = next_value(session, "rev")
        _find_family(session, run)
        session.add(run)
        session.flush()
        if run.id not in placed:
            add_run_cell(session, INBOX, run)
    return True


def _marks_beside(file: Path, problems: list[str]) -> dict[str, Any]:
    """What people said about a run; nothing where that cannot be read, which is a problem."""
    beside = file.with_name(MARKS_FILE)
    try:
        return read_marks(json.loads(beside.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as error:
        problems.append(f"{beside}: {error}")
        return {}


def _find_family(session: Session, run: Run) -> None:
    """What older records do not say; parents are older, so they have their rows by now."""
    if run.root_id:
        return
    parent = session.get(Run, run.parent_id) if run.parent_id else None
    run.root_id = parent.root_id if parent else run.id
    run.relation = "remix" if run.parent_id else ""


def _free_number(session: Session, number: int) -> int:
    """The run's own number, or the next one where another run has it; the counter moves along."""
    if session.scalar(select(Run.id).where(Run.number == number)) is not None:
        return next_value(session, "number")
    counter = session.get(Counter, "number")
    session.merge(Counter(name="number", value=max(counter.value if counter else 0, number)))
    return number


def _examine_asset(folder: DataFolder, asset: Asset) -> list[str]:
    file = folder.asset(asset.sha256, asset.extension)
    if not file.is_file():
        return [f"The file {file} is missing. Take it from a backup."]
    if hashlib.sha256(file.read_bytes()).hexdigest() != asset.sha256:
        return [f"The file {file} was changed: its name is its hash. Take it from a backup."]
    return []
