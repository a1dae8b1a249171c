"""Pieces of several videos as one mp4, played without a gap.

A chain is made of runs that go on from one another: the first frame of each is a frame of the one
before, so it is left out by whoever names the pieces.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sanawm.errors import SanaWMError
from sanawm.files import disk_shortage_as_sentence
from sanawm.video import Frame, write_mp4
from sanawm.video_reading import read_frames

Piece = tuple[Path, int, int]  # a video, its first and last frame; both are shown


def join(
    parts: Sequence[Piece],
    output: Path,
    fps: float,
    tags: dict[str, Any],
    mark: dict[str, str] | None = None,
) -> None:
    """Write one mp4 of all pieces in order; no more than one frame is held at a time. `mark` says
    that a model made them (`sanawm.ai_mark`).
    """
    with disk_shortage_as_sentence():
        write_mp4(_of_one_size(parts), output, fps, tags, mark)


def _of_one_size(parts: Sequence[Piece]) -> Iterator[Frame]:
    size: tuple[int, ...] = ()
    for part in parts:
        for frame_HWC in _frames(*part):
            size = size or frame_HWC.shape
            if frame_HWC.shape != size:
                raise SanaWMError(
                    "These videos cannot be joined: one is "
                    f"{size[1]} × {size[0]} pixels and another {frame_HWC.shape[1]} × "
                    f"{frame_HWC.shape[0]}."
                )
            yield frame_HWC


def _frames(video: Path, first: int, last: int) -> Iterator[Frame]:
    assert 0 <= first <= last
    missing = last - first + 1
    for frame_HWC in islice(read_frames(video), first, last + 1):
        missing -= 1
        yield frame_HWC
    if missing:
        raise SanaWMError(f"A video ends {missing} frames too early to be joined.")
