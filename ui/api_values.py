"""What the named endpoints give back: plain JSON objects, typed so that clients can read them.

Times are UNIX seconds, durations seconds, sizes pixels. Addresses are absolute and open for at
least a day to whoever holds them; one is empty where there is no such file yet.
"""

from typing import Any, Literal, TypedDict, cast

from studio.views import RunView

State = Literal["queued", "running", "done", "failed", "cancelled"]


class Status(TypedDict):
    """Where a run stands."""

    id: str
    number: int
    state: State
    stage: str  # opening, prompt, first_frame, drawing, decoding, saving; empty where none
    step: int
    total: int
    queue_position: int | None  # 0: next in line; None where it does not wait
    eta_s: float | None  # until it ends, or until it starts where it waits; None: not known yet
    error: str  # a sentence, where it failed or was cancelled


class Run(TypedDict):
    """A run as the notebook keeps it."""

    id: str
    number: int
    state: State
    error: str
    prompt: str
    negative_prompt: str
    camera: str  # in words: a preset's title or the action string
    camera_source: dict[str, Any]
    frames: int
    fps: float
    width: int
    height: int
    seed: int
    steps: int
    guidance: float
    model: str
    model_revision: str
    image: str  # the first frame's hash: `submit` takes it in place of a file
    parent: str | None  # the id of the run it is a remix of
    created_at: float
    took_s: float | None
    timings: dict[str, float]  # seconds of each stage
    savings: dict[str, float]  # seconds that each cache saved: text, latents, features, stage1
    stopped_at: int | None  # the step after which it was stopped early and kept
    video: str
    poster: str
    first_frame: str


OTHER_NAMES = {
    "camera": "path_label",
    "camera_source": "path_source",
    "frames": "num_frames",
    "image": "image_sha256",
    "parent": "parent_id",
    "took_s": "seconds",
}
ADDRESSES = ("video", "poster", "first_frame")


def status_of(run: RunView) -> Status:
    """Where a run stands."""
    return cast(Status, {name: getattr(run, name) for name in Status.__annotations__})


def run_of(run: RunView, base: str) -> Run:
    """A run, its files under the address `base` of this server."""
    values = {name: getattr(run, OTHER_NAMES.get(name, name)) for name in Run.__annotations__}
    for name in ADDRESSES:
        values[name] = f"{base}{values[name]}" if values[name] else ""
    return cast(Run, values)
