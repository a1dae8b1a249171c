"""Frames to an mp4 that plays everywhere.

The file is H.264, yuv420p, limited range with BT.709 matrix and tags, index in front (faststart).
Every second begins with a whole picture, so that a player jumps anywhere at once.
Metadata lies as JSON under the keys `wanderbook`, for this program, and `comment`, which every
tool shows; other keys say that the video was generated (`sanawm.ai_mark`). All of it is read back
and compared before the file takes its name.

Pixels are stored at the size they were drawn in, with two exceptions. An odd side is made even by
repeating its last line, since yuv420p has half as many colours as pixels. And pictures under
128 pixels wide, which encoders and players treat badly, are enlarged (Lanczos) by the smallest
whole factor that gives at least 320. The record's "native_size" tells the drawn size.

A frame is uint8 (H, W, 3), RGB, full range.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sanawm.ai_mark import has_packet, write_packet
from sanawm.errors import SanaWMError
from sanawm.files import whole_file

Frame = NDArray[np.uint8]

TAG_NAMES = ("comment", "wanderbook")
MAX_TAG_BYTES = 256 * 1024  # the poses of a minute fit in
MUXER_OPTIONS = {"movflags": "+faststart+use_metadata_tags"}
# Without mbtree, which gives the same frames other bits from time to time on processors with
# AVX-512, so that a run made again would not be the same video.
ENCODER_OPTIONS = {"crf": "18", "preset": "veryfast", "x264-params": "mbtree=0"}
BT709 = 1  # the number of ITU-R BT.709 among primaries, transfer curves and matrices alike
LIMITED_RANGE = 1

SMALLEST_WIDTH = 128  # narrower pictures are enlarged
ENLARGED_WIDTH = 320  # to at least this


class Mp4Writer:
    """Encodes frames as they come. Made by `mp4_writer`, which names the file when it is whole."""

    def __init__(self, path: Path, fps: float, tags: dict[str, Any], mark: dict[str, str]) -> None:
        self._path = path
        self._fps = Fraction(fps).limit_denominator(1001)
        self._metadata = metadata_of(tags, mark)
        self._container = av.open(str(path), "w", format="mp4", options=MUXER_OPTIONS)
        self._container.metadata.update(self._metadata)
        self._stream: Any = None
        self.num_frames = 0

    def add(self, frame_HWC: Frame) -> None:
        """Encode one more frame; all must have the size of the first."""
        picture_HWC = even_sides(enlarge_small(frame_HWC))
        if self._stream is None:
            size = picture_HWC.shape[:2]
            self._stream = open_h264(self._container, self._fps, size, ENCODER_OPTIONS)
        self._container.mux(self._stream.encode(frame_to_encode(picture_HWC, self.num_frames)))
        self.num_frames += 1

    def finish(self) -> None:
        """Write what the encoder still holds, close the file and read it back."""
        if self._stream is None:
            raise ValueError("a video needs at least one frame")
        self._container.mux(self._stream.encode())
        self._container.close()
        write_packet(self._path, self._metadata)
        verify_metadata(self._path, self._metadata)

    def close(self) -> None:
        """Let go of the file, whole or not."""
        self._container.close()


def open_h264(container: Any, fps: Fraction, size: tuple[int, ...], options: dict[str, str]) -> Any:
    """A stream for pictures of this size (rows, columns), with a whole one every second."""
    stream = container.add_stream("libx264", rate=fps, options=options)
    (stream.height, stream.width), stream.pix_fmt = size, "yuv420p"
    codec = stream.codec_context
    codec.color_primaries = codec.color_trc = codec.colorspace = BT709
    codec.color_range = LIMITED_RANGE
    codec.gop_size = max(1, round(fps))
    return stream


def frame_to_encode(picture_HWC: Frame, number: int) -> Any:
    """One picture with even sides as the encoder takes it."""
    frame = av.VideoFrame.from_ndarray(picture_HWC, format="rgb24").reformat(
        format="yuv420p",
        src_colorspace="ITU709",
        dst_colorspace="ITU709",
        src_color_range="JPEG",
        dst_color_range="MPEG",
    )
    frame.pts = number
    return frame


@contextmanager
def mp4_writer(
    path: Path, fps: float, tags: dict[str, Any], mark: dict[str, str] | None = None
) -> Iterator[Mp4Writer]:
    """A writer for the length of the block; `path` appears only if the block ends well.

    `tags` is the recipe, `mark` what says that a model made the video.
    """
    with whole_file(path) as temporary:
        writer = Mp4Writer(temporary, fps, tags, mark or {})
        try:
            yield writer
            writer.finish()
        finally:
            writer.close()


def write_mp4(
    frames: Iterable[Frame],
    path: Path,
    fps: float,
    tags: dict[str, Any],
    mark: dict[str, str] | None = None,
) -> None:
    """Encode frames as they are made; no more than one is held at a time."""
    with mp4_writer(path, fps, tags, mark) as writer:
        for frame_HWC in frames:
            writer.add(frame_HWC)


def metadata_of(tags: dict[str, Any], mark: dict[str, str]) -> dict[str, str]:
    """Everything a file says of itself: its recipe, and that a model made it."""
    text = json.dumps(tags, ensure_ascii=False)
    if len(text.encode()) > MAX_TAG_BYTES:
        raise ValueError(f"tags take {len(text.encode())} bytes, over {MAX_TAG_BYTES}")
    return mark | dict.fromkeys(TAG_NAMES, text)


def read_tags(path: Path) -> dict[str, Any]:
    """Our metadata in an mp4; {} where there is none to trust, as a file may come from anyone."""
    metadata = read_metadata(path)
    text = metadata.get("wanderbook") or metadata.get("comment") or ""
    if len(text.encode()) > MAX_TAG_BYTES:
        return {}
    try:
        tags = json.loads(text)
    except ValueError:
        return {}
    return tags if isinstance(tags, dict) else {}


def read_metadata(path: Path) -> dict[str, str]:
    """Everything a file says of itself; none of it is to be trusted."""
    with av.open(str(path)) as container:
        return dict(container.metadata)


def verify_metadata(path: Path, metadata: dict[str, str]) -> None:
    """Read back what was written; SanaWMError where it is not what it was meant to be."""
    found = read_metadata(path)
    whole = all(found.get(name) == value for name, value in metadata.items())
    if not (whole and has_packet(path, metadata)):
        raise SanaWMError("The video's metadata could not be written; nothing was saved.")


def enlarge_small(frame_HWC: Frame) -> Frame:
    """Pictures too narrow for players, enlarged by a whole factor; all others as they are."""
    height, width = frame_HWC.shape[:2]
    if width >= SMALLEST_WIDTH:
        return frame_HWC
    factor = ceil(ENLARGED_WIDTH / width)
    size = (width * factor, height * factor)
    return np.asarray(Image.fromarray(frame_HWC).resize(size, Image.Resampling.LANCZOS))


def even_sides(frame_HWC: Frame) -> Frame:
    """The picture with its last row or column repeated where a side is odd."""
    height, width = frame_HWC.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return frame_HWC
    return np.pad(frame_HWC, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
