"""Frame-wise gated delta rule over time, both directions at once.

A frame's tokens are far more than its key channels, so the frame is first summed up in two
small matrices. With b the write strengths and g the decay,

    transition = g (I - K^T b K)        update = K^T b V
    memory after a frame = transition @ memory before it + update

Both directions share these, and as answers are linear in the memory one product with the sum
of the two memories answers for both. The gradient runs the same recurrence with transposed
transitions. `reference.py` has the definition.

A clip may be read chunk by chunk: the forward memory goes on from chunk to chunk and from one
call to the next, the backward memory is empty at every chunk's end.

Shape letters: B batch, T frames, S tokens in a frame, N heads, K key channels, V value
channels, P = B*N.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

__all__ = ["gated_delta", "gated_delta_chunks"]


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
    chunks = (key_BTSNK.shape[1],)
    answer, _ = gated_delta_chunks(
        query_BTSNK, key_BTSNK, value_BTSNV, beta_BTSN, decay_BTN, chunks
    )
    return answer


def gated_delta_chunks(
    query_BTSNK: Tensor,
    key_BTSNK: Tensor,
    value_BTSNV: Tensor,
    beta_BTSN: Tensor,
    decay_BTN: Tensor,
    chunks: Sequence[int],
    memory_BNKV: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Answers (B, T, S, N, V) where no chunk sees a later one, and the memory after the first.

    `chunks` are numbers of frames, T together. `memory` is what an earlier call gave back, None
    at the start of a clip. Both memories are constants: no gradient flows through them.
    """
    batch, num_frames, num_tokens, num_heads, channels = key_BTSNK.shape
    assert sum(chunks) == num_frames
    query, key, value = map(_by_head, (query_BTSNK, key_BTSNK, value_BTSNV))
    beta_TPS1 = _by_head(beta_BTSN[..., None])
    decay_TP11 = decay_BTN.transpose(0, 1).reshape(num_frames, batch * num_heads, 1, 1)
    memory_PKV = None if memory_BNKV is None else memory_BNKV.flatten(0, 1)
    answer_TPSV, memory_PKV = _gated_delta(
        query, key, value, beta_TPS1, decay_TP11, memory_PKV, tuple(chunks)
    )
    answer_TBNSV = answer_TPSV.view(num_frames, batch, num_heads, num_tokens, -1)
    memory = memory_PKV.view(batch, num_heads, channels, -1)
    return answer_TBNSV.permute(1, 0, 3, 2, 4), memory


def _by_head(x_BTSNK: Tensor) -> Tensor:
    """Frames outermost, then one matrix of tokens for every row and head: (T, P, S, K)."""
    batch, num_frames, num_tokens, num_heads, channels = x_BTSNK.shape
    x_TBNSK = x_BTSNK.permute(1, 0, 3, 2, 4)
    return x_TBNSK.reshape(num_frames, batch * num_heads, num_tokens, channels)


class _GatedDelta(torch.autograd.Function):
    """The operator on (T, P, ...) tensors."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        beta: Tensor,
        decay: Tensor,
        before: Tensor | None,
        chunks: tuple[int, ...],
    ) -> tuple[Tensor, Tensor]:
        written = key * beta
        kept = torch.eye(key.shape[-1], dtype=key.dtype, device=key.device) - written.mT @ key
        transition = decay * kept
        updates = _and_reversed(written.mT @ value)
        if before is not None:
            updates[0, : len(before)].baddbmm_(transition[0], before)
        goes_on = _goes_on(chunks, key)
        backward = transition if goes_on is None else transition * goes_on
        both = _scan(torch.cat((transition, backward.flip(0)), dim=1), updates)
        past, future = both.chunk(2, dim=1)
        future = _later(future.flip(0))
        if goes_on is not None:
            future = future * goes_on
        memory = past + future
        after = past[chunks[0] - 1].clone()
        ctx.goes_on, ctx.before = goes_on, before
        ctx.mark_non_differentiable(after)
        ctx.save_for_backward(
            query, key, value, beta, decay, written, kept, transition, past, future, memory
        )
        return query @ memory, after

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, beta, decay, written, kept, transition, past, future, memory = (
            ctx.saved_tensors
        )
        answer_grad, _ = grads
        memory_grad = query.mT @ answer_grad
        # Memories of later frames pull on this frame's update through the forward chain,
        # memories of earlier frames of the chunk through the backward chain.
        to_earlier = transition if ctx.goes_on is None else transition * _earlier(ctx.goes_on)
        chains = torch.cat((to_earlier.mT, _later(transition).flip(0).mT), dim=1)
        both = _scan(chains, _and_reversed(memory_grad))
        from_earlier, from_later = both.chunk(2, dim=1)
        if ctx.goes_on is not None:
            from_earlier = from_earlier * ctx.goes_on
        from_earlier, from_later = _earlier(from_earlier), from_later.flip(0)
        past = _earlier(past, ctx.before)
        transition_grad = from_later @ past.mT + from_earlier @ future.mT
        update_grad = from_later + from_earlier

        overlap_grad = -decay * transition_grad
        written_grad = key @ overlap_grad.mT + value @ update_grad.mT
        return (
            answer_grad @ memory.mT,
            (written @ overlap_grad).addcmul_(written_grad, beta),
            written @ update_grad,
            (written_grad * key).sum(-1, keepdim=True),
            (transition_grad * kept).sum((-2, -1), keepdim=True),
            None,
            None,
        )


_gated_delta: Callable[..., tuple[Tensor, Tensor]] = _GatedDelta.apply


def _goes_on(chunks: tuple[int, ...], like: Tensor) -> Tensor | None:
    """Whether a frame's chunk has a frame after it, 1 or 0, (T, 1, 1, 1); None of one chunk."""
    if len(chunks) == 1:
        return None
    goes_on_T = like.new_ones(sum(chunks))
    goes_on_T[[end - 1 for end in accumulate(chunks)]] = 0
    return goes_on_T.view(-1, 1, 1, 1)


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


def _earlier(x: Tensor, first: Tensor | None = None) -> Tensor:
    """What the previous frame holds; at the first `first`, or zero."""
    head = torch.zeros_like(x[:1]) if first is None else first[None]
    return torch.cat((head, x[:-1]))
