"""What a clip that is drawn chunk by chunk remembers of the chunks that are done.

One memory for each block, of a size that does not grow with the clip: the state of the delta rule,
the last frames its key convolution saw, keys and values of the first and of the last chunk for
softmax attention, and the last frame before the feed-forward's temporal convolution. What is kept
comes from a pass over the clean chunk (paper section 3.4, there "cache").

Shape letters: B batch, T latent frames of one chunk, S tokens in a frame, N heads, K head
channels, D = N*K hidden channels, J frames that a convolution looks back.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor


class DeltaMemory(NamedTuple):
    """Of a block that runs the delta rule; float32, whatever the weights are."""

    answer_BNKK: Tensor  # main branch: from keys to values
    mass_BNK1: Tensor  # main branch: from keys to the sum of their weights
    camera_BNKK: Tensor | None  # camera branch: from keys to values
    key_BJSD: Tensor  # main branch: keys of the last frames, as the convolution takes them


class KeysValues(NamedTuple):
    """Keys and values of one chunk, placed where the whole clip has them."""

    key_BTSNK: Tensor
    value_BTSNK: Tensor


class Window(NamedTuple):
    """The chunks that softmax attention still sees: the first one, and the last that is done."""

    chunks: tuple[KeysValues, ...] = ()

    def after(self, chunk: KeysValues) -> "Window":
        """The window once one more chunk is done."""
        return Window((*self.chunks[:1], chunk))

    def seen_with(self, chunk: KeysValues) -> KeysValues:
        """Everything a chunk attends to, itself last."""
        if not self.chunks:
            return chunk
        keys, values = zip(*self.chunks, chunk, strict=True)
        return KeysValues(torch.cat(keys, dim=1), torch.cat(values, dim=1))


class SoftmaxMemory(NamedTuple):
    """Of a block with softmax attention."""

    main: Window
    camera: Window | None


class BlockMemory(NamedTuple):
    """Of one block."""

    attention: DeltaMemory | SoftmaxMemory
    mlp_B1SD: Tensor  # last frame before the feed-forward's temporal convolution


class ClipMemory(NamedTuple):
    """Of the whole transformer."""

    blocks: tuple[BlockMemory, ...]


def compact(kept: Any) -> Any:
    """The same, holding on to no larger tensor that its own are slices of."""
    if isinstance(kept, Tensor):
        return kept if kept.untyped_storage().nbytes() == kept.nbytes else kept.clone()
    if isinstance(kept, tuple):
        parts = map(compact, kept)
        return type(kept)(*parts) if hasattr(kept, "_fields") else tuple(parts)
    return kept
