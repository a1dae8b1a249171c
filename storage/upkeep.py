"""Upkeep of the data folder: rows made again from files, files checked against rows.

`rescan` trusts files only as far as they can be read, and changes a row that is there only where
the files are of a newer state of the database, or a finished video lies under it. Killed at any
moment, it does the rest at its next call. `examine` changes nothing.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, text

from storage.database import Database
from storage.files import DataFolder
from storage.mirror_marker import adopt, part
from storage.notebook_rescue import bring_back_notebooks, kept_notebooks, run_ids_in
from storage.records import NAME
from storage.run_rescue import RunRescue, run_records
from storage.set_aside import UNREADABLE, copy_records
from storage.tables import Asset, Run

RUN_FILES = ("video.mp4", "poster.jpg", "thumb.webp", NAME)
DAMAGED = "The database is damaged: {}. Move it away, then run: python -m studio rescan"
FINISHED = "Runs that were finished already and are done now: {}."
CHANGED = "Records newer than their rows, taken over: {}."
COPIED = "The records as they were before are in {}."
MISSING = "Run {}: {} is missing in {}. Take it from a backup, or put the run in the trash."


@dataclass(frozen=True, kw_only=True, slots=True)
class Rescanned:
    """What was added and changed, and a sentence for each file that could not be used."""

    runs: int
    notebooks: int
    cells: int
    finished: int = 0  # runs whose rows did not know yet that they are done
    changed: int = 0  # rows that were older than their records
    copied_to: Path | None = None  # the records as they were before
    problems: list[str]

    def sentences(self) -> list[str]:
        """The report, what could not be used first."""
        told = [f"Added: runs {self.runs}, notebooks {self.notebooks}, cells {self.cells}."]
        if self.finished:
            told.append(FINISHED.format(self.finished))
        if self.changed:
            told.append(CHANGED.format(self.changed))
        if self.copied_to:
            told.append(COPIED.format(self.copied_to))
        return [*self.problems, *told]


def rescan(database: Database) -> Rescanned:
    """Add what lies in the folder and has no row. Where the files are of a newer state of this
    database, rows that are older take over what they say, and the files are copied first.
    """
    files = part(database)
    copied_to = copy_records(database) if files.relation != "own" else None
    books, problems = kept_notebooks(database.folder)
    rescue = RunRescue(database=database, files=files, placed=run_ids_in(books), problems=problems)
    became: Counter[str] = Counter()
    for file in run_records(database.folder):
        try:
            became[rescue.bring_back(file)] += 1
        except UNREADABLE as error:
            problems.append(f"{file.parent}: {error}")
    done = bring_back_notebooks(database, books, files)
    adopt(database)
    return Rescanned(
        runs=became["added"],
        notebooks=done.notebooks,
        cells=done.cells,
        finished=became["finished"],
        changed=became["changed"] + done.changed,
        copied_to=copied_to,
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


def _examine_asset(folder: DataFolder, asset: Asset) -> list[str]:
    file = folder.asset(asset.sha256, asset.extension)
    if not file.is_file():
        return [f"The file {file} is missing. Take it from a backup."]
    if hashlib.sha256(file.read_bytes()).hexdigest() != asset.sha256:
        return [f"The file {file} was changed: its name is its hash. Take it from a backup."]
    return []
