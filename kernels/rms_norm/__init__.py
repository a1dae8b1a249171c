"""Root-mean-square norm over the last dimension, optionally followed by a rectifier.

Half precision is computed in float32, some rows at a time: all at once would take four times the
memory of the input. The gradient is written out: it reads the input once
for both the weight's and the input's part. `reference.py` has the definition.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["rms_norm"]

_WIDENED = 1 << 24  # numbers, 64 MiB of float32


def rms_norm(x: Tensor, weight: Tensor, *, eps: float, rectify: bool = False) -> Tensor:
    """Scale each vector to a root mean square of one, times a weight; dtype follows `x`."""
    wide = torch.promote_types(x.dtype, torch.float32)
    if x.dtype == wide:
        return _rms_norm(x, weight.to(wide), eps, rectify)
    rows = max(1, _WIDENED // x.shape[-1])
    parts = torch.split(x.reshape(-1, x.shape[-1]), rows)
    normed = [_rms_norm(part.to(wide), weight.to(wide), eps, rectify).to(x.dtype) for part in parts]
    return (normed[0] if len(normed) == 1 else torch.cat(normed)).view(x.shape)


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, rectify: bool) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        scale = length.square().div_(x.shape[-1]).add_(eps).rsqrt_()
        normed: Tensor = (x * scale).mul_(weight)
        if rectify:
            normed.relu_()
        ctx.save_for_backward(x, weight, scale, normed if rectify else None)
        return normed

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, weight, scale, rectified = ctx.saved_tensors
        (grad,) = grads
        if rectified is not None:
            grad = torch.ops.aten.threshold_backward(grad, rectified, 0)
        product = (grad * x).flatten(0, -2)
        weight_grad = product.mT @ scale.flatten()
        pull = (product @ weight).view_as(scale).mul_(scale.pow(3)).div_(-x.shape[-1])
        x_grad = (grad * weight).mul_(scale).addcmul_(x, pull)
        return x_grad, weight_grad, None, None


_rms_norm: Callable[..., Tensor] = _RMSNorm.apply
