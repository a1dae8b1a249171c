"""Contact sheets: rows of frames a person can look at in one glance."""

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from sanawm.tiny_autoencoder import TinyVideoAutoencoder
from sanawm.training.clip_pool import ClipBatch

GAP = 2  # pixels between pictures
SCALE = 2  # small pictures are shown enlarged


def save_sheet(rows: list[Tensor], file: Path) -> None:
    """One row per clip, (F, 3, H, W) in [-1, 1]; all rows have the same size."""
    strips = []
    for frames_F3HW in rows:
        padded = torch.nn.functional.pad(frames_F3HW, (0, GAP, 0, GAP), value=1.0)
        strips.append(torch.cat(list(padded), dim=2))
    sheet_3HW = ((torch.cat(strips, dim=1).clamp(-1, 1) + 1) * 127.5).round().byte()
    picture = Image.fromarray(sheet_3HW.permute(1, 2, 0).numpy())
    size = (picture.width * SCALE, picture.height * SCALE)
    picture.resize(size, Image.Resampling.BICUBIC).save(file)


@torch.no_grad()
def save_reconstruction_sheet(
    autoencoder: TinyVideoAutoencoder, clips: ClipBatch, file: Path, count: int = 6
) -> None:
    """Every fourth frame of some clips, above its reconstruction."""
    video_BCFHW = clips.video()[:count]
    decoded_BCFHW = autoencoder.decode(autoencoder.encode(video_BCFHW))
    rows = []
    for truth, decoded in zip(video_BCFHW, decoded_BCFHW, strict=True):
        rows += [truth[:, ::4].transpose(0, 1), decoded[:, ::4].transpose(0, 1)]
    save_sheet(rows, file)
