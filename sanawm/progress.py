"""What a generation reports while it runs, and what it hands over at the end.

`step` counts finished steps of the stage, from 0 to `total`. Times are seconds.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Stage = Literal["prompt", "first_frame", "drawing", "decoding", "saving"]
STAGES: tuple[Stage, ...] = ("prompt", "first_frame", "drawing", "decoding", "saving")


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """One step of one stage is done."""

    stage: Stage
    step: int
    total: int
    preview: bytes | None = field(default=None, repr=False)  # a small WebP, while drawing
    savings: dict[str, float] = field(default_factory=dict)  # seconds each cache has saved so far


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """The video is whole on disk."""

    video: Path
    latents: Any = field(repr=False)  # torch tensor (B, C, T, H, W); untyped to keep torch out
    timings: dict[str, float]  # seconds per stage
    record: dict[str, Any]  # everything that made the video: what run.json keeps
