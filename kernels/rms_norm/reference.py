"""The definition of the root-mean-square norm, with the rectifier that often follows it."""

from torch import Tensor


def rms_norm(x: Tensor, weight: Tensor, *, eps: float, rectify: bool = False) -> Tensor:
    """Scale each vector of the last dimension to a root mean square of one, times a weight."""
    normed = x * (x.square().mean(-1, keepdim=True) + eps).rsqrt() * weight
    return normed.relu() if rectify else normed
