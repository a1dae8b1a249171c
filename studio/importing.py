"""Bringing a bundle in: all of it or nothing, also when the program is killed meanwhile.

The bundle is unpacked, checked and put into its last form in a folder beside `runs/`. Then, in one
transaction, folders take their places and rows are added; what a killed import leaves has no row
and is cleaned up later. Ids are kept where they are free. A run whose id another run has gets a new
one, and keeps the old one as the `origin` in its record, by which it is known the next time.
"""

import hashlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
from studio.arrival import READY, Arrival, make_ready, plan, record_of
from studio.arriving_notebook import add_notebook, bring_back, known_notebook
from studio.bundle_contents import SAME, BundledRun
from studio.bundle_reading import Inspected, inspect
from studio.media import VIDEO

CHANGED = "The notebook was changed meanwhile. Bring the bundle in again."


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What of a bundle is here already: `runs` its ids by the bundle's; the notebook, if it is."""

    runs: dict[str, str]
    notebook_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What a bundle brought: ids of runs that are new and that were here, and its notebook."""

    added: list[str]
    known: list[str]
    notebook_id: str | None


class Importing:
    """Brings bundles into a data folder."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, bundle: Inspected) -> Known:
        """What of a bundle is here already."""
        with self._database.read() as session:
            runs = {run.id: here for run in bundle.runs if (here := self._same(session, run))}
            book = bundle.notebook and known_notebook(session, *bundle.notebook, runs)
            return Known(runs=runs, notebook_id=book or None)

    def bring_in(self, file: Path, visitor: str) -> Imported:
        """Take over what is in a bundle; `visitor` is the hash of whoever does it."""
        with self._staged() as folder:
            bundle = inspect(file, folder)
            known = self.known(bundle)
            with self._database.write() as session:
                arrival = plan(session, bundle.runs, known.runs)
            marks = {run_id: make_ready(folder, run_id, arrival) for run_id in arrival.new}
            if arrival.new:
                sync_tree(folder / READY)
                names = "\n".join(new.id for new in arrival.new.values())
                write_whole(folder / PLACING, names.encode())
            with ExitStack() as files, self._database.write() as session:
                _check_unchanged(session, arrival, known)
                root = self._database.folder.root
                files.enter_context(_in_place(folder / READY, root))
                for run_id, new in arrival.new.items():
                    _add_run(session, record_of(root, new), marks[run_id] | {"visitor": visitor})
                notebook_id = _notebook(session, bundle, known, arrival, visitor)
                _show_the_rest(session, arrival)
        return Imported(
            added=[new.id for new in arrival.new.values()],
            known=list(dict.fromkeys(known.runs.values())),
            notebook_id=notebook_id,
        )

    def _same(self, session: Session, run: BundledRun) -> str:
        """The id of the run here that one of a bundle is; "" where it is none of them."""
        named = [session.get(Run, run_id) for run_id in dict.fromkeys((run.id, run.origin))]
        found = [row for row in named if row is not None]
        if found:  # one took its id: it may have come here under another
            renamed = func.json_extract(Run.record, "$.origin").in_((run.id, run.origin))
            found += session.scalars(select(Run).where(renamed)).all()
        return next((row.id for row in found if self._is_same(row, run)), "")

    def _is_same(self, row: Run, run: BundledRun) -> bool:
        if row.state != "done" or tuple(getattr(row, name) for name in SAME) != run.same:
            return False
        video = self._database.folder.attempt(row.id, row.attempt) / VIDEO
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
def _in_place(ready: Path, root: Path) -> Iterator[None]:
    """Folders of runs, and files of assets, where they belong; back if what follows fails."""
    moved: list[tuple[Path, Path]] = []
    try:
        for path in [*ready.glob("assets/*"), *ready.glob("runs/*")]:
            goal = root / path.relative_to(ready)
            if path.parent.name == "assets" and goal.exists():  # the same content has one name
                continue
            path.rename(goal)
            moved.append((path, goal))
        yield
    except BaseException:
        for path, goal in reversed(moved):
            goal.rename(path)
        raise


def _check_unchanged(session: Session, arrival: Arrival, known: Known) -> None:
    """What was looked up before the files were made ready still holds."""
    are_there = all(session.get(Run, run_id) is not None for run_id in known.runs.values())
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
    rows = [session.get_one(Run, run_id) for run_id in dict.fromkeys(known.runs.values())]
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
