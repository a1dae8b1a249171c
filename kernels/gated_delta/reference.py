"""The definition of the frame-wise gated delta rule, one frame after the other.

All tokens of a frame are written at once: what the memory already answers for their keys is
taken off their values, and the rest is stored. With M the memory (value channels by key
channels), K, V, Q the frame's keys, values and queries as columns, b its write strengths:

    M <- decay * M
    M <- M + ((V - M K) * b) K^T
    answer = M Q

Shape letters: B batch, T frames, S tokens in a frame, N heads, K key channels, V value channels.
"""

import torch
from torch import Tensor


def gated_delta(
    query_BTSNK: Tensor,
    key_BTSNK: Tensor,
    value_BTSNV: Tensor,
    beta_BTSN: Tensor,
    decay_BTN: Tensor,
) -> Tensor:
    """Answers of a memory that has read all frames, from both ends, (B, T, S, N, V).

    The forward memory has read the frames up to and with the asking one, the backward memory
    the frames after it; a frame that is about to be read decays the memory first.
    """
    num_frames = key_BTSNK.shape[1]
    memory_BNVK = key_BTSNK.new_zeros(
        key_BTSNK.shape[0], key_BTSNK.shape[3], value_BTSNV.shape[4], key_BTSNK.shape[4]
    )

    def read(memory: Tensor, t: int) -> Tensor:
        key, value, beta = key_BTSNK[:, t], value_BTSNV[:, t], beta_BTSN[:, t]
        memory = decay_BTN[:, t, :, None, None] * memory
        known = torch.einsum("bnvk,bsnk->bsnv", memory, key)
        written = (value - known) * beta[..., None]
        return memory + torch.einsum("bsnv,bsnk->bnvk", written, key)

    def answer(memory: Tensor, t: int) -> Tensor:
        return torch.einsum("bnvk,bsnk->bsnv", memory, query_BTSNK[:, t])

    answers = []
    forward = memory_BNVK
    for t in range(num_frames):
        forward = read(forward, t)
        answers.append(answer(forward, t))
    backward = memory_BNVK
    for t in reversed(range(num_frames)):
        answers[t] = answers[t] + answer(backward, t)
        backward = read(backward, t)
    return torch.stack(answers, dim=1)
