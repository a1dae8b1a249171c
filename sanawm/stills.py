"""The small companions of a video: its poster, its thumbnail, and a short clip to hover over."""

from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sanawm.files import whole_file
from sanawm.video import Frame, write_mp4
from sanawm.video_reading import read_facts, read_frames

THUMBNAIL_WIDTH = 320
POSTER_WIDTH = 1280  # at most
HOVER_WIDTH = 320
HOVER_FRAMES = 40  # at most
HOVER_FROM_WIDTH = 480  # of videos up to this one, the video itself is small enough


def write_poster(video: Path, poster: Path) -> None:
    """The first frame as a JPEG, large enough for a page or a link's preview."""
    _write_still(_first_frame(video), poster, POSTER_WIDTH, format="JPEG", quality=82)


def write_thumbnail(video: Path, thumbnail: Path) -> None:
    """The first frame as a small WebP for a gallery."""
    _write_still(_first_frame(video), thumbnail, THUMBNAIL_WIDTH, format="WEBP", quality=75)


def write_hover(video: Path, hover: Path) -> bool:
    """A small mute clip as long as the video, with fewer frames; whether there was need of one."""
    facts = read_facts(video)
    if facts.width <= HOVER_FROM_WIDTH:
        return False
    every = ceil(facts.frames / HOVER_FRAMES)
    small = (_small(frame_HWC) for frame_HWC in islice(read_frames(video), 0, None, every))
    write_mp4(small, hover, facts.fps / every, {})
    return True


def _first_frame(video: Path) -> Image.Image:
    return Image.fromarray(next(read_frames(video)))


def _small(frame_HWC: Frame) -> Frame:
    height = round(frame_HWC.shape[0] * HOVER_WIDTH / frame_HWC.shape[1])
    size = (HOVER_WIDTH, max(2, height))
    return np.asarray(Image.fromarray(frame_HWC).resize(size, Image.Resampling.LANCZOS))


def _write_still(picture: Image.Image, path: Path, width: int, **options: Any) -> None:
    if picture.width > width:
        height = max(1, round(picture.height * width / picture.width))
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    with whole_file(path) as temporary:
        picture.save(temporary, **options)
