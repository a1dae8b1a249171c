"""Rows into what the page shows: addresses, differences from the parent, place in the queue."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from sanawm.camera.presets import PRESETS
from storage.runs import images, parents
from storage.search import children
from storage.tables import Asset, Run
from studio.media import HOVER, LIVE, MediaKeys
from studio.pace import Line
from studio.submission import kept_source
from studio.views import Change, RunView

PRESET_TITLES = {preset.id: preset.title for preset in PRESETS}


class RunPresenter:
    """Makes views of rows inside one reading of the database."""

    def __init__(
        self,
        session: Session,
        keys: MediaKeys,
        line: Line,
        lengths: Callable[[str], Sequence[int]],
    ) -> None:
        self._session = session
        self._keys = keys
        self._line = line
        self._waiting = {place.id: place for place in line.waiting}
        self._lengths = lengths  # frames that a model offers

    def views(self, runs: Sequence[Run]) -> list[RunView]:
        """One view for each row, in the same order."""
        families, frames = parents(self._session, runs), images(self._session, runs)
        offspring = children(self._session, [run.id for run in runs])
        return [
            self._view(
                run,
                families.get(run.parent_id or ""),
                frames[run.image_sha256],
                offspring.get(run.id, 0),
            )
            for run in runs
        ]

    def _eta_s(self, run: Run) -> float | None:
        place = self._waiting.get(run.id)
        return place.eta_s if place else self._line.running.get(run.id)

    def _smaller(self, run: Run) -> int | None:
        if run.state != "failed":
            return None
        return max((n for n in self._lengths(run.model) if n < run.num_frames), default=None)

    def _view(self, run: Run, parent: Run | None, image: Asset, children: int) -> RunView:
        place = self._waiting.get(run.id)
        return RunView(
            id=run.id,
            number=run.number,
            state=run.state,  # type: ignore[arg-type]
            stage=run.stage,
            step=run.step,
            total=run.total,
            eta_s=self._eta_s(run),
            queue_position=place.position if place else None,
            prompt=run.prompt,
            negative_prompt=run.negative_prompt,
            path_source=kept_source(run.path_source, run.path_sha256),
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
            relation=run.relation,  # type: ignore[arg-type]
            start_frame=run.start_frame,
            root_id=run.root_id,
            children=children,
            changes=changes(parent, run) if parent else [],
            rating=run.rating,
            note=run.note,
            tags=run.tags,
            deleted=run.deleted_at is not None,
            check=run.check,
            error=run.error,
            created_at=run.created_at,
            attempt=run.attempt,
            visitor=run.visitor,
            wish=self._line.wishes.get(run.id, ""),  # type: ignore[arg-type]
            stopped_at=run.stopped_at,
            smaller=self._smaller(run),
            seconds=run.seconds,
            device=run.device,
            timings=run.timings,
            savings=run.savings,
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
            "hover": self._keys.media_url(f"{folder}/{HOVER}") if done else "",
            "preview": self._keys.media_url(f"{folder}/{run.preview}") if run.preview else "",
            "live": self._keys.media_url(f"{folder}/{LIVE}") if _is_live(run) else "",
            "download": f"{video}&name=wanderbook-{run.number}.mp4" if done else "",
        }


def _is_live(run: Run) -> bool:
    """Whether there is a video to watch already: it is drawn part by part."""
    return run.state == "running" and run.total > run.num_inference_steps


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
