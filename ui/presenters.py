"""Runs in words: what a cell of the notebook says, worked out from a `RunView`.

Pure functions. Durations are seconds, sizes pixels. The browser draws what these return and makes
up no sentence of its own about a run; whatever a person typed stays a plain string here and is
shown as text there.
"""

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from studio.hub import Event
from studio.studio import Studio
from studio.views import SHORT_HASH, CellView, Change, RunView, StatusView
from ui.drawing import top_view
from ui.markdown import nodes
from ui.stages import kept, percent, stages
from ui.words import duration, length

CELL_MAP_SIZE = 88  # pixels of the small top view
SHOWN_CHANGES = 3
LONGEST_TITLE = 60  # characters of an error's first sentence that still read as a heading

MODEL_STATES = {
    "starting": "starting",
    "opening": "opening",
    "ready": "",
    "missing": "not found",
    "stopped": "stopped",
}
WISHES = {
    "": "Running",
    "cancel": "Cancelling after this step",
    "keep": "Keeping what there is",
}
RELATIONS = {
    "": "remix of",
    "remix": "remix of",
    "reseed": "new seed of",
    "repath": "new path of",
    "extend": "continues",
    "check": "check of",
}
ELSEWHERE = "a run that is not here"
PAUSES = {
    "": "The queue is paused.",
    "by hand": "The queue is paused.",
    "unclean stop": "Wanderbook was not shut down properly, so the queue waits for you.",
}


def cell(run: RunView, *, model_title: str, unit: str, fov_degrees: float) -> dict[str, Any]:
    """Everything one cell of the notebook shows."""
    return {
        "id": run.id,
        "number": run.number,
        "state": run.state,
        "prompt": run.prompt,
        "relation": _relation(run),
        "children": run.children,
        "rating": run.rating,
        "tags": run.tags,
        "note": run.note,
        "note_nodes": nodes(run.note),
        "check": check_words(run.check) if run.relation == "check" else "",
        "deleted": run.deleted,
        "changes": [_change(change) for change in run.changes[:SHOWN_CHANGES]],
        "more_changes": max(0, len(run.changes) - SHOWN_CHANGES),
        "path": run.path_label,
        "map": path_map(run, unit, fov_degrees, CELL_MAP_SIZE),
        "length": length(run.num_frames, run.fps),
        "fps": run.fps,
        "facts": _facts(run, model_title),
        "took": f"Took {duration(run.seconds)}" if run.seconds is not None else "",
        "created_at": run.created_at,
        "size": [run.width, run.height],
        "status": _status(run),
        "eta_s": _rounded(run.eta_s),
        "attempt": run.attempt,
        "visitor": run.visitor[:SHORT_HASH],
        "wish": run.wish,
        "can_keep": run.state == "running" and run.stage not in ("decoding", "saving"),
        "smaller": length(run.smaller, run.fps) if run.smaller else "",
        "stages": stages(run) if run.state == "running" else [],
        "rough": f"Rough preview, step {run.step}" if run.preview else "",
        "percent": percent(run),
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
        "pause": PAUSES[status.pause_reason] if status.paused else "",
        "line": [
            {"id": place.id, "place": place_in_line(place.position), "eta_s": _rounded(place.eta_s)}
            for place in status.line
        ],
    }


def place_in_line(position: int | None) -> str:
    """Where a waiting run stands."""
    if not position:
        return "Queued, next in line"
    return f"Queued, {position} {'run' if position == 1 else 'runs'} ahead"


def shapes(glyph: str) -> list[list[Any]]:
    """The SVG elements of a preset's glyph, each as its tag and attributes."""
    return [[shape.tag, dict(shape.attrib)] for shape in ElementTree.fromstring(f"<g>{glyph}</g>")]


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _relation(run: RunView) -> dict[str, Any] | None:
    """What a run is to its parent; the frame is counted from 1, as the player counts."""
    if run.parent_id is None:
        return None
    if run.parent_number is None:  # deleted for good, or another's that was shared
        return {"text": f"{RELATIONS[run.relation]} {ELSEWHERE}", "id": "", "number": None}
    return {
        "text": RELATIONS[run.relation],
        "id": run.parent_id,
        "number": run.parent_number,
        "frame": None if run.start_frame is None else run.start_frame + 1,
    }


def check_words(check: dict[str, Any]) -> str:
    """What a repetition of a run found."""
    if not check:
        return ""
    of, frames = check["of"], check["frames"]
    if check["identical"]:
        return f"Identical to run {of}, all {frames} frames."
    if check["psnr"] is None:
        how_far = "as far as both go, the frames are the same"
    else:
        how_far = f"{check['psnr']:.1f} dB, at worst {check['worst']} of 255"
    why = " ".join(check["differs"])
    return f"Not identical to run {of}: {how_far}. {why}".strip()


def _change(change: Change) -> dict[str, str]:
    if change.field in ("prompt", "negative prompt", "first frame"):
        return {"field": change.field, "before": "", "after": "changed"}
    before, after = change.before, change.after
    if change.field == "path":
        before, after = _in_a_sentence(before), _in_a_sentence(after)
    return {"field": change.field, "before": before, "after": after}


def _in_a_sentence(title: str) -> str:
    return title[:1].lower() + title[1:]


def path_map(run: RunView, unit: str, fov_degrees: float, size: int) -> dict[str, Any] | None:
    """The run's path from above; None where its poses are not known."""
    if not run.path_points:
        return None
    return top_view(
        run.path_points,
        fps=run.fps,
        label=run.path_label,
        unit=unit,
        fov_degrees=fov_degrees,
        size=size,
    )


def _facts(run: RunView, model_title: str) -> list[list[str]]:
    facts = [
        ["Length", f"{length(run.num_frames, run.fps)}, {run.num_frames} frames"],
        ["Seed", str(run.seed)],
        ["Steps", f"{_steps(run)}, guidance {run.guidance:g}"],
        ["Model", model_title],
    ]
    if run.negative_prompt:
        facts.append(["Without", run.negative_prompt])
    if known := kept(run):
        facts.append(["Kept", known])
    return facts


def _steps(run: RunView) -> str:
    if run.stopped_at is None:
        return str(run.steps)
    return f"stopped early at step {run.stopped_at} of {run.steps}"


def _status(run: RunView) -> dict[str, str]:
    """The state line of a slim cell and the sentences below it; the page adds when it starts."""
    what = f"{run.path_label}, {length(run.num_frames, run.fps)}, seed {run.seed}."
    if run.state == "queued":
        return {"title": place_in_line(run.queue_position), "text": "", "detail": what}
    if run.state == "failed":
        title, text = _split_error(run.error)
        return {"title": title, "text": text, "detail": f"{what}{_stopped(run)}"}
    if run.state == "cancelled":
        title, text = _split_error(run.error or "Cancelled. Nothing was kept.")
        return {"title": title, "text": text, "detail": what}
    if run.state == "running":
        return {"title": WISHES[run.wish], "text": "", "detail": what}
    return {"title": _done(run), "text": "", "detail": what}


def _done(run: RunView) -> str:
    took = f"Done in {duration(run.seconds)}" if run.seconds is not None else "Done"
    return took if run.stopped_at is None else f"{took}, {_steps(run)}"


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
        "thumb": run.thumb,
        "hover": run.hover,
        "preview": run.preview,
        "live": run.live,
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


def present_cell(cell: CellView) -> dict[str, Any]:
    """A place in a notebook; its runs are presented beside it, once each."""
    return {
        "id": cell.id,
        "notebook": cell.notebook_id,
        "kind": cell.kind,
        "position": cell.position,
        "collapsed": cell.collapsed,
        "deleted": cell.deleted,
        "run": cell.run_id,
        "runs": cell.runs,
        "text": cell.text,
        "nodes": nodes(cell.text),
        "content": cell.content,
    }


def present_event(studio: Studio, event: Event) -> dict[str, Any]:
    """What changed, as every open page hears of it."""
    told = {
        "rev": event.rev,
        "runs": present_all(studio, event.runs),
        "cells": [present_cell(cell) for cell in event.cells],
        "state": state_of(event.status, studio.card().title),
    }
    if event.notebooks is not None:
        told["notebooks"] = [notebook.to_dict() for notebook in event.notebooks]
    return told
