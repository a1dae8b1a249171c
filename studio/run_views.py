"""Rows into what the page shows: addresses, differences from the parent, place in the queue."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from sanawm.camera.presets import PRESETS
from storage.runs import finished, images, line, parents
from storage.tables import Asset, Run
from studio.estimate import Speed, is_guided, learn_speed
from studio.media import MediaKeys
from studio.views import Change, RunView

PRESET_TITLES = {preset.id: preset.title for preset in PRESETS}


class RunPresenter:
    """Makes views of rows inside one reading of the database."""

    def __init__(
        self, session: Session, keys: MediaKeys, clock: Callable[[], float] = time.time
    ) -> None:
        self._session = session
        self._keys = keys
        self._clock = clock
        self._line = line(session)
        self._speeds: dict[tuple[str, int, bool], Speed | None] = {}

    def views(self, runs: Sequence[Run]) -> list[RunView]:
        """One view for each row, in the same order."""
        families, frames = parents(self._session, runs), images(self._session, runs)
        return [
            self._view(run, families.get(run.parent_id or ""), frames[run.image_sha256])
            for run in runs
        ]

    def wait_s(self, before: Run | None = None) -> float | None:
        """Seconds until a run starts, or until a new one would; None where not measured."""
        total = 0.0
        for run in self._line:
            if before is not None and run.id == before.id:
                break
            left = self._left_s(run)
            if left is None:
                return None
            total += left
        return total

    def speed(self, model: str, num_frames: int, *, guided: bool) -> Speed | None:
        """What past runs of a model teach about clips of this length."""
        key = (model, num_frames, guided)
        if key not in self._speeds:
            past = finished(self._session, model)
            self._speeds[key] = learn_speed(past, num_frames, guided=guided)
        return self._speeds[key]

    def _left_s(self, run: Run) -> float | None:
        speed = self.speed(run.model, run.num_frames, guided=is_guided(run))
        return None if speed is None else speed.left_s(run)

    def _eta_s(self, run: Run) -> float | None:
        if run.state == "running":
            return self._left_s(run)
        return self.wait_s(run) if run.state == "queued" else None

    def _position(self, run: Run) -> int | None:
        if run.state != "queued":
            return None
        waiting = [other.id for other in self._line if other.state == "queued"]
        return waiting.index(run.id)

    def _view(self, run: Run, parent: Run | None, image: Asset) -> RunView:
        return RunView(
            id=run.id,
            number=run.number,
            state=run.state,  # type: ignore[arg-type]
            stage=run.stage,
            step=run.step,
            total=run.total,
            eta_s=self._eta_s(run),
            queue_position=self._position(run),
            prompt=run.prompt,
            negative_prompt=run.negative_prompt,
            path_source=run.path_source,
            path_label=path_label(run.path_source),
            path_points=run.path_points,
            num_frames=run.num_frames,
            fps=run.fps,
            seed=run.seed,
            steps=run.num_inference_steps,
            guidance=run.guidance_scale,
            model=run.model,
            model_revision=run.model_revision,
            parent_id=run.parent_id,
            parent_number=parent.number if parent else None,
            changes=changes(parent, run) if parent else [],
            error=run.error,
            created_at=run.created_at,
            seconds=run.seconds,
            timings=run.timings,
            image_sha256=run.image_sha256,
            width=run.width,
            height=run.height,
            **self._urls(run, image),
        )

    def _urls(self, run: Run, image: Asset) -> dict[str, str]:
        folder, done = f"runs/{run.id}/a{run.attempt}", run.state == "done"
        video = self._keys.media_url(f"{folder}/video.mp4") if done else ""
        return {
            "first_frame": self._keys.media_url(thumb_name(image.sha256)),
            "video": video,
            "poster": self._keys.media_url(f"{folder}/poster.jpg") if done else "",
            "thumb": self._keys.media_url(f"{folder}/thumb.webp") if done else "",
            "preview": self._keys.media_url(f"{folder}/{run.preview}") if run.preview else "",
            "download": f"{video}&name=wanderbook-{run.number}.mp4" if done else "",
        }


def thumb_name(sha256: str) -> str:
    """The media name of a first frame's small version."""
    return f"assets/{sha256}.thumb.webp"


def path_label(source: dict[str, Any]) -> str:
    """A camera path in words: a preset's title, an action string, or where its poses came from."""
    if source.get("kind") == "preset":
        return PRESET_TITLES.get(source.get("preset", ""), str(source.get("preset", "")))
    if source.get("kind") == "actions":
        return str(source.get("actions", ""))
    return f"poses from {source['file']}" if "file" in source else "poses"


def changes(parent: Run, run: Run) -> list[Change]:
    """The fields in which a run differs from its parent, as a person would name them."""
    before, after = _in_words(parent), _in_words(run)
    return [
        Change(field=field, before=before[field], after=after[field])
        for field in before
        if before[field] != after[field]
    ]


def _in_words(run: Run) -> dict[str, str]:
    return {
        "prompt": run.prompt,
        "negative prompt": run.negative_prompt,
        "first frame": run.image_sha256,
        "path": path_label(run.path_source),
        "length": f"{(run.num_frames - 1) / run.fps:g} s",
        "seed": str(run.seed),
        "steps": str(run.num_inference_steps),
        "guidance": f"{run.guidance_scale:g}",
        "model": run.model,
    }
