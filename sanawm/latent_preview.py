"""What the latents look like so far, without decoding them.

A linear map from the channels of a latent cell to the mean colour of its square of pixels is fitted
by ridge regression on the run's own first frame, where both are known. It is rough, costs next to
nothing and works for any autoencoder.

Pixels are in [-1, 1]. Shape letters: B batch, C channels, T latent frames, H, W latent rows and
columns, N cells.
"""

from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as nnf

RIDGE = 0.01  # per cell; latents have about unit variance
STILLS = 9  # at most, evenly spaced over the clip
STILL_MILLISECONDS = 110
PREVIEW_WIDTH = 240
QUALITY = 60


class LatentPreview:
    """Latents to small pictures, by a map fitted on one frame."""

    def __init__(self, first_BCTHW: Tensor, pixels_BCHW: Tensor) -> None:
        """`first` is the latent of the picture `pixels` (1, 3, rows, columns)."""
        cells_NC = _cells(first_BCTHW[:, :, 0])
        rows, columns = first_BCTHW.shape[3:]
        colours_NC = _cells(nnf.adaptive_avg_pool2d(pixels_BCHW.double(), (rows, columns)))
        self._cell_mean, self._colour_mean = cells_NC.mean(0), colours_NC.mean(0)
        cells_NC, colours_NC = cells_NC - self._cell_mean, colours_NC - self._colour_mean
        penalty = RIDGE * len(cells_NC) * torch.eye(cells_NC.shape[1], dtype=torch.float64)
        self._map = torch.linalg.solve(cells_NC.T @ cells_NC + penalty, cells_NC.T @ colours_NC)

    def colours(self, latents_CHW: Tensor) -> Tensor:
        """Mean colours (H, W, 3) of the cells of one latent frame."""
        cells_NC = _cells(latents_CHW[None]) - self._cell_mean
        colours_NC = cells_NC @ self._map + self._colour_mean
        colours_HWC: Tensor = colours_NC.view(*latents_CHW.shape[1:], 3).clamp(-1, 1)
        return colours_HWC

    def webp(self, latents_BCTHW: Tensor) -> bytes:
        """A small picture that runs once through the clip and stops at its last frame."""
        num_frames = latents_BCTHW.shape[2]
        chosen = np.linspace(0, num_frames - 1, min(num_frames, STILLS)).round().astype(int)
        stills = [self._still(latents_BCTHW[0, :, int(frame)]) for frame in chosen]
        file = BytesIO()
        stills[0].save(
            file,
            format="WEBP",
            quality=QUALITY,
            save_all=True,
            append_images=stills[1:],
            duration=STILL_MILLISECONDS,
            loop=1,
        )
        return file.getvalue()

    def _still(self, latents_CHW: Tensor) -> Image.Image:
        colours_HWC = ((self.colours(latents_CHW) + 1) * 127.5).round().to(torch.uint8)
        picture = Image.fromarray(colours_HWC.cpu().numpy())
        height = round(picture.height * PREVIEW_WIDTH / picture.width)
        return picture.resize((PREVIEW_WIDTH, height), Image.Resampling.BICUBIC)


def _cells(picture_BCHW: Tensor) -> Tensor:
    """Rows of channels, one per cell of the first picture in the batch; float64 on the CPU."""
    return picture_BCHW[0].flatten(1).T.double().cpu()
