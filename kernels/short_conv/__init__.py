"""Short depthwise convolution over time, the same forward and backward in time.

Four taps seen from both sides make seven, symmetric around the present frame; so the
gradient with respect to the input is the same convolution again. On CUDA a Triton kernel runs
(`fused.py`), elsewhere shifted sums: PyTorch's depthwise conv1d is an order of magnitude slower
on a CPU, most of all backward. `reference.py` has the definition.

Shape letters: B batch, T frames, S tokens in a frame, C channels, J taps.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["short_conv"]


def short_conv(x_BTSC: Tensor, weight_C1J: Tensor) -> Tensor:
    """Convolve every token's channels over time, (B, T, S, C).

    The weight has a depthwise conv1d's layout; its last tap multiplies the present frame.
    """
    return _short_conv(x_BTSC, weight_C1J.squeeze(1).flip(-1).T)


class _ShortConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_BTSC: Tensor, tap_JC: Tensor) -> Tensor:
        ctx.save_for_backward(x_BTSC, tap_JC)
        return _convolve(x_BTSC, tap_JC)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        (grad_BTSC,) = grads
        x_BTSC, tap_JC = ctx.saved_tensors
        return _convolve(grad_BTSC, tap_JC), _tap_gradient(x_BTSC, grad_BTSC, len(tap_JC))


_short_conv: Callable[..., Tensor] = _ShortConv.apply


def _convolve(x_BTSC: Tensor, tap_JC: Tensor) -> Tensor:
    if x_BTSC.is_cuda and x_BTSC.dtype != torch.float64:
        from kernels.short_conv.fused import convolve  # triton is there wherever CUDA is

        return convolve(x_BTSC, tap_JC)
    y_BTSC = x_BTSC * tap_JC[0]
    for j in range(1, min(len(tap_JC), x_BTSC.shape[1])):
        y_BTSC[:, j:].addcmul_(x_BTSC[:, :-j], tap_JC[j])
        y_BTSC[:, :-j].addcmul_(x_BTSC[:, j:], tap_JC[j])
    return y_BTSC


def _tap_gradient(x_BTSC: Tensor, grad_BTSC: Tensor, num_taps: int) -> Tensor:
    gradient_JC = x_BTSC.new_zeros(num_taps, x_BTSC.shape[-1])
    gradient_JC[0] = (x_BTSC * grad_BTSC).sum((0, 1, 2))
    for j in range(1, min(num_taps, x_BTSC.shape[1])):
        past_BTSC = x_BTSC[:, :-j] * grad_BTSC[:, j:]
        past_BTSC.addcmul_(x_BTSC[:, j:], grad_BTSC[:, :-j])
        gradient_JC[j] = past_BTSC.sum((0, 1, 2))
    return gradient_JC
