"""Runs in words: what a cell of the notebook says, worked out from a `RunView`.

Pure functions. Durations are seconds, sizes pixels. The browser draws what these return and makes
up no sentence of its own about a run; whatever a person typed stays a plain string here and is
shown as text there.
"""

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from studio.studio import Studio
from studio.views import Change, RunView, StatusView
from ui.drawing import top_view

CELL_MAP_SIZE = 88  # pixels of the small top view
SHOWN_CHANGES = 3
LONGEST_TITLE = 60  # characters of an error's first sentence that still read as a heading

STAGES = ("prompt", "first_frame", "drawing", "decoding", "saving")
WORDS_NEXT = {
    "prompt": "Prompt",
    "first_frame": "First frame",
    "drawing": "Drawing, {steps} steps",
    "decoding": "Decoding {frames} frames",
    "saving": "Saving",
}
WORDS_NOW = {
    "prompt": "Reading the prompt",
    "first_frame": "Preparing the first frame",
    "drawing": "Drawing, {step} of {steps}",
    "decoding": "Decoding {frames} frames",
    "saving": "Saving",
}
WORDS_DONE = {
    "prompt": "Prompt read",
    "first_frame": "First frame prepared",
    "drawing": "Drawn in {steps} steps",
    "decoding": "{frames} frames decoded",
    "saving": "Saved",
}
MODEL_STATES = {
    "starting": "starting",
    "opening": "opening",
    "ready": "",
    "missing": "not found",
    "stopped": "stopped",
}


def cell(run: RunView, *, model_title: str, unit: str, fov_degrees: float) -> dict[str, Any]:
    """Everything one cell of the notebook shows."""
    return {
        "id": run.id,
        "number": run.number,
        "state": run.state,
        "prompt": run.prompt,
        "relation": _relation(run),
        "changes": [_change(change) for change in run.changes[:SHOWN_CHANGES]],
        "more_changes": max(0, len(run.changes) - SHOWN_CHANGES),
        "path": run.path_label,
        "map": _map(run, unit, fov_degrees),
        "length": length(run.num_frames, run.fps),
        "fps": run.fps,
        "facts": _facts(run, model_title),
        "took": f"Took {duration(run.seconds)}" if run.seconds is not None else "",
        "created_at": run.created_at,
        "size": [run.width, run.height],
        "status": _status(run),
        "left": f"about {duration(max(run.eta_s, 1))} left" if run.eta_s is not None else "",
        "stages": stages(run) if run.state == "running" else [],
        "rough": f"Rough preview, step {run.step}" if run.preview else "",
        "percent": _percent(run),
        "media": _media(run),
    }


def state_of(status: StatusView, card_title: str) -> dict[str, Any]:
    """The line at the end of the bar, and what the queue strip needs to know."""
    doing = MODEL_STATES[status.model]
    return {
        "model": f"{card_title}, {doing}" if doing else card_title,
        "trouble": status.sentence,
        "queued": status.queued,
        "running": status.running,
        "paused": status.paused,
    }


def shapes(glyph: str) -> list[list[Any]]:
    """The SVG elements of a preset's glyph, each as its tag and attributes."""
    return [[shape.tag, dict(shape.attrib)] for shape in ElementTree.fromstring(f"<g>{glyph}</g>")]


def duration(seconds: float) -> str:
    """0.3 s, 18 s, 2 min 40 s."""
    if seconds < 0.95:
        return f"{max(seconds, 0.1):.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if not minutes:
        return f"{whole} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def length(num_frames: int, fps: float) -> str:
    """The time from the first frame to the last: 33 frames at 8 fps are 4 s."""
    return f"{round((num_frames - 1) / fps, 1):g} s"


def stages(run: RunView) -> list[dict[str, Any]]:
    """The stages in order, each with its words and one of done, now, next."""
    current = STAGES.index(run.stage) if run.stage in STAGES else -1
    rows = [_stage(run, name, index - current) for index, name in enumerate(STAGES)]
    if current < 0:
        rows.insert(0, {"text": "Opening the model", "state": "now", "note": "", "percent": None})
    return rows


def _stage(run: RunView, name: str, distance: int) -> dict[str, Any]:
    words = WORDS_DONE if distance < 0 else WORDS_NOW if distance == 0 else WORDS_NEXT
    if run.stage not in STAGES:
        words = WORDS_NEXT
    text = words[name].format(step=run.step, steps=run.steps, frames=run.num_frames)
    seconds = run.timings.get(name) if words is WORDS_DONE else None
    now = words is WORDS_NOW
    return {
        "text": text,
        "state": "done" if words is WORDS_DONE else "now" if now else "next",
        "note": duration(seconds) if seconds is not None else "",
        "percent": _percent(run) if now and run.total > 1 else None,
    }


def _percent(run: RunView) -> int:
    return round(100 * run.step / run.total) if run.total else 0


def _relation(run: RunView) -> dict[str, Any] | None:
    if run.parent_id is None:
        return None
    return {"text": "remix of", "id": run.parent_id, "number": run.parent_number}


def _change(change: Change) -> dict[str, str]:
    if change.field in ("prompt", "negative prompt", "first frame"):
        return {"field": change.field, "before": "", "after": "changed"}
    before, after = change.before, change.after
    if change.field == "path":
        before, after = _in_a_sentence(before), _in_a_sentence(after)
    return {"field": change.field, "before": before, "after": after}


def _in_a_sentence(title: str) -> str:
    return title[:1].lower() + title[1:]


def _map(run: RunView, unit: str, fov_degrees: float) -> dict[str, Any] | None:
    if not run.path_points:
        return None
    return top_view(
        run.path_points,
        fps=run.fps,
        label=run.path_label,
        unit=unit,
        fov_degrees=fov_degrees,
        size=CELL_MAP_SIZE,
    )


def _facts(run: RunView, model_title: str) -> list[list[str]]:
    facts = [
        ["Length", f"{length(run.num_frames, run.fps)}, {run.num_frames} frames"],
        ["Seed", str(run.seed)],
        ["Steps", f"{run.steps}, guidance {run.guidance:g}"],
        ["Model", model_title],
    ]
    if run.negative_prompt:
        facts.append(["Without", run.negative_prompt])
    return facts


def _status(run: RunView) -> dict[str, str]:
    """The state line of a slim cell and the sentences below it."""
    what = f"{run.path_label}, {length(run.num_frames, run.fps)}, seed {run.seed}."
    if run.state == "queued":
        return {"title": _place(run.queue_position), "text": "", "detail": _start(run) + what}
    if run.state == "failed":
        title, text = _split_error(run.error)
        return {"title": title, "text": text, "detail": f"{what}{_stopped(run)}"}
    if run.state == "cancelled":
        title, text = _split_error(run.error or "Cancelled. Nothing was kept.")
        return {"title": title, "text": text, "detail": what}
    return {"title": "", "text": "", "detail": ""}


def _place(position: int | None) -> str:
    if not position:
        return "Queued, next in line"
    return f"Queued, {position} {'run' if position == 1 else 'runs'} ahead"


def _start(run: RunView) -> str:
    if run.eta_s is None:
        return ""
    return f"Starts in about {duration(run.eta_s)}. " if run.eta_s >= 1 else "Starts at once. "


def _split_error(error: str) -> tuple[str, str]:
    first, _, rest = error.partition(". ")
    if len(first) <= LONGEST_TITLE:
        return first.removesuffix("."), rest
    return "This run failed", error


def _stopped(run: RunView) -> str:
    doing = {"prompt": "reading the prompt", "first_frame": "preparing the first frame"}
    stage = doing.get(run.stage, run.stage)
    if run.seconds is None or not stage:
        return ""
    return f" Stopped while {stage}, after {duration(run.seconds)}."


def _media(run: RunView) -> dict[str, str]:
    return {
        "video": run.video,
        "poster": run.poster,
        "preview": run.preview,
        "first_frame": run.first_frame,
        "download": run.download,
    }


def present(studio: Studio, run: RunView) -> dict[str, Any]:
    """The cell of a run, in the terms of its model."""
    return present_all(studio, [run])[0]


def present_all(studio: Studio, runs: Sequence[RunView]) -> list[dict[str, Any]]:
    """The cells of runs; a model that is gone keeps its name."""
    titles = {model.name: model.title for model in studio.models()}
    card = studio.card()
    return [
        cell(
            run,
            model_title=titles.get(run.model, run.model),
            unit=card.distance_unit,
            fov_degrees=card.fov_degrees,
        )
        for run in runs
    ]
