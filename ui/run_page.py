"""A run in full, in words: recipe, how it went, files, and what each of its fields holds.

Pure functions over a `RunView`. Rows are [name, words]; durations are seconds.
"""

import time
from collections.abc import Sequence
from typing import Any

from studio.chains import Part
from studio.views import AssetView, RunView
from ui.presenters import RELATIONS, check_words
from ui.stages import KEPT_STAGE, kept
from ui.words import duration, length

TIMED = {
    "opening": "Opening the model",
    "prompt": "Prompt",
    "first_frame": "First frame",
    "drawing": "Drawing",
    "decoding": "Decoding",
    "saving": "Saving",
}
LONGEST_HOLD = 26  # characters beside a box


def recipe(run: RunView, model_title: str, fov_degrees: float) -> list[list[str]]:
    """Everything that decides the video."""
    rows = [
        ["Path", run.path_label] if run.path_source.get("kind") == "preset" else _actions(run),
        [
            "Length",
            f"{run.num_frames} frames, {length(run.num_frames, run.fps)} at {run.fps:g} fps",
        ],
        ["Seed", str(run.seed)],
        ["Steps", f"{_steps(run)}, guidance {run.guidance:g}"],
        ["Without", run.negative_prompt],
        ["View", f"{fov_degrees:g}° wide"],
        ["Size", f"{run.width} × {run.height}" if run.width else ""],
        ["Model", model_title],
    ]
    return [[name, words] for name, words in rows if words]


def _actions(run: RunView) -> list[str]:
    is_keys = run.path_source.get("kind") == "actions"
    return ["Actions" if is_keys else "Path", run.path_label]


def _steps(run: RunView) -> str:
    if run.stopped_at is None:
        return str(run.steps)
    return f"stopped early at step {run.stopped_at} of {run.steps}"


def how_it_went(run: RunView) -> list[list[str]]:
    """The stages and their seconds, what caches saved, on what and when."""
    kept_stages = {KEPT_STAGE[kind] for kind in run.savings if kind in KEPT_STAGE}
    rows = [
        [title, _took(run, stage, is_kept=stage in kept_stages)]
        for stage, title in TIMED.items()
        if stage in run.timings
    ]
    if known := kept(run):
        rows.append(["Kept", known])
    if run.seconds is not None:
        rows.append(["In all", duration(run.seconds)])
    if run.device:
        rows.append(["Computer", run.device.replace("cpu", "processor", 1)])
    if run.attempt > 1:
        rows.append(["Attempts", str(run.attempt)])
    return rows


def _took(run: RunView, stage: str, *, is_kept: bool) -> str:
    seconds = run.timings[stage]
    words = _short(seconds)
    if is_kept:
        return f"{words}, kept from an earlier run"
    steps = run.stopped_at or run.steps
    if stage == "drawing" and seconds > 0.05:
        return f"{words}, {steps / seconds:.1f} steps a second"
    return words


def _short(seconds: float) -> str:
    """Tenths below ten seconds, where they still say something."""
    return f"{max(seconds, 0.1):.1f} s" if seconds < 9.95 else duration(seconds)


def path_words(run: RunView, summary: str) -> str:
    """What the camera does: the path's name, then what its poses do."""
    does = summary[:1].lower() + summary[1:] if summary else ""
    lasts = f"in {length(run.num_frames, run.fps)}"
    told = ", ".join(part for part in (run.path_label, does) if part)
    going_on = " It goes on at the speed it had." if "start" in run.path_source else ""
    return f"{told}, {lasts}.{going_on} One tick is one second."


def holds(run: RunView, image: AssetView) -> dict[str, str]:
    """What each box of "Use in the new run" stands for, in two or three words."""
    words = len(run.prompt.split())
    label = run.path_label[:1].lower() + run.path_label[1:]
    if len(label) > LONGEST_HOLD:
        label = f"{label[: LONGEST_HOLD - 1]}…"
    if "start" in run.path_source:
        label += ", goes on"
    settings = f"{length(run.num_frames, run.fps)}, {run.steps} steps, guidance {run.guidance:g}"
    return {
        "image": f"{image.width} × {image.height}",
        "prompt": "none" if not words else f"{words} {'word' if words == 1 else 'words'}",
        "camera": label,
        "seed": str(run.seed),
        "settings": settings,
    }


def parent_words(run: RunView) -> str:
    """What a run is to its parent; the page makes the parent's number a link."""
    return RELATIONS[run.relation].capitalize()


def changed_words(run: RunView) -> str:
    """Which fields are not the parent's."""
    fields = [change.field for change in run.changes]
    if not fields:
        return "nothing changed"
    listed = fields[0] if len(fields) == 1 else f"{', '.join(fields[:-1])} and {fields[-1]}"
    return f"{listed} changed"


def checks(run: RunView, family: Sequence[RunView]) -> list[dict[str, Any]]:
    """What repetitions of this run found, the newest first; one that is not done yet says so."""
    found = [one for one in family if one.relation == "check" and one.parent_id == run.id]
    return [_check(one) for one in sorted(found, key=lambda one: one.created_at, reverse=True)]


def _check(run: RunView) -> dict[str, Any]:
    sentence = check_words(run.check)
    if not sentence:
        waiting = {"queued": "Queued", "running": "Being made again"}
        sentence = f"{waiting.get(run.state, 'Not finished')}."
    return {
        "id": run.id,
        "number": run.number,
        "state": run.state,
        "sentence": sentence,
        "identical": bool(run.check.get("identical")),
        "day": time.strftime("%-d %B %Y", time.localtime(run.created_at)),
    }


def chain_parts(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """The runs of a chain, and how much of each is shown."""
    return [
        {
            "id": part.run_id,
            "number": part.number,
            "frames": part.last - part.first + 1,
            "seconds": round(part.seconds, 1),
        }
        for part in parts
    ]


def chain_words(parts: Sequence[Part]) -> str:
    """How long a chain is: "3 runs, 12 s"."""
    return f"{len(parts)} runs, {duration(sum(part.seconds for part in parts))}"


def files(run: RunView, image: str, urls: dict[str, str]) -> list[dict[str, str]]:
    """What can be taken away; `urls` of first frame, poses and recipe."""
    return [
        _file("Video, with its recipe inside", f"wanderbook-{run.number}.mp4", run.download),
        _file(
            "Video without its recipe",
            f"wanderbook-{run.number}.mp4",
            f"{run.download}&recipe=none",
        ),
        _file("First frame", image, f"{urls['image']}&name={image}"),
        _file("Camera poses, one for each frame", "c2w.npz", urls["poses"]),
        _file("Recipe as text", "run.json", urls["recipe"]),
    ]


def _file(title: str, name: str, url: str) -> dict[str, str]:
    return {"title": title, "name": name, "url": url}
