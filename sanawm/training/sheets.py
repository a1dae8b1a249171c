"""Contact sheets: rows of frames a person can look at in one glance."""

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as nnf

from sanawm.files import whole_file

GAP = 2  # pixels between pictures
SCALE = 2  # small pictures are shown enlarged
COLUMNS = 9


def save_pairs(truth_BFCHW: Tensor, made_BFCHW: Tensor, file: Path) -> None:
    """Some frames of each true clip, and below them those that were made of it."""
    num_frames = truth_BFCHW.shape[1]
    shown = torch.linspace(0, num_frames - 1, min(COLUMNS, num_frames)).round().long()
    rows = []
    for true, made in zip(truth_BFCHW, made_BFCHW, strict=True):
        rows += [true[shown], made[shown]]
    save_sheet(rows, file)


def save_sheet(rows: list[Tensor], file: Path) -> None:
    """One row per clip, (F, 3, H, W) in [-1, 1]; all rows have the same size."""
    strips = []
    for frames_F3HW in rows:
        padded = nnf.pad(frames_F3HW, (0, GAP, 0, GAP), value=1.0)
        strips.append(torch.cat(list(padded), dim=2))
    sheet_3HW = ((torch.cat(strips, dim=1).clamp(-1, 1) + 1) * 127.5).round().byte()
    picture = Image.fromarray(sheet_3HW.permute(1, 2, 0).numpy())
    size = (picture.width * SCALE, picture.height * SCALE)
    with whole_file(file) as temporary:
        picture.resize(size, Image.Resampling.BICUBIC).save(temporary, format="PNG")
