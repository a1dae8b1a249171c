"""The frames of a finished mp4: all in turn, one by its number, or all beside another's.

Colours are converted as `sanawm.video` wrote them, BT.709 in limited range. Frames are counted from
0 by the time at which they are shown. A frame is uint8 (H, W, 3), RGB, full range.
"""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sanawm.errors import InvalidRequestError, SanaWMError

Frame = NDArray[np.uint8]

UNREADABLE = "This video cannot be read: its file is missing or broken."
LARGEST = 255.0  # of a colour value


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a video file says of itself."""

    width: int
    height: int
    frames: int
    fps: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How far two videos are from one another."""

    frames: int  # compared: those that both have
    identical: bool  # every pixel of every frame, and as many frames
    psnr: float | None  # dB over all frames compared; None where nothing differs in them
    worst: int  # largest difference of one colour value, 0 to 255


def read_frames(video: Path) -> Iterator[Frame]:
    """Every frame in turn; no more than one is held."""
    with _opened(video) as (container, stream), _in_words():
        for frame in container.decode(stream):
            yield _rgb(frame)


def read_facts(video: Path) -> Facts:
    """Size, number of frames and frame rate, without a frame being read."""
    with _opened(video) as (_, stream):
        return Facts(
            width=stream.width,
            height=stream.height,
            frames=stream.frames,
            fps=float(stream.average_rate),
        )


def frame_at(video: Path, index: int) -> bytes:
    """One frame as a PNG, the first being 0."""
    with _opened(video) as (container, stream), _in_words():
        if not 0 <= index < stream.frames:
            raise InvalidRequestError(
                f"This video has the frames 0 to {stream.frames - 1}, not {index}."
            )
        ticks = 1 / (stream.average_rate * stream.time_base)  # of the stream's clock, a frame
        container.seek(int(index * ticks), stream=stream)  # to the last whole picture before it
        for frame in container.decode(stream):
            if round(frame.pts / ticks) >= index:
                return _png(_rgb(frame))
    raise SanaWMError(UNREADABLE)


def compare_videos(one: Path, other: Path) -> Comparison:
    """Two videos frame by frame; a frame is held of each."""
    frames, error, values, worst, identical = 0, 0.0, 0, 0, True
    for one_HWC, other_HWC in zip_longest(read_frames(one), read_frames(other)):
        if one_HWC is None or other_HWC is None or one_HWC.shape != other_HWC.shape:
            identical = False
            break
        difference_HWC = np.abs(one_HWC.astype(np.int16) - other_HWC)
        frames, values = frames + 1, values + difference_HWC.size
        error += float(np.square(difference_HWC, dtype=np.float64).sum())
        worst = max(worst, int(difference_HWC.max()))
    return Comparison(
        frames=frames,
        identical=identical and worst == 0,
        psnr=10 * math.log10(LARGEST**2 * values / error) if error else None,
        worst=worst,
    )


@contextmanager
def _opened(video: Path) -> Iterator[tuple[Any, Any]]:
    with _in_words():
        container = av.open(str(video))
    try:
        if not container.streams.video:
            raise SanaWMError(UNREADABLE)
        yield container, container.streams.video[0]
    finally:
        container.close()


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except av.error.FFmpegError as error:
        raise SanaWMError(UNREADABLE) from error


def _rgb(frame: Any) -> Frame:
    converted = frame.reformat(
        format="rgb24",
        src_colorspace="ITU709",
        dst_colorspace="ITU709",
        src_color_range="MPEG",
        dst_color_range="JPEG",
    )
    picture_HWC: Frame = converted.to_ndarray()
    return picture_HWC


def _png(picture_HWC: Frame) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture_HWC).save(stream, "PNG")
    return stream.getvalue()
