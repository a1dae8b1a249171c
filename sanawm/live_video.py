"""A video that can be watched while it is made: fragments of an mp4, each frame its own.

A browser plays such a file from its beginning while it grows (Media Source Extensions), with the
codec's name in hand, `avc1.` and three bytes of its first fragment. It is there to be looked at
while a run goes on; the file that is kept is encoded beside it, with more care.

A frame is uint8 (H, W, 3), RGB, full range.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from sanawm.video import Frame, enlarge_small, even_sides, frame_to_encode, open_h264

MUXER_OPTIONS = {
    "movflags": "+frag_every_frame+empty_moov+default_base_moof",
    "flush_packets": "1",  # else frames wait in a buffer of the muxer
}
ENCODER_OPTIONS = {"crf": "20", "preset": "veryfast", "tune": "zerolatency", "bf": "0"}
HEAD_BYTES = 4096  # of the file, in which the codec is named


class LiveWriter:
    """Encodes frames as they come; whoever reads the file sees each at once."""

    def __init__(self, path: Path, fps: float) -> None:
        self._path = path
        self._fps = Fraction(fps).limit_denominator(1001)
        self._container = av.open(str(path), "w", format="mp4", options=MUXER_OPTIONS)
        self._stream: Any = None
        self._num_frames = 0

    def add(self, frame_HWC: Frame) -> None:
        """Encode one more frame and hand it on."""
        picture_HWC = even_sides(enlarge_small(frame_HWC))
        if self._stream is None:
            self._stream = open_h264(
                self._container, self._fps, picture_HWC.shape[:2], ENCODER_OPTIONS
            )
        self._container.mux(self._stream.encode(frame_to_encode(picture_HWC, self._num_frames)))
        self._num_frames += 1

    def codec(self) -> str:
        """What a browser must be told to play the file; empty before the first frame is there."""
        if not self._path.exists():
            return ""
        with self._path.open("rb") as file:
            return codec_of(file.read(HEAD_BYTES))

    def close(self) -> None:
        """Write what the encoder still holds and let go of the file."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())
            self._stream = None
        self._container.close()


@contextmanager
def live_writer(path: Path | None, fps: float) -> Iterator[LiveWriter | None]:
    """A writer for the length of the block; None where nobody wants to watch."""
    if path is None:
        yield None
        return
    with closing(LiveWriter(path, fps)) as writer:
        yield writer


def codec_of(head: bytes) -> str:
    """The codec's name in the first bytes of an H.264 mp4, such as avc1.64001E; "" without one."""
    place = head.find(b"avcC")
    profile = head[place + 5 : place + 8]
    return f"avc1.{profile.hex().upper()}" if place >= 0 and len(profile) == 3 else ""
