"""Frame-wise gated delta rule over time, both directions at once.

A frame's tokens are far more than its key channels, so the frame is first summed up in two
small matrices: with b the write strengths and g the decay,

    transition = g (I - K^T b K)        update = K^T b V

after which the memory before and after a frame are related by one small product. Both
directions share these, and as answers are linear in the memory one product with the sum of
the two memories answers for both. `reference.py` has the definition.

Shape letters: B batch, T frames, S tokens in a frame, N heads, K key channels, V value
channels, P = B*N.
"""

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
    query_TPSK, key_TPSK, value_TPSV = map(_by_head, (query_BTSNK, key_BTSNK, value_BTSNV))
    written_TPKS = (key_TPSK * _by_head(beta_BTSN[..., None])).mT
    decay_TP11 = decay_BTN.transpose(0, 1).reshape(num_frames, batch * num_heads, 1, 1)

    identity_KK = torch.eye(key_TPSK.shape[-1], dtype=key_TPSK.dtype, device=key_TPSK.device)
    transition_TPKK = decay_TP11 * (identity_KK - written_TPKS @ key_TPSK)
    memory_TPKV = _scan_both_ways(transition_TPKK, written_TPKS @ value_TPSV)

    answer_TPSV = query_TPSK @ memory_TPKV
    answer_TBNSV = answer_TPSV.view(num_frames, batch, num_heads, num_tokens, -1)
    return answer_TBNSV.permute(1, 0, 3, 2, 4)


def _by_head(x_BTSNK: Tensor) -> Tensor:
    """Frames outermost, then one matrix of tokens for every row and head: (T, P, S, K)."""
    batch, num_frames, num_tokens, num_heads, channels = x_BTSNK.shape
    x_TBNSK = x_BTSNK.permute(1, 0, 3, 2, 4)
    return x_TBNSK.reshape(num_frames, batch * num_heads, num_tokens, channels)


def _scan_both_ways(transition_TPKK: Tensor, update_TPKV: Tensor) -> Tensor:
    """Sum of the memory after each frame and the memory of all later frames, (T, P, K, V)."""
    last = len(update_TPKV) - 1
    num_rows = update_TPKV.shape[1]
    both_PKV = torch.cat((update_TPKV[0], update_TPKV[last]))
    forward, backward = [update_TPKV[0]], [torch.zeros_like(update_TPKV[0])]
    for t in range(1, last + 1):
        backward.append(both_PKV[num_rows:])
        transition_PKK = torch.cat((transition_TPKK[t], transition_TPKK[last - t]))
        update_PKV = torch.cat((update_TPKV[t], update_TPKV[last - t]))
        both_PKV = torch.baddbmm(update_PKV, transition_PKK, both_PKV)
        forward.append(both_PKV[:num_rows])
    return torch.stack(forward) + torch.stack(backward[::-1])
