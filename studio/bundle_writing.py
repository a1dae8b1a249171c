"""Bundles are written while they are sent: planned from rows, then read file by file.

Everything that says who somebody is stays here. What a row says of a run is in its `run.json`,
which never changes; its marks and the notebook's cells are as they are now.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sanawm.errors import InvalidRequestError
from storage.database import Database
from storage.notebook_records import marks_of, notebook_of
from storage.streamed_zip import Entry, zip_chunks, zip_size
from storage.tables import Asset, Cell, Notebook, Run
from studio.bundle_format import ENDING, MANIFEST, MARKS, NEEDED, NOTEBOOK, OPTIONAL, PAGE, SCHEMA
from studio.cells import notebook_row
from studio.open_links import ToPack
from studio.views import RunView

NOTHING = "Nothing here is done yet, so there is no video to pack."
GONE = (
    "Run {number} cannot be packed: {name} is missing. Put the run in the trash, or bring the file "
    "back from a backup."
)
LONGEST_NAME = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What a bundle shows, for its page. `runs` in the order of the page; `notebook` is a
    wanderbook.notebook/1 record, None where the bundle has runs alone; `images` are the places of
    first frames by hash.
    """

    runs: list[RunView]
    notebook: dict[str, Any] | None
    images: dict[str, str]


Page = Callable[[Contents], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """A bundle that is ready to be sent, in pieces."""

    name: str
    entries: list[Entry]

    @property
    def size(self) -> int:
        """All of it in bytes."""
        return zip_size([*self.entries, _manifest(self.entries, {})])

    def chunks(self) -> Iterator[bytes]:
        """The bytes. The hash of each file is taken while it is read, and said at the end."""
        hashes: dict[str, str] = {}
        hashed = [_hashed(entry, hashes) for entry in self.entries]
        return zip_chunks([*hashed, _manifest(self.entries, hashes)])


class BundleWriting:
    """Plans bundles of what one may see; safe to call from many threads."""

    def __init__(
        self, database: Database, views: Callable[[Session, Sequence[Run]], list[RunView]]
    ) -> None:
        self._database = database
        self._views = views

    def of_runs(self, run_ids: Sequence[str], page: Page) -> Bundle:
        """Finished runs, without a notebook."""
        with self._database.read() as session:
            runs = _finished(session, run_ids)
            name = f"run-{runs[0].number}" if len(runs) == 1 else f"{len(runs)}-runs"
            return self._plan(session, runs, None, page, name)

    def of_notebook(self, notebook_id: str, page: Page) -> Bundle:
        """A notebook, its texts and every finished run it shows."""
        with self._database.read() as session:
            notebook = notebook_row(session, notebook_id)
            cells = _cells(session, notebook)
            runs = _finished(session, _shown(notebook, cells))
            book = _record(notebook, cells, runs)
            return self._plan(session, runs, book, page, notebook.title)

    def of_share(self, shown: ToPack, page: Page) -> Bundle:
        """What a link shows: its runs, in their notebook where it is one's. Stars and tags are
        nobody's business there.
        """
        with shown.database.read() as session:
            runs = [
                run for run in _finished(session, shown.run_ids) if not self._missing(session, run)
            ]
            if not runs:
                raise InvalidRequestError(NOTHING)
            book, name = None, f"run-{runs[0].number}"
            if shown.notebook_id is not None:
                notebook = notebook_row(session, shown.notebook_id)
                book, name = _record(notebook, _cells(session, notebook), runs), notebook.title
                book["cells"] = list(only_packed(book["cells"], {run.id for run in runs}))
            return self._plan(session, runs, book, page, name, is_shared=True)

    def _plan(
        self,
        session: Session,
        runs: Sequence[Run],
        book: dict[str, Any] | None,
        page: Page,
        name: str,
        *,
        is_shared: bool = False,
    ) -> Bundle:
        self._check_whole(session, runs)
        images = {run.image_sha256: self._image(session, run) for run in runs}
        places = {key: f"assets/{key}{file.suffix}" for key, file in images.items()}
        contents = Contents(runs=self._views(session, runs), notebook=book, images=places)
        entries = [Entry.of_bytes(NOTEBOOK, _json(book))] if book else []
        entries.append(Entry.of_bytes(PAGE, page(contents).encode()))
        for run in runs:
            entries += self._run(run, is_shared=is_shared)
        entries += [Entry.of_file(places[sha256], file) for sha256, file in images.items()]
        return Bundle(name=f"wanderbook-{_slug(name)}{ENDING}", entries=entries)

    def _check_whole(self, session: Session, runs: Sequence[Run]) -> None:
        for run in runs:
            if missing := self._missing(session, run):
                raise InvalidRequestError(GONE.format(number=run.number, name=missing))

    def _missing(self, session: Session, run: Run) -> str:
        """The first file that a run cannot be packed without; "" where all are there."""
        folder = self._database.folder.attempt(run.id, run.attempt)
        wanted = {name: folder / name for name in NEEDED}
        wanted["its first frame"] = self._image(session, run)
        return next((name for name, file in wanted.items() if not file.is_file()), "")

    def _image(self, session: Session, run: Run) -> Path:
        image = session.get_one(Asset, run.image_sha256)
        return self._database.folder.asset(image.sha256, image.extension)

    def _run(self, run: Run, *, is_shared: bool) -> list[Entry]:
        folder = self._database.folder.attempt(run.id, run.attempt)
        there = [name for name in (*NEEDED, *OPTIONAL) if (folder / name).is_file()]
        files = [
            Entry.of_file(f"runs/{run.id}/{name}", folder / name) for name in there if name != MARKS
        ]
        marks = marks_of(run, with_visitor=False) | {"deleted_at": None}
        marks |= {"rating": 0, "tags": []} if is_shared else {}
        return [*files, Entry.of_bytes(f"runs/{run.id}/{MARKS}", _json(marks))]


def _finished(session: Session, run_ids: Sequence[str]) -> list[Run]:
    """The runs of these that are done and not in the trash, in this order; a sentence for none."""
    ids = list(dict.fromkeys(run_ids))
    wanted = (Run.id.in_(ids), Run.state == "done", Run.deleted_at.is_(None))
    found = {run.id: run for run in session.scalars(select(Run).where(*wanted))}
    if not found:
        raise InvalidRequestError(NOTHING)
    return [found[run_id] for run_id in ids if run_id in found]


def _cells(session: Session, notebook: Notebook) -> Sequence[Cell]:
    here = (Cell.notebook_id == notebook.id, Cell.deleted_at.is_(None))
    return session.scalars(select(Cell).where(*here).order_by(Cell.position)).all()


def _shown(notebook: Notebook, cells: Sequence[Cell]) -> list[str]:
    """The ids of the runs of a notebook, as displayed."""
    displayed = cells[::-1] if notebook.newest_first else cells
    return [
        run_id
        for cell in displayed
        for run_id in ([cell.run_id] if cell.run_id else cell.content.get("runs", ()))
    ]


def _record(notebook: Notebook, cells: Sequence[Cell], runs: Sequence[Run]) -> dict[str, Any]:
    """The notebook without cells that have no run to show."""
    ids = {run.id for run in runs}
    kept = [cell for cell in cells if _has_something(cell, ids)]
    return notebook_of(notebook, kept, with_visitor=False)


def _has_something(cell: Cell, run_ids: set[str]) -> bool:
    shown = [cell.run_id] if cell.kind == "run" else cell.content.get("runs", ())
    return cell.kind == "text" or not run_ids.isdisjoint(shown)


def only_packed(cells: Iterable[dict[str, Any]], packed: set[str]) -> Iterator[dict[str, Any]]:
    """The cells of a record without a word of runs that are not packed: what is left of a sweep or
    a comparison that misses some is its runs, one after another.
    """
    for cell in cells:
        runs = cell["content"].get("runs", ())
        if packed.issuperset(runs):
            yield cell
            continue
        for run in (run for run in runs if run in packed):  # the same names every time
            yield cell | {
                "id": cell["id"][:16] + run[-10:],
                "kind": "run",
                "run": run,
                "content": {},
            }


def _hashed(entry: Entry, hashes: dict[str, str]) -> Entry:
    """The same file; its hash is known once it was read."""

    def chunks() -> Iterator[bytes]:
        digest = hashlib.sha256()
        for chunk in entry.chunks():
            digest.update(chunk)
            yield chunk
        hashes[entry.name] = digest.hexdigest()

    return Entry(name=entry.name, size=entry.size, chunks=chunks)


def _manifest(entries: Sequence[Entry], hashes: dict[str, str]) -> Entry:
    """The list of files; as long before the hashes are known as afterwards."""

    def listed(known: dict[str, str]) -> bytes:
        files = {
            entry.name: {"size": entry.size, "sha256": known.get(entry.name, "0" * 64)}
            for entry in entries
        }
        return _json({"schema": SCHEMA, "files": files})

    return Entry(name=MANIFEST, size=len(listed({})), chunks=lambda: iter((listed(hashes),)))


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def _slug(name: str) -> str:
    """A title as part of a file's name."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return words[:LONGEST_NAME].strip("-") or "notebook"
