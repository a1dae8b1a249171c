"""Rows of runs, made again from the records beside their videos.

A run without a row gets one. One whose row is not done although its video and record lie there is
done. Marks of a row are taken over only where the files are of a newer state of this database.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.database import Database
from storage.files import ATTEMPT, MARKS_FILE, DataFolder, half_brought_in, is_whole
from storage.mirror_marker import Standing
from storage.notebook_records import read_marks
from storage.notebooks import add_run_cell
from storage.outcomes import end
from storage.records import DECIDING, FIELDS, NAME, read_record
from storage.runs import next_value, touch
from storage.set_aside import UNREADABLE
from storage.tables import INBOX, Asset, Counter, Job, Run

OWN = ("id", "number", "created_at", "parent_id", "root_id", "relation")  # a row that is there has
SAID = ("rating", "note", "tags")
Became = Literal["added", "finished", "changed", ""]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRescue:
    """Brings back one run after another; `placed` are those that a notebook has a place for."""

    database: Database
    files: Standing
    placed: set[str]
    problems: list[str] = field(default_factory=list)

    def bring_back(self, file: Path) -> Became:
        """What became of the run of a record; ValueError or OSError where it cannot be used."""
        run, image, path = read_record(file)
        if [run.id, f"a{run.attempt}"] != [file.parent.parent.name, file.parent.name]:
            raise ValueError("the record belongs to another folder")
        for asset in (image, path):
            if not self.database.folder.asset(asset.sha256, asset.extension).is_file():
                raise ValueError(f"the file {asset.sha256}.{asset.extension} is missing in assets")
        marks = self._marks_beside(file)
        with self.database.write() as session:
            row = session.get(Run, run.id)
            if row is None:
                self._add(session, run, (image, path), marks)
                return "added"
            if row.state != "done":
                return self._finish(session, row, run, marks)
            return self._take_over(session, row, marks)

    def _add(
        self, session: Session, run: Run, assets: tuple[Asset, Asset], marks: dict[str, Any]
    ) -> None:
        """Add a run; it stands in the inbox, unless a notebook has a place for it."""
        for name, value in marks.items():
            setattr(run, name, value)
        for asset in assets:
            session.merge(asset)
        session.flush()
        run.number = _free_number(session, run.number)
        run.rev = next_value(session, "rev")
        _find_family(session, run)
        session.add(run)
        session.flush()
        if run.id not in self.placed:
            add_run_cell(session, INBOX, run)

    def _finish(self, session: Session, row: Run, kept: Run, marks: dict[str, Any]) -> Became:
        """Let a row say what its record does, and end its job, unless somebody works on just this
        or it was cancelled before its end could be written.
        """
        job = session.scalar(select(Job).where(Job.run_id == row.id))
        if self.files.relation == "own" and row.state == "cancelled":
            return ""
        if job is not None and job.attempt == kept.attempt and (job.lease_until or 0) > time.time():
            return ""
        if differs := [name for name in DECIDING if getattr(row, name) != getattr(kept, name)]:
            place = self.database.folder.attempt(kept.id, kept.attempt)
            self.problems.append(f"{place}: run {row.number} differs in {', '.join(differs)}")
            return ""
        self._mark(row, marks)
        if job is not None:
            session.delete(job)
        fields = {name: getattr(kept, name) for name in FIELDS if name not in OWN}
        end(session, row, "done", stage="", error="", **fields)
        return "finished"

    def _take_over(self, session: Session, row: Run, marks: dict[str, Any]) -> Became:
        if self.files.relation != "newer" or not self._mark(row, marks):
            return ""
        touch(session, row)
        return "changed"

    def _mark(self, row: Run, marks: dict[str, Any]) -> bool:
        """Let a row say what the marks do, or only what it does not say itself where it was changed
        after them; whether that changed anything.
        """
        if self.files.since is not None and row.rev <= self.files.since:
            said = {name: value for name, value in marks.items() if name != "visitor" or value}
        else:
            said = {name: marks[name] for name in SAID if name in marks and not getattr(row, name)}
        new = {name: value for name, value in said.items() if getattr(row, name) != value}
        for name, value in new.items():
            setattr(row, name, value)
        return bool(new)

    def _marks_beside(self, file: Path) -> dict[str, Any]:
        """What people said about a run; nothing where that cannot be read, which is a problem.

        The latest attempt may have been made after an older copy of the database was put back: it
        has no marks yet, and an earlier one has.
        """
        others = sorted(_attempts(file.parents[1]), key=_number, reverse=True)
        beside = [one / MARKS_FILE for one in (file.parent, *others)]
        beside = [one for one in beside if one.is_file()]
        if not beside:
            return {}
        try:
            return read_marks(json.loads(beside[0].read_text(encoding="utf-8")))
        except UNREADABLE as error:
            self.problems.append(f"{beside[0]}: {error}")
            return {}


def run_records(folder: DataFolder) -> Iterator[Path]:
    """The record of each run's latest finished attempt."""
    arriving = {folder.runs / run_id for run_id in half_brought_in(folder)}
    for run in sorted(set(folder.runs.iterdir()) - arriving):
        if whole := [attempt for attempt in _attempts(run) if is_whole(attempt)]:
            yield max(whole, key=_number) / NAME


def _attempts(run: Path) -> list[Path]:
    return [one for one in run.glob("a*") if ATTEMPT.fullmatch(one.name)]


def _number(attempt: Path) -> int:
    return int(attempt.name[1:])


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
