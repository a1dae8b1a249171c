"""The first frame of one run: a person's picture at the model's size, and what it came from.

Shape letters: B batch, C channels, F frames, H, W rows and columns.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sanawm.card import ModelCard
from sanawm.image import fit_to, open_photo, photo_size


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A first frame, cropped for the model."""

    pixels_BCFHW: Tensor  # (1, 3, 1, H, W) in [-1, 1]
    source_size: tuple[int, int]  # width and height of the upright picture before it was cropped
    sha256: str  # of the file


def read_picture(file: Path, card: ModelCard) -> Picture:
    """Read the file once, so that it may go away while the clip is drawn."""
    return Picture(
        pixels_BCFHW=pixels_of(fit_to(open_photo(file), card.width, card.height)),
        source_size=photo_size(file),
        sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest(),
    )


def pixels_of(picture: Image.Image) -> Tensor:
    """An RGB picture as a video of one frame, (1, 3, 1, H, W) in [-1, 1]."""
    pixels_HWC = torch.from_numpy(np.array(picture, np.float32)) / 127.5 - 1
    return pixels_HWC.permute(2, 0, 1)[None, :, None].contiguous()
