"""Short depthwise convolution over time, the same forward and backward in time.

Four taps seen from both sides make seven, symmetric around the present frame. A clip may be
read chunk by chunk: a frame sees those before it across chunks, and across calls, and those after
it up to the end of its chunk. The gradient with respect to the input is the same sum with the two
sides' limits exchanged. On CUDA a Triton kernel runs (`fused.py`), elsewhere shifted sums:
PyTorch's depthwise conv1d is an order of magnitude slower on a CPU, most of all backward.
`reference.py` has the definition.

Shape letters: B batch, T frames, S tokens in a frame, C channels, J taps.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

__all__ = ["short_conv"]


def short_conv(
    x_BTSC: Tensor,
    weight_C1J: Tensor,
    chunks: Sequence[int] | None = None,
    before_BJSC: Tensor | None = None,
) -> Tensor:
    """Convolve every token's channels over time, (B, T, S, C).

    The weight has a depthwise conv1d's layout; its last tap multiplies the present frame.
    `chunks` are numbers of frames, T together; None is one chunk. `before` holds the last J - 1
    frames of what an earlier call read, a constant.
    """
    chunks = (x_BTSC.shape[1],) if chunks is None else tuple(chunks)
    assert sum(chunks) == x_BTSC.shape[1]
    assert before_BJSC is None or before_BJSC.shape[1] == weight_C1J.shape[2] - 1
    return _short_conv(x_BTSC, weight_C1J.squeeze(1).flip(-1).T, chunks, before_BJSC)


class _ShortConv(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x_BTSC: Tensor, tap_JC: Tensor, chunks: tuple[int, ...], before: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(x_BTSC, tap_JC)
        ctx.chunks, ctx.before = chunks, before
        if _runs_fused(x_BTSC):
            from kernels.short_conv.fused import convolve  # triton is there wherever CUDA is

            return convolve(x_BTSC, tap_JC, before=before, ends=_ends(chunks))
        y_BTSC = x_BTSC * tap_JC[0]
        for j in range(1, len(tap_JC)):
            for there, seen in _neighbours(chunks, j):
                y_BTSC[:, there].addcmul_(x_BTSC[:, seen], tap_JC[j])
            if before is not None:
                early = before[:, before.shape[1] - j :][:, : x_BTSC.shape[1]]
                y_BTSC[:, : early.shape[1]].addcmul_(early, tap_JC[j])
        return y_BTSC

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad_BTSC,) = grads
        x_BTSC, tap_JC = ctx.saved_tensors
        tap_grad_JC = _tap_gradient(x_BTSC, grad_BTSC, len(tap_JC), ctx.chunks, ctx.before)
        if _runs_fused(x_BTSC):
            from kernels.short_conv.fused import convolve

            x_grad = convolve(grad_BTSC, tap_JC, begins=_begins(ctx.chunks))
            return x_grad, tap_grad_JC, None, None
        x_grad_BTSC = grad_BTSC * tap_JC[0]
        for j in range(1, len(tap_JC)):
            for there, seen in _neighbours(ctx.chunks, j):
                x_grad_BTSC[:, seen].addcmul_(grad_BTSC[:, there], tap_JC[j])
        return x_grad_BTSC, tap_grad_JC, None, None


_short_conv: Callable[..., Tensor] = _ShortConv.apply


def _runs_fused(x: Tensor) -> bool:
    return x.is_cuda and x.dtype != torch.float64


def _neighbours(chunks: tuple[int, ...], distance: int) -> Iterator[tuple[slice, slice]]:
    """Frames, and the frames that they see at this distance: earlier ones, then later ones."""
    num_frames = sum(chunks)
    if num_frames > distance:
        yield slice(distance, num_frames), slice(0, num_frames - distance)
    for begin, end in pairwise((0, *accumulate(chunks))):
        if end - begin > distance:
            yield slice(begin, end - distance), slice(begin + distance, end)


def _tap_gradient(
    x_BTSC: Tensor,
    grad_BTSC: Tensor,
    num_taps: int,
    chunks: tuple[int, ...],
    before_BJSC: Tensor | None,
) -> Tensor:
    gradient_JC = x_BTSC.new_zeros(num_taps, x_BTSC.shape[-1])
    gradient_JC[0] = (x_BTSC * grad_BTSC).sum((0, 1, 2))
    for j in range(1, num_taps):
        for there, seen in _neighbours(chunks, j):
            gradient_JC[j] += (x_BTSC[:, seen] * grad_BTSC[:, there]).sum((0, 1, 2))
        if before_BJSC is not None:
            early = before_BJSC[:, before_BJSC.shape[1] - j :][:, : x_BTSC.shape[1]]
            gradient_JC[j] += (early * grad_BTSC[:, : early.shape[1]]).sum((0, 1, 2))
    return gradient_JC


def _ends(chunks: tuple[int, ...]) -> list[int]:
    """For every frame the first frame after its chunk."""
    return [end for size, end in zip(chunks, accumulate(chunks), strict=True) for _ in range(size)]


def _begins(chunks: tuple[int, ...]) -> list[int]:
    """For every frame the first frame of its chunk."""
    return [
        end - size
        for size, end in zip(chunks, accumulate(chunks), strict=True)
        for _ in range(size)
    ]
