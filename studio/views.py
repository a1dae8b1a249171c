"""What the page sees: plain, frozen values without a database session behind them.

Times are UNIX seconds, durations seconds, URLs absolute paths on this server that carry their own
expiring capability. `to_dict` gives JSON-ready values under the field names.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from storage.tables import INBOX

RunState = Literal["queued", "running", "done", "failed", "cancelled"]
Wish = Literal["", "cancel", "keep"]
Relation = Literal["", "remix", "reseed", "repath", "extend", "check"]
CellKind = Literal["run", "text", "compare", "sweep"]

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
    notebook_id: str = INBOX  # where the new run gets its cell


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
class MemoryView:
    """What a run takes of the memory there is."""

    words: str  # "11 GB of 16 GB", or a sentence where it does not fit
    fits: bool
    nearest_frames: int | None  # the longest clip that fits, where this one does not


@dataclass(frozen=True, kw_only=True, slots=True)
class EstimateView:
    """How long a run will take; `seconds` is None where nothing was measured yet."""

    seconds: float | None
    wait_s: float | None  # until it starts: the runs ahead of it
    sentence: str
    memory: MemoryView | None = None  # None: not known, or not worth a word


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
    parent_number: int | None  # None also where the parent was deleted for good
    relation: Relation  # to the parent
    start_frame: int | None  # the frame of the parent that an `extend` goes on from
    root_id: str  # the oldest ancestor
    children: int  # runs made of this one
    changes: list[Change]
    rating: int  # stars; 0: none given
    note: str  # Markdown
    tags: list[str]
    deleted: bool  # it lies in the trash
    check: dict[str, Any]  # of a repetition that is done: how alike it came out
    error: str  # a sentence, when failed or cancelled
    created_at: float
    attempt: int
    visitor: str  # the hash of its visitor's key; "" of none
    wish: Wish  # what the person asked of a run that is being made
    stopped_at: int | None  # the step after which it was stopped early and kept
    smaller: int | None  # frames of the next shorter clip, for a run that failed
    seconds: float | None  # from start to end, when ended
    device: str  # what it ran on; "" where that is not known
    timings: dict[str, float]  # seconds per stage, when done
    savings: dict[str, float]  # seconds saved by each cache that had the result: text, latents, …
    image_sha256: str
    width: int  # of the video, 0 until known
    height: int
    first_frame: str  # URLs; "" where there is none yet
    video: str
    poster: str
    thumb: str
    hover: str  # a small, short video
    preview: str
    live: str  # a video that grows while the run is made; of runs drawn in parts
    download: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class NotebookView:
    """An ordered list of cells under a title."""

    id: str
    title: str
    description: str
    newest_first: bool
    runs: int  # how many runs it shows
    is_inbox: bool
    created_at: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class CellView:
    """A place in a notebook; the runs it shows are told of by their ids alone."""

    id: str
    notebook_id: str
    visitor: str  # the hash of whose it is
    kind: CellKind
    position: float
    collapsed: bool
    deleted: bool
    run_id: str | None  # of a run's cell
    runs: list[str]  # of a comparison or a sweep
    text: str  # of a text: Markdown
    content: dict[str, Any]  # of a comparison or a sweep: everything else it says


@dataclass(frozen=True, kw_only=True, slots=True)
class OutlineView:
    """One line of a notebook's outline."""

    cell_id: str
    kind: CellKind
    number: int | None  # of a run
    words: str  # a heading, or the beginning of a prompt
    level: int  # 1 for what stands alone, 2 for what is under a heading


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftView:
    """What somebody's form held when it was last kept; unchecked, as it came from the page."""

    form: dict[str, Any]
    parent_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FacetView:
    """One value that a search can be narrowed to."""

    field: str  # what to write into the search: path:orbit-left
    title: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GalleryPage:
    """Some runs of a search, the newest first."""

    runs: list[RunView]
    total: int  # of the whole search
    days: dict[str, int]  # how many on each day, as "2026-11-22"
    families: dict[str, int]  # root id -> runs of that family, of the runs on this page
