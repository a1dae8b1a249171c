"""The application without a page: one object that pages, routes and scripts call.

What people do with runs is in `studio.desk` and `studio.series`; here are the worker process, the
pictures, the files behind addresses, the events and what the owner chose. Notebooks, marks, the
gallery, drafts and chains have an object each. Only the worker process generates; nothing
here imports torch.
"""

import copy
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ulid import ULID

from sanawm.camera.path import CameraPath
from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError
from storage import runs as rows
from storage.database import Database
from storage.files import LOG
from storage.line import counts
from storage.queue import Queue
from storage.tables import Run
from storage.trash import purge_old
from studio import submission
from studio.book import Book
from studio.bundle_writing import Bundle
from studio.bundles import Bundles
from studio.chains import Chains
from studio.cores import physical_cores
from studio.drafts import Drafts
from studio.gallery import Gallery
from studio.housekeeping import Housekeeping
from studio.hub import Event, Hub
from studio.identity import Ownership, visitor_id
from studio.marks import Marks
from studio.media import HOVER, VIDEO, MediaKeys, events_name, lies_in
from studio.mirror import Mirror
from studio.models import ModelShelf
from studio.pace import Pace
from studio.pictures import Pictures
from studio.preferences import (
    Policy,
    Preferences,
    changed,
    read_preferences,
    write_preferences,
)
from studio.presence import Presence
from studio.recipes import Recipes
from studio.series import Series
from studio.settings import Settings
from studio.shares import Shares
from studio.stripping import stripped
from studio.supervisor import Supervisor
from studio.tickets import Tickets
from studio.views import AssetView, ExampleView, ModelView, RunView
from studio.worker import WorkerSettings

RUN_VIDEO = re.compile(r"runs/(?P<run>\w+)/a(?P<attempt>\d+)/video\.mp4")

REAL_RUNNER = "studio.runner:PipelineRunner"
NOBODY = "nobody"  # who sent no key


class Studio(Series):
    """The application behind the page; one per process, safe to call from many threads.

    `hub.follow` is what the event stream sends. `local_owner` says that the page is on loopback
    and not shared, so that whoever sees it owns it. `runner` names what the worker runs.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        local_owner: bool = False,
        runner: str = REAL_RUNNER,
    ) -> None:
        super().__init__(
            database,
            Queue(database),
            ownership=Ownership(owner_key=settings.owner_key, local_owner=local_owner),
            shelf=ModelShelf(settings),
            keys=MediaKeys.of_folder(database.folder.root),
            pace=Pace(),
        )
        self.settings = settings
        self.tickets: Tickets[Callable[[], Bundle]] = Tickets()  # of bundles that were asked for
        self._visitor = ""  # whose studio it is: the hash of their key; "" of the owner's
        self.threads = physical_cores()
        self._runner = runner
        self._presence = Presence(settings.data_folder)
        self._supervisor = Supervisor(database, self._queue, self._worker_settings)
        self._mirror = Mirror(database)
        self.shares = Shares(database, self._ownership, self._views)
        self._look_at(database)
        self.hub = Hub(database.watch(), self.rev, self.event)
        self.housekeeping = Housekeeping(
            database,
            self._shelf,
            settings,
            is_owner=self.is_owner,
            preferences=self.preferences,
            status=self.status,
            threads=self.threads,
        )

    def _look_at(self, database: Database) -> None:
        """Read from this database from now on, and let every part do so."""
        self._database = database
        self._pictures = Pictures(database, self._keys, self._shelf)
        self.book = Book(database, self._ownership)
        self.marks = Marks(database, self._ownership, self.run, time.time)
        self.gallery = Gallery(database, self._views)
        self.drafts = Drafts(database)
        self.bundles = Bundles(database, self._views, self._ownership)
        self.chains = Chains(database, self._keys, self._shelf, self.store_image)
        self.recipes = Recipes(database, self.store_image, self.image)

    def seen_by(self, visitor: str) -> "Studio":
        """The studio as whoever sent this key may see it: everything for the owner, else theirs.

        What is not theirs is not there, whichever way it is asked for. Whether a person may change
        what they see is asked anew by every method that changes something.
        """
        return self if self.is_owner(visitor) else self._as_visitor(visitor_id(visitor))

    def _as_visitor(self, hashed: str) -> "Studio":
        scoped = copy.copy(self)
        scoped._visitor = hashed or NOBODY
        scoped._look_at(self._everything.seen_by(hashed))
        return scoped

    def start(self) -> None:
        """Start the worker process; call it once the page answers.

        After a program that ended uncleanly the queue waits for a person, if the owner wants so:
        what brought the program down may be in the queue still.
        """
        unclean = self._presence.enter()
        purge_old(self._database)
        with self._database.read() as session:
            somebody_waits = any(counts(session))
        if unclean and somebody_waits and self.preferences().after_unclean_stop == "pause":
            self._queue.pause(True, "unclean stop")
        self._supervisor.start()
        self._mirror.start()

    def stop(self) -> None:
        """Stop the worker within some seconds; its run goes back into the queue."""
        self.hub.close()
        try:
            self._supervisor.stop()
            self._mirror.stop()
        finally:
            self._presence.leave()

    def card(self, model: str = "") -> ModelCard:
        """The card of a model; of the one the program was started with where none is named."""
        return self._shelf.find(model).card

    def models(self) -> list[ModelView]:
        """Every model on this computer, the default first."""
        cards = [model.card for model in self._shelf.all()]
        return [ModelView(name=card.name, title=card.title, note=card.note) for card in cards]

    def preferences(self) -> Preferences:
        """What the owner chose. Where nobody could let a paused queue go on, it never pauses."""
        with self._database.read() as session:
            return read_preferences(session, self._default_policy)

    @property
    def _default_policy(self) -> Policy:
        return "pause" if self._ownership.has_owner else "continue"

    def set_preferences(self, visitor: str, **values: Any) -> Preferences:
        """Choose otherwise; only the owner may."""
        self._check_owner(visitor)
        with self._database.write() as session:
            chosen = changed(read_preferences(session, self._default_policy), values)
            write_preferences(session, values)
        return chosen

    def rev(self) -> int:
        """The revision of the newest change."""
        with self._database.read() as session:
            return rows.current_rev(session)

    def store_image(self, path: Path) -> AssetView:
        """Check a picture's header, turn it upright, drop its EXIF and keep it."""
        return self._pictures.store(path)

    def image(self, sha256: str) -> AssetView:
        """A stored first frame; raises InvalidRequestError where there is none."""
        return self._pictures.find(sha256)

    def examples(self) -> list[ExampleView]:
        """The bundled first frames; empty where the model brings none."""
        return self._pictures.examples()

    def use_example(self, example_id: str) -> AssetView:
        """Store a bundled first frame as if it had been dropped on the page."""
        return self._pictures.use_example(example_id)

    def preview_path(self, source: dict[str, Any], num_frames: int, model: str = "") -> CameraPath:
        """Resolve a camera path for the live check; raises with the segment that is wrong."""
        folder = self._database.folder
        return submission.resolve_path(source, num_frames, self.card(model), folder)

    def path_points(self, path: CameraPath) -> list[list[float]]:
        """The path as the top view draws it: RunView.path_points of poses not submitted yet."""
        return submission.path_points(path)

    def media_file(self, name: str, expires: str, signature: str) -> Path | None:
        """The file behind a media URL /gradio_api/wm/media/<name>?e=<expires>&s=<signature>.

        None where the capability is forged or expired or the file is gone: answer 404.
        """
        if not self._keys.verify(name, expires, signature):
            return None
        if name.startswith("examples/"):
            file = self._pictures.example_file(name.removeprefix("examples/"))
            return file if file.is_file() else None
        file = self._database.folder.root / name
        if file.name == HOVER and not file.is_file():
            file = file.with_name(VIDEO)
        return file if file.is_file() and lies_in(file, self._database.folder.root) else None

    def stripped_video(self, run_id: str) -> Path:
        """The file of a finished run's video without its recipe; made at the first call."""
        run = self.run(run_id)
        if run.state != "done":
            raise InvalidRequestError(f"Run {run.number} has no video yet.")
        return stripped(self._database.folder, run.id, run.attempt)

    def stripped_file(self, name: str, expires: str, signature: str) -> Path | None:
        """Like `media_file` of a run's video, without its recipe; None of every other file."""
        match = RUN_VIDEO.fullmatch(name)
        if match is None or self.media_file(name, expires, signature) is None:
            return None
        return stripped(self._database.folder, match["run"], int(match["attempt"]))

    def run_file_url(self, run: RunView, name: str) -> str:
        """The address of a file beside a finished run's video: c2w.npz, run.json."""
        return self._keys.media_url(f"runs/{run.id}/a{run.attempt}/{name}")

    def events_url(self) -> str:
        """The SSE address with a capability: /gradio_api/wm/events?v=…&e=…&s=…."""
        return self._keys.events_url(self._visitor)

    def follower(self, visitor: str, expires: str, signature: str) -> "Studio | None":
        """The studio as an SSE address may follow it; None where its capability is not good."""
        if not self._keys.verify(events_name(visitor), expires, signature):
            return None
        return self._as_visitor(visitor) if visitor else self

    def diagnose(self, run_id: str, visitor: str) -> str:
        """The log of a failed run, for whoever may change it; empty where there is none."""
        self._check_may_change(run_id, visitor)
        with self._database.read() as session:
            run = session.get(Run, run_id)
        if run is None or run.state != "failed":
            return ""
        log = self._database.folder.attempt(run.id, run.attempt) / LOG
        return log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""

    def event(self, after_rev: int) -> Event:
        """What changed after a revision, and how the worker and the queue are now."""
        rev, runs = self.changes(after_rev)
        cells, notebooks = self.book.changes(after_rev, rev)
        return Event(rev=rev, runs=runs, cells=cells, notebooks=notebooks, status=self.status())

    def narrowed(self, event: Event) -> Event:
        """An event of the whole notebook, as far as whoever looks may see what it tells of."""
        if self._database is self._everything:
            return event
        mine = [run.id for run in event.runs if run.visitor == self._visitor]
        known = {run.id: run for run in self.runs_named(mine)} if mine else {}
        told = event.notebooks is not None
        return Event(
            rev=event.rev,
            runs=[known[run_id] for run_id in mine if run_id in known],
            cells=[cell for cell in event.cells if cell.visitor == self._visitor],
            notebooks=self.book.all() if told else None,
            status=replace(event.status, line=self._seen_places(event.status.line)),
        )

    def _worker_settings(self) -> WorkerSettings:
        return WorkerSettings(
            worker=str(ULID()),
            data_folder=str(self.settings.data_folder),
            model_folder=str(self.settings.model_folder),
            threads=self.threads,
            runner=self._runner,
        )
