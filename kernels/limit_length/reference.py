"""The definition of the limit on a mapped vector's length."""

import torch
from torch import Tensor

EPSILON = 1e-6  # of a mean square in the limit, of a length in the growth


def limit_length(mapped: Tensor, original: Tensor, *, limit: bool) -> tuple[Tensor, Tensor]:
    """Scale mapped vectors so that their root mean square is at most the original's.

    Returns the vectors of the last dimension and how many times longer each is than its
    original, squared. Without a limit the vectors stay, and only the growth is told.
    """
    if limit:
        allowed = original.square().mean(-1, keepdim=True) + EPSILON
        reached = mapped.square().mean(-1, keepdim=True) + EPSILON
        mapped = mapped * (allowed / reached).sqrt().clamp(max=1)
    length, before = (torch.linalg.vector_norm(x, dim=-1) for x in (mapped, original))
    return mapped, (length.clamp_min(EPSILON) / before.clamp_min(EPSILON)).square()
