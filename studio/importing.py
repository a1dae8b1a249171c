"""Bringing a bundle in: all of it or nothing, also when the program is killed meanwhile.

The bundle is unpacked, checked and put into its last form in a folder beside `runs/`. Then, in one
transaction, folders take their places and rows are added; what a killed import leaves has no row
and is cleaned up later. Ids are kept where they are free. A run whose id another run has gets a new
one, and keeps the old one as the `origin` in its record, by which it is known the next time. A run
that is here and has lost files gets them back.
"""

import hashlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sanawm.errors import InvalidRequestError
from storage.database import Database
from storage.files import PLACING, sync_tree, write_whole
from storage.notebooks import add_run_cell, shown_runs
from storage.records import read_record
from storage.runs import next_value, touch_parents
from storage.tables import INBOX, Run
from storage.trash import take_back
from studio.arrival import READY, Arrival, check_rescanned, make_ready, plan, record_of
from studio.arriving_notebook import add_notebook, bring_back, known_notebook
from studio.bundle_contents import SAME, BundledRun, told_of
from studio.bundle_reading import Inspected, disk_in_words, inspect
from studio.media import VIDEO
from studio.mending import MENDED, has_all_files, mend

LEFT = "left"  # a folder of the staged bundle: what lay in the places of its runs
CHANGED = "The notebook was changed meanwhile. Bring the bundle in again."


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What of a bundle is here already: ids here by the bundle's, those of runs that lack files in
    `lost`; and the notebook, if it is.
    """

    runs: dict[str, str]
    lost: dict[str, str]
    notebook_id: str | None

    @property
    def rows(self) -> dict[str, str]:
        """The runs that have a row."""
        return self.runs | self.lost


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What a bundle brought: ids of runs that are new, or whole again, and of those that were here;
    and its notebook.
    """

    added: list[str]
    known: list[str]
    notebook_id: str | None


class Importing:
    """Brings bundles into a data folder."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, bundle: Inspected) -> Known:
        """What of a bundle is here already."""
        known = Known(runs={}, lost={}, notebook_id=None)
        folder = self._database.folder
        with disk_in_words("The bundle"), self._database.read() as session:
            check_rescanned(session, folder, bundle.runs)
            for run in bundle.runs:
                if (row := self._same(session, run)) is not None:
                    kind = known.runs if has_all_files(session, folder, row) else known.lost
                    kind[run.id] = row.id
            book = bundle.notebook and known_notebook(session, *bundle.notebook, known.rows)
            return replace(known, notebook_id=book or None)

    def bring_in(self, file: Path, visitor: str) -> Imported:
        """Take over what is in a bundle; `visitor` is the hash of whoever does it."""
        with disk_in_words(file.name), self._staged() as folder:
            bundle = inspect(file, folder)
            known = self.known(bundle)
            arrival, marks = self._make_ready(folder, bundle, known)
            root = self._database.folder.root
            with ExitStack() as files, self._database.write() as session:
                _check_unchanged(session, arrival, known)
                files.enter_context(_in_place(folder, root))
                for run_id, new in arrival.new.items():
                    _add_run(session, record_of(root, new), marks[run_id] | {"visitor": visitor})
                notebook_id = _notebook(session, bundle, known, arrival, visitor)
                _show_the_rest(session, arrival)
        return Imported(
            added=[*(new.id for new in arrival.new.values()), *dict.fromkeys(known.lost.values())],
            known=list(dict.fromkeys(known.runs.values())),
            notebook_id=notebook_id,
        )

    def _make_ready(
        self, folder: Path, bundle: Inspected, known: Known
    ) -> tuple[Arrival, dict[str, dict[str, Any]]]:
        """Everything in its last form, on the disk; and the columns that marks fill."""
        with self._database.write() as session:
            arrival = plan(session, bundle.runs, known.rows)
        with self._database.read() as session:
            mend(session, self._database.folder, folder, known.lost)
        marks = {run_id: make_ready(folder, run_id, arrival) for run_id in arrival.new}
        if arrival.new:
            sync_tree(folder / READY)
            names = "\n".join(new.id for new in arrival.new.values())
            write_whole(folder / PLACING, names.encode())
        return arrival, marks

    def _same(self, session: Session, run: BundledRun) -> Run | None:
        """The run here that one of a bundle is; None where it is none of them."""
        named = [session.get(Run, run_id) for run_id in dict.fromkeys((run.id, run.origin))]
        found = [row for row in named if row is not None]
        if found:  # one took its id: it may have come here under another
            renamed = func.json_extract(Run.record, "$.origin").in_((run.id, run.origin))
            found += session.scalars(select(Run).where(renamed)).all()
        return next((row for row in found if self._is_same(row, run)), None)

    def _is_same(self, row: Run, run: BundledRun) -> bool:
        if row.state != "done" or tuple(getattr(row, name) for name in SAME) != run.same:
            return False
        video = self._database.folder.attempt(row.id, row.attempt) / VIDEO
        if not video.exists():  # its record alone says which it was
            return told_of(row) == run.told
        with video.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == run.video_sha256

    @contextmanager
    def _staged(self) -> Iterator[Path]:
        """A folder on the disk of the data folder, gone afterwards."""
        folder = self._database.folder.imports / secrets.token_hex(8)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _in_place(staged: Path, root: Path) -> Iterator[None]:
    """Folders of runs, and single files, where they belong; back if what follows fails. Where a
    folder lies that no row names, and of which a rescan makes none, it goes.
    """
    moved: list[tuple[Path, Path]] = []
    ready, mended = staged / READY, staged / MENDED
    single = [(path, mended) for path in mended.rglob("*") if path.is_file()]
    single += [(path, ready) for path in ready.glob("assets/*")]
    try:
        for path, base in [*single, *((path, ready) for path in ready.glob("runs/*"))]:
            goal = root / path.relative_to(base)
            if path.is_file() and goal.exists():  # assets: the same content has one name
                continue
            if goal.exists():
                aside = staged / LEFT / goal.name
                aside.parent.mkdir(exist_ok=True)
                goal.rename(aside)
                moved.append((goal, aside))
            goal.parent.mkdir(parents=True, exist_ok=True)
            path.rename(goal)
            moved.append((path, goal))
        yield
    except BaseException:
        for path, goal in reversed(moved):
            goal.rename(path)
        raise


def _check_unchanged(session: Session, arrival: Arrival, known: Known) -> None:
    """What was looked up before the files were made ready still holds."""
    are_there = all(session.get(Run, run_id) is not None for run_id in known.rows.values())
    are_free = all(session.get(Run, new.id) is None for new in arrival.new.values())
    if not (are_there and are_free):
        raise InvalidRequestError(CHANGED)


def _add_run(session: Session, record: Path, marks: dict[str, Any]) -> None:
    """The row that a rescan would make of this record, and its marks."""
    run, image, path = read_record(record)
    for asset in (image, path):
        session.merge(asset)
    for name, value in marks.items():
        setattr(run, name, value)
    run.rev = next_value(session, "rev")
    session.add(run)
    session.flush()
    touch_parents(session, [run])


def _notebook(
    session: Session, bundle: Inspected, known: Known, arrival: Arrival, visitor: str
) -> str | None:
    """The bundle's notebook, new or taken out of the trash, and what of its runs lay there."""
    rows = [session.get_one(Run, run_id) for run_id in dict.fromkeys(known.rows.values())]
    take_back(session, [row for row in rows if row.deleted_at is not None])
    if known.notebook_id:
        bring_back(session, known.notebook_id)
        return known.notebook_id
    return bundle.notebook and add_notebook(session, *bundle.notebook, arrival.ids, visitor)


def _show_the_rest(session: Session, arrival: Arrival) -> None:
    """New runs that no notebook shows stand in the inbox, the newest last added."""
    session.flush()
    shown = {run_id for _, run_id in session.execute(shown_runs())}
    for new in arrival.new.values():
        if new.id not in shown:
            add_run_cell(session, INBOX, session.get_one(Run, new.id))
