"""Limit on the length that vectors have after a map, and how much longer they became.

Lengths are one number a vector, so the gradient is written in terms of them: two passes over
the mapped vectors and one over the original ones. `reference.py` has the definition.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from kernels.limit_length.reference import EPSILON

__all__ = ["limit_length"]


def limit_length(mapped: Tensor, original: Tensor, *, limit: bool) -> tuple[Tensor, Tensor]:
    """Scale mapped vectors so that their root mean square is at most the original's.

    Returns the vectors of the last dimension and how many times longer each is than its
    original, squared. Without a limit the vectors stay, and only the growth is told.
    """
    return _limit_length(mapped, original, limit)


class _LimitLength(torch.autograd.Function):
    """Squared lengths: `before` of the original, `reached` of the mapped vector."""

    @staticmethod
    def forward(ctx: Any, mapped: Tensor, original: Tensor, limit: bool) -> tuple[Tensor, Tensor]:
        before, reached = (torch.linalg.vector_norm(x, dim=-1).square() for x in (original, mapped))
        scale = torch.ones_like(reached)
        if limit:
            epsilon = EPSILON * mapped.shape[-1]
            scale = ((before + epsilon) / (reached + epsilon)).sqrt().clamp_(max=1)
        growth = (scale.square() * reached).clamp_min_(EPSILON**2) / before.clamp_min(EPSILON**2)
        ctx.save_for_backward(mapped, original, before, reached, scale)
        return mapped * scale[..., None], growth

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        mapped, original, before, reached, scale = ctx.saved_tensors
        limited_grad, growth_grad = grads
        floor, epsilon = EPSILON**2, EPSILON * mapped.shape[-1]
        after, divisor = scale.square() * reached, before.clamp_min(floor)
        after_grad = growth_grad / divisor * (after > floor)
        scale_grad = torch.linalg.vecdot(limited_grad, mapped) + 2 * scale * reached * after_grad
        scale_grad = scale_grad * (scale < 1) * scale / 2
        reached_grad = scale.square() * after_grad - scale_grad / (reached + epsilon)
        growth = after.clamp_min(floor) / divisor
        before_grad = scale_grad / (before + epsilon)
        before_grad -= growth_grad * growth / divisor * (before > floor)
        mapped_grad = limited_grad * scale[..., None]
        mapped_grad.addcmul_(mapped, reached_grad[..., None], value=2)
        return mapped_grad, original * (2 * before_grad[..., None]), None


_limit_length: Callable[..., tuple[Tensor, Tensor]] = _LimitLength.apply
