"""The definition of the frame-wise gated delta rule, one frame after the other.

All tokens of a frame are written at once: what the memory already answers for their keys is
taken off their values, and the rest is stored. With M the memory (value channels by key
channels), K, V, Q the frame's keys, values and queries as columns, b its write strengths:

    M <- decay * M
    M <- M + ((V - M K) * b) K^T
    answer = M Q

The forward memory reads the frames from first to last, and a clip may begin with what an
earlier call left in it. The backward memory reads the frames of a chunk from its last to its
first, and is empty at the chunk's end.

Shape letters: B batch, T frames, S tokens in a frame, N heads, K key channels, V value channels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def gated_delta(
    query_BTSNK: Tensor,
    key_BTSNK: Tensor,
    value_BTSNV: Tensor,
    beta_BTSN: Tensor,
    decay_BTN: Tensor,
    chunks: Sequence[int] | None = None,
    memory_BNKV: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Answers (B, T, S, N, V) of both memories, and the forward memory after the first chunk.

    The forward memory has read the frames up to and with the asking one, the backward memory
    the frames after it; a frame that is about to be read decays the memory first.
    """
    chunks = chunks or (key_BTSNK.shape[1],)
    empty_BNVK = key_BTSNK.new_zeros(
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

    answers: list[Tensor] = []
    forward = empty_BNVK if memory_BNKV is None else memory_BNKV.mT
    memories = []
    for num_frames in chunks:
        begin, end = len(answers), len(answers) + num_frames
        for t in range(begin, end):
            forward = read(forward, t)
            answers.append(answer(forward, t))
        memories.append(forward)
        backward = empty_BNVK
        for t in reversed(range(begin, end)):
            answers[t] = answers[t] + answer(backward, t)
            backward = read(backward, t)
    return torch.stack(answers, dim=1), memories[0].mT
