"""The use cases of the notebook, without a page: submit, cancel, retry, list, follow.

A run is committed `queued` before `submit` returns; only the worker process generates. Everything
a person can get wrong raises `InvalidRequestError` with a sentence and the field it belongs to.
Nothing here imports torch.
"""

from pathlib import Path
from typing import Any

from ulid import ULID

from sanawm.camera.path import CameraPath
from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError
from storage import runs as rows
from storage.database import Database
from storage.errors import StorageError
from storage.queue import Queue
from storage.tables import Run
from studio import submission
from studio.cores import physical_cores
from studio.estimate import describe
from studio.generation import LOG_NAME
from studio.hub import Event, Hub
from studio.identity import Ownership, visitor_id
from studio.media import EVENTS, MediaKeys
from studio.models import ModelShelf
from studio.pictures import Pictures
from studio.run_views import RunPresenter
from studio.settings import Settings
from studio.supervisor import Supervisor
from studio.views import (
    AssetView,
    Draft,
    EstimateView,
    ExampleView,
    ModelView,
    RunView,
    StatusView,
)
from studio.workbench import worker_state
from studio.worker import WorkerSettings

REAL_RUNNER = "studio.runner:PipelineRunner"


class Studio:
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
        self.settings = settings
        self._database = database
        self._runner = runner
        self._threads = physical_cores()
        self._ownership = Ownership(owner_key=settings.owner_key, local_owner=local_owner)
        self._shelf = ModelShelf(settings)
        self._keys = MediaKeys.of_folder(database.folder.root)
        self._pictures = Pictures(database, self._keys, self._shelf)
        self._queue = Queue(database)
        self._supervisor = Supervisor(database, self._queue, self._worker_settings)
        self.hub = Hub(self.rev, self._event)

    def start(self) -> None:
        """Start the worker process; call it once the page answers."""
        self._supervisor.start()

    def stop(self) -> None:
        """Stop the worker within some seconds; its run goes back into the queue."""
        self.hub.close()
        self._supervisor.stop()

    def card(self, model: str = "") -> ModelCard:
        """The card of a model; of the one the program was started with where none is named."""
        return self._shelf.find(model).card

    def models(self) -> list[ModelView]:
        """Every model on this computer, the default first."""
        cards = [model.card for model in self._shelf.all()]
        return [ModelView(name=card.name, title=card.title, note=card.note) for card in cards]

    def status(self) -> StatusView:
        """What the worker and the queue are doing."""
        state = worker_state(self._database)
        with self._database.read() as session:
            queued, running = rows.counts(session)
        return StatusView(
            model=state.get("state", "starting"),
            sentence=state.get("sentence", ""),
            queued=queued,
            running=running,
            paused=self._queue.is_paused(),
        )

    def submit(self, draft: Draft, client_key: str, visitor: str) -> RunView:
        """Queue a run; the same client key gives the same run."""
        with self._database.read() as session:
            known = rows.by_client_key(session, client_key)
        if known is not None:
            return self.run(known.id)
        model = self._shelf.find(draft.model)
        run = submission.make_run(
            self._database, model, draft, client_key=client_key, visitor=visitor_id(visitor)
        )
        try:
            return self.run(self._queue.add(run).id)
        except StorageError as error:
            raise InvalidRequestError(str(error)) from error

    def estimate(self, draft: Draft) -> EstimateView:
        """How long the draft would take, learned from past runs."""
        guided = draft.guidance_scale > 1
        with self._database.read() as session:
            presenter = RunPresenter(session, self._keys)
            name = self._shelf.find(draft.model).card.name
            speed = presenter.speed(name, draft.num_frames, guided=guided)
            seconds = speed.total_s(draft.num_inference_steps) if speed else None
            return describe(seconds, presenter.wait_s())

    def cancel(self, run_id: str, visitor: str) -> RunView:
        """Cancel at once where queued, within one step where running; else nothing happens."""
        self._check_may_change(run_id, visitor)
        self._queue.cancel(run_id)
        return self.run(run_id)

    def retry(self, run_id: str, visitor: str) -> RunView:
        """Queue a failed or cancelled run again, with the same seed and settings."""
        self._check_may_change(run_id, visitor)
        try:
            self._queue.retry(run_id)
        except StorageError as error:
            raise InvalidRequestError(str(error)) from error
        return self.run(run_id)

    def pause(self) -> None:
        """Start no further run."""
        self._queue.pause(True)

    def resume(self) -> None:
        """Start queued runs again."""
        self._queue.pause(False)

    def runs(self, before: str | None = None, limit: int = 30) -> list[RunView]:
        """Newest first; `before` is the id of the last one already shown."""
        with self._database.read() as session:
            found = rows.newest(session, before, limit)
            return RunPresenter(session, self._keys).views(found)

    def run(self, run_id: str) -> RunView:
        """One run; raises InvalidRequestError where there is none."""
        with self._database.read() as session:
            run = session.get(Run, run_id)
            if run is None:
                raise InvalidRequestError("This run is not in the notebook.")
            return RunPresenter(session, self._keys).views([run])[0]

    def rev(self) -> int:
        """The revision of the newest change."""
        with self._database.read() as session:
            return rows.current_rev(session)

    def changes(self, after_rev: int) -> tuple[int, list[RunView]]:
        """The current revision, what changed since, and every queued or running run."""
        with self._database.read() as session:
            rev = rows.current_rev(session)
            found = rows.changed(session, after_rev)
            return rev, RunPresenter(session, self._keys).views(found)

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
        return submission.resolve_path(source, num_frames, self.card(model))

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
        else:
            file = self._database.folder.root / name
        return file if file.is_file() else None

    def events_url(self) -> str:
        """The SSE address with a capability: /gradio_api/wm/events?e=…&s=…."""
        return self._keys.events_url()

    def may_follow(self, expires: str, signature: str) -> bool:
        """Whether the capability of an SSE address is good."""
        return self._keys.verify(EVENTS, expires, signature)

    def diagnose(self, run_id: str) -> str:
        """The log of a failed run; empty where there is none."""
        with self._database.read() as session:
            run = session.get(Run, run_id)
        if run is None or run.state != "failed":
            return ""
        log = self._database.folder.attempt(run.id, run.attempt) / LOG_NAME
        return log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""

    def _event(self, after_rev: int) -> Event:
        rev, runs = self.changes(after_rev)
        return Event(rev=rev, runs=runs, status=self.status())

    def _check_may_change(self, run_id: str, visitor: str) -> None:
        with self._database.read() as session:
            run = session.get(Run, run_id)
        if run is None:
            raise InvalidRequestError("This run is not in the notebook.")
        if not self._ownership.may_change(run.visitor, visitor):
            raise InvalidRequestError("Only whoever started this run can change it.")

    def _worker_settings(self) -> WorkerSettings:
        return WorkerSettings(
            worker=str(ULID()),
            data_folder=str(self.settings.data_folder),
            model_folder=str(self.settings.model_folder),
            threads=self._threads,
            runner=self._runner,
        )
