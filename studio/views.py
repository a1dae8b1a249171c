"""What the page sees: plain, frozen values without a database session behind them.

Times are UNIX seconds, durations seconds, URLs absolute paths on this server that carry their own
expiring capability. `to_dict` gives JSON-ready values under the field names.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

RunState = Literal["queued", "running", "done", "failed", "cancelled"]
Wish = Literal["", "cancel", "keep"]

SHORT_HASH = 8  # characters of a visitor's hash that pages see


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What the form says when Generate is pressed; nothing in it is checked yet."""

    image_sha256: str
    prompt: str
    path_source: dict[str, Any]  # {"kind": "preset", "preset": "push-in"}, {"kind": "actions", ...}
    num_frames: int
    num_inference_steps: int
    guidance_scale: float
    model: str = ""  # a ModelView's name; empty: the model the program was started with
    negative_prompt: str = ""
    seed: int | None = None  # None: drawn when the run is submitted
    parent_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AssetView:
    """A stored first frame, upright and without EXIF."""

    sha256: str
    width: int
    height: int
    url: str
    thumb: str  # the same picture, at most 640 pixels on its long side


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleView:
    """A bundled first frame; `Studio.use_example(id)` stores it like a picture of one's own."""

    id: str
    title: str
    prompt: str
    license: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelView:
    """A model that can be chosen."""

    name: str
    title: str
    note: str  # one calm line about what it can and cannot do


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One field in which a run differs from its parent, in words."""

    field: str  # prompt, negative prompt, path, first frame, length, seed, steps, guidance, model
    before: str
    after: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EstimateView:
    """How long a run will take; `seconds` is None where nothing was measured yet."""

    seconds: float | None
    wait_s: float | None  # until it starts: the runs ahead of it
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LineView:
    """The place of a run that waits."""

    id: str
    position: int  # 0: next in line
    eta_s: float | None  # until it starts; None where not measured, or while the queue is paused


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusView:
    """The worker and the queue, for the line under the bar."""

    model: Literal["starting", "opening", "ready", "missing", "stopped"]
    sentence: str  # why, where the model is missing or stopped; else ""
    queued: int
    running: int
    paused: bool
    pause_reason: Literal["", "by hand", "unclean stop"] = ""
    line: list[LineView] = field(default_factory=list)  # who waits, next one first

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunView:
    """One cell of the notebook."""

    id: str
    number: int
    state: RunState
    stage: str  # "", opening, prompt, first_frame, drawing, decoding, saving
    step: int
    total: int
    eta_s: float | None  # until it ends; for a queued run, until it starts
    queue_position: int | None  # 0: next in line
    prompt: str
    negative_prompt: str
    path_source: dict[str, Any]
    path_label: str  # the path in words: a preset's title or the action string
    path_points: list[list[float]]  # a frame each: x, z, then the view direction's x, z
    num_frames: int
    fps: float
    seed: int
    steps: int
    guidance: float
    model: str
    model_revision: str
    parent_id: str | None
    parent_number: int | None
    changes: list[Change]
    error: str  # a sentence, when failed or cancelled
    created_at: float
    attempt: int
    visitor: str  # the beginning of its visitor's hash, so that a page can mark its own; "" of none
    wish: Wish  # what the person asked of a run that is being made
    stopped_at: int | None  # the step after which it was stopped early and kept
    smaller: int | None  # frames of the next shorter clip, for a run that failed
    seconds: float | None  # from start to end, when ended
    timings: dict[str, float]  # seconds per stage, when done
    savings: dict[str, float]  # seconds saved by each cache that had the result: text, latents, …
    image_sha256: str
    width: int  # of the video, 0 until known
    height: int
    first_frame: str  # URLs; "" where there is none yet
    video: str
    poster: str
    thumb: str
    preview: str
    download: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)
