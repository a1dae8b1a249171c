"""Value times SiLU(gate), of two halves of the last dimension.

The sigmoid is kept for the gradient, which then needs no exponential, and both halves of the
gradient are written where they belong. `reference.py` has the definition.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["silu_gate"]


def silu_gate(x: Tensor) -> Tensor:
    """Value times SiLU(gate), where the last dimension holds value and gate side by side."""
    return _silu_gate(x)


class _SiluGate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        value, gate = x.chunk(2, dim=-1)
        opening = gate.sigmoid()
        ctx.save_for_backward(x, opening)
        return (gate * opening).mul_(value)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        x, opening = ctx.saved_tensors
        (grad,) = grads
        value, gate = x.chunk(2, dim=-1)
        x_grad = torch.empty_like(x)
        value_grad, gate_grad = x_grad.chunk(2, dim=-1)
        silu = gate * opening
        torch.mul(grad, silu, out=value_grad)
        slope = silu.addcmul_(silu, opening, value=-1).add_(opening)
        torch.mul(grad, slope.mul_(value), out=gate_grad)
        return x_grad


_silu_gate: Callable[..., Tensor] = _SiluGate.apply
