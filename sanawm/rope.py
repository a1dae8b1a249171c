"""Rotary positions over latent frame, row and column.

A head's channels are read in pairs (a, b) as complex numbers a + ib and turned by an angle
that grows with the token's position. The first pairs turn with the frame, then come those
of the row, then those of the column. Angles are computed in float64: late frames of long
clips lose digits otherwise.

Shape letters: B batch, T latent frames, S = rows * columns tokens in a frame, N heads,
K head channels, R pairs of channels.
"""

import torch
from torch import Tensor

_BASE = 10_000.0


def axis_pairs(channels: int) -> tuple[int, int, int]:
    """How many of a vector's pairs turn with the frame, the row and the column."""
    spatial = channels // 6
    return channels // 2 - 2 * spatial, spatial, spatial


def rotations(
    grid: tuple[int, int, int],
    pairs: tuple[int, int, int],
    head_dim: int,
    like: Tensor,
    first_frame: int = 0,
) -> Tensor:
    """Unit complex numbers that turn the pairs of each token, (T, S, 1, R).

    Each axis takes its first `pairs` of the frequencies that a head of `head_dim` has; dtype
    (at least complex64) and device follow `like`. The grid's first frame is the clip's
    `first_frame`.
    """
    axes = []
    for axis, (length, count, total) in enumerate(
        zip(grid, pairs, axis_pairs(head_dim), strict=True)
    ):
        exponents = torch.arange(count, dtype=torch.float64) / max(total, 1)
        begin = first_frame if axis == 0 else 0
        places = torch.arange(begin, begin + length, dtype=torch.float64)
        angles = torch.outer(places, _BASE**-exponents)
        shape = [1, 1, 1, count]
        shape[axis] = length
        axes.append(angles.view(shape).expand(*grid, count))
    angles_TS1R = torch.cat(axes, dim=-1).flatten(1, 2).unsqueeze(2)
    turns = torch.polar(torch.ones_like(angles_TS1R), angles_TS1R)
    return turns.to(like.device, torch.promote_types(like.dtype, torch.complex64))


def rotate(x_BTSNK: Tensor, rotation_TS1R: Tensor) -> Tensor:
    """Turn each pair of channels; half precision is widened to float32 and stays so."""
    wide = x_BTSNK.to(torch.promote_types(x_BTSNK.dtype, torch.float32))
    pairs_BTSNR = torch.view_as_complex(wide.view(*wide.shape[:-1], -1, 2))
    return torch.view_as_real(pairs_BTSNR * rotation_TS1R).flatten(-2)
