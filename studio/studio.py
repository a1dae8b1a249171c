"""The use cases of the notebook, without a page: submit, cancel, retry, list, follow.

A run is committed `queued` before `submit` returns; only the worker process generates. Everything
a person can get wrong raises `InvalidRequestError` with a sentence and the field it belongs to.
Nothing here imports torch.
"""

from pathlib import Path
from typing import Any

from sanawm.camera.path import CameraPath
from sanawm.config import ModelCard
from storage.database import Database
from studio.hub import Hub
from studio.settings import Settings
from studio.views import (
    AssetView,
    Draft,
    EstimateView,
    ExampleView,
    ModelView,
    RunView,
    StatusView,
)


class Studio:
    """The application behind the page; one per process, safe to call from many threads."""

    hub: Hub  # `async for event in studio.hub.follow(after_rev)`: what the SSE route sends

    def __init__(self, settings: Settings, database: Database) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Start the worker process; call it once the page answers."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop the worker within some seconds; its run goes back into the queue."""
        raise NotImplementedError

    def card(self, model: str = "") -> ModelCard:
        """The card of a model; of the one the program was started with where none is named."""
        raise NotImplementedError

    def models(self) -> list[ModelView]:
        """Every model on this computer, the default first."""
        raise NotImplementedError

    def status(self) -> StatusView:
        """What the worker and the queue are doing."""
        raise NotImplementedError

    def submit(self, draft: Draft, client_key: str, visitor: str) -> RunView:
        """Queue a run; the same client key gives the same run."""
        raise NotImplementedError

    def estimate(self, draft: Draft) -> EstimateView:
        """How long the draft would take, learned from past runs."""
        raise NotImplementedError

    def cancel(self, run_id: str, visitor: str) -> RunView:
        """Cancel at once where queued, within one step where running; else nothing happens."""
        raise NotImplementedError

    def retry(self, run_id: str, visitor: str) -> RunView:
        """Queue a failed or cancelled run again, with the same seed and settings."""
        raise NotImplementedError

    def pause(self) -> None:
        """Start no further run."""
        raise NotImplementedError

    def resume(self) -> None:
        """Start queued runs again."""
        raise NotImplementedError

    def runs(self, before: str | None = None, limit: int = 30) -> list[RunView]:
        """Newest first; `before` is the id of the last one already shown."""
        raise NotImplementedError

    def run(self, run_id: str) -> RunView:
        """One run; raises InvalidRequestError where there is none."""
        raise NotImplementedError

    def changes(self, after_rev: int) -> tuple[int, list[RunView]]:
        """The current revision, what changed since, and every queued or running run."""
        raise NotImplementedError

    def store_image(self, path: Path) -> AssetView:
        """Check a picture's header, turn it upright, drop its EXIF and keep it."""
        raise NotImplementedError

    def image(self, sha256: str) -> AssetView:
        """A stored first frame; raises InvalidRequestError where there is none."""
        raise NotImplementedError

    def examples(self) -> list[ExampleView]:
        """The bundled first frames; empty where the model brings none."""
        raise NotImplementedError

    def use_example(self, example_id: str) -> AssetView:
        """Store a bundled first frame as if it had been dropped on the page."""
        raise NotImplementedError

    def preview_path(self, source: dict[str, Any], num_frames: int, model: str = "") -> CameraPath:
        """Resolve a camera path for the live check; raises with the segment that is wrong."""
        raise NotImplementedError

    def path_points(self, path: CameraPath) -> list[list[float]]:
        """The path as the top view draws it: RunView.path_points of poses not submitted yet."""
        raise NotImplementedError

    def media_file(self, name: str, expires: str, signature: str) -> Path | None:
        """The file behind a media URL /gradio_api/wm/media/<name>?e=<expires>&s=<signature>.

        None where the capability is forged or expired or the file is gone: answer 404.
        """
        raise NotImplementedError

    def events_url(self) -> str:
        """The SSE address with a capability: /gradio_api/wm/events?e=…&s=…."""
        raise NotImplementedError

    def may_follow(self, expires: str, signature: str) -> bool:
        """Whether the capability of an SSE address is good."""
        raise NotImplementedError

    def diagnose(self, run_id: str) -> str:
        """The log of a failed run, for its owner."""
        raise NotImplementedError
