"""The definition of the gate of a feed-forward: the second half of the channels opens the first."""

from torch import Tensor
from torch.nn import functional as nnf


def silu_gate(x: Tensor) -> Tensor:
    """Value times SiLU(gate), where the last dimension holds value and gate side by side."""
    value, gate = x.chunk(2, dim=-1)
    return value * nnf.silu(gate)
