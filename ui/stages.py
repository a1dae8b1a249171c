"""The stages of a run in words: what is done, what is being done, what is still to come.

Pure functions. What an earlier run had worked out already is not done again; the stage then says
that it was kept, and how many seconds that saved.
"""

from typing import Any

from studio.views import RunView
from ui.words import duration

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
# What a cache can hold, where its use shows, and its name in a sentence.
KEPT_STAGE = {"text": "prompt", "latents": "first_frame", "stage1": "drawing"}
KEPT_NAMES = {
    "text": "prompt",
    "latents": "first frame",
    "features": "camera",
    "stage1": "drawing",
}


def stages(run: RunView) -> list[dict[str, Any]]:
    """The stages in order, each with its words and one of done, now, next."""
    current = STAGES.index(run.stage) if run.stage in STAGES else -1
    rows = [_stage(run, name, index - current) for index, name in enumerate(STAGES)]
    if current < 0:
        rows.insert(0, {"text": "Opening the model", "state": "now", "note": "", "percent": None})
    return rows


def percent(run: RunView) -> int:
    """How far the present stage is."""
    return round(100 * run.step / run.total) if run.total else 0


def kept(run: RunView) -> str:
    """What was taken from earlier runs and the seconds it saved; empty where nothing was."""
    names = [name for kind, name in KEPT_NAMES.items() if kind in run.savings]
    if not names:
        return ""
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{listed} from an earlier run, saved {duration(sum(run.savings.values()))}"


def _stage(run: RunView, name: str, distance: int) -> dict[str, Any]:
    words = WORDS_DONE if distance < 0 else WORDS_NOW if distance == 0 else WORDS_NEXT
    if run.stage not in STAGES:
        words = WORDS_NEXT
    now = words is WORDS_NOW
    text = words[name].format(step=run.step, steps=run.steps, frames=run.num_frames)
    if now and name == "drawing" and run.total > run.steps:
        part, parts = run.step // run.steps + 1, run.total // run.steps
        text = f"Drawing, part {min(part, parts)} of {parts}"
    return {
        "text": text,
        "state": "done" if words is WORDS_DONE else "now" if now else "next",
        "note": _note(run, name) if words is WORDS_DONE else "",
        "percent": percent(run) if now and run.total > 1 else None,
    }


def _note(run: RunView, name: str) -> str:
    """How long a finished stage took, or that it did not have to be done again."""
    saved = [
        run.savings[kind] for kind in KEPT_STAGE if KEPT_STAGE[kind] == name and kind in run.savings
    ]
    if saved:
        return f"kept, saved {duration(saved[0])}"
    seconds = run.timings.get(name)
    return duration(seconds) if seconds is not None else ""
