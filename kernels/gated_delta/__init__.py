"""Frame-wise gated delta rule over time, both directions at once.

A frame's tokens are far more than its key channels, so the frame is first summed up in two
small matrices. With b the write strengths and g the decay,

    transition = g (I - K^T b K)        update = K^T b V
    memory after a frame = transition @ memory before it + update

Both directions share these, and as answers are linear in the memory one product with the sum
of the two memories answers for both. The gradient runs the same recurrence with transposed
transitions. `reference.py` has the definition.

Shape letters: B batch, T frames, S tokens in a frame, N heads, K key channels, V value
channels, P = B*N.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

__all__ = ["gated_delta"]


def gated_delta(
    query_BTSNK: Tensor,
    key_BTSNK: Tensor,
    value_BTSNV: Tensor,
    beta_BTSN: Tensor,
    decay_BTN: Tensor,
) -> Tensor:
    """Answers of a memory that has read all frames, from both ends, (B, T, S, N, V).

    The forward memory has read the frames up to and with the asking one, the backward memory
    the frames after it. Differentiable in every argument.
    """
    batch, num_frames, num_tokens, num_heads, _ = key_BTSNK.shape
    query, key, value = map(_by_head, (query_BTSNK, key_BTSNK, value_BTSNV))
    beta_TPS1 = _by_head(beta_BTSN[..., None])
    decay_TP11 = decay_BTN.transpose(0, 1).reshape(num_frames, batch * num_heads, 1, 1)
    answer_TPSV = _gated_delta(query, key, value, beta_TPS1, decay_TP11)
    answer_TBNSV = answer_TPSV.view(num_frames, batch, num_heads, num_tokens, -1)
    return answer_TBNSV.permute(1, 0, 3, 2, 4)


def _by_head(x_BTSNK: Tensor) -> Tensor:
    """Frames outermost, then one matrix of tokens for every row and head: (T, P, S, K)."""
    batch, num_frames, num_tokens, num_heads, channels = x_BTSNK.shape
    x_TBNSK = x_BTSNK.permute(1, 0, 3, 2, 4)
    return x_TBNSK.reshape(num_frames, batch * num_heads, num_tokens, channels)


class _GatedDelta(torch.autograd.Function):
    """The operator on (T, P, ...) tensors."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, beta: Tensor, decay: Tensor
    ) -> Tensor:
        written = key * beta
        kept = torch.eye(key.shape[-1], dtype=key.dtype, device=key.device) - written.mT @ key
        transition = decay * kept
        update = written.mT @ value
        both = _scan(_and_reversed(transition), _and_reversed(update))
        past, future = both.chunk(2, dim=1)
        future = _later(future.flip(0))
        memory = past + future
        ctx.save_for_backward(
            query, key, value, beta, decay, written, kept, transition, past, future, memory
        )
        return query @ memory

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        query, key, value, beta, decay, written, kept, transition, past, future, memory = (
            ctx.saved_tensors
        )
        (answer_grad,) = grads
        memory_grad = query.mT @ answer_grad
        # Memories of later frames pull on this frame's update through the forward chain,
        # memories of earlier frames through the backward chain.
        chains = torch.cat((transition.mT, _later(transition).flip(0).mT), dim=1)
        both = _scan(chains, _and_reversed(memory_grad))
        from_earlier, from_later = both.chunk(2, dim=1)
        from_earlier, from_later = _earlier(from_earlier), from_later.flip(0)
        transition_grad = from_later @ _earlier(past).mT + from_earlier @ future.mT
        update_grad = from_later + from_earlier

        overlap_grad = -decay * transition_grad
        written_grad = key @ overlap_grad.mT + value @ update_grad.mT
        return (
            answer_grad @ memory.mT,
            (written @ overlap_grad).addcmul_(written_grad, beta),
            written @ update_grad,
            (written_grad * key).sum(-1, keepdim=True),
            (transition_grad * kept).sum((-2, -1), keepdim=True),
        )


_gated_delta: Callable[..., Tensor] = _GatedDelta.apply


def _scan(transition_TPKK: Tensor, update_TPKV: Tensor) -> Tensor:
    """Run state[t] = transition[t] @ state[t-1] + update[t] from a zero state."""
    state_TPKV = update_TPKV.clone()
    for transition, (before, after) in zip(
        transition_TPKK.unbind()[1:], pairwise(state_TPKV.unbind()), strict=True
    ):
        after.baddbmm_(transition, before)
    return state_TPKV


def _and_reversed(x: Tensor) -> Tensor:
    """Frames forward and, as further rows, the same frames backward."""
    return torch.cat((x, x.flip(0)), dim=1)


def _later(x: Tensor) -> Tensor:
    """What the next frame holds; zero at the last."""
    return torch.cat((x[1:], torch.zeros_like(x[:1])))


def _earlier(x: Tensor) -> Tensor:
    """What the previous frame holds; zero at the first."""
    return torch.cat((torch.zeros_like(x[:1]), x[:-1]))
