"""LoRA files beside the weights instead of in them: changed or removed without loading again.

Merged, a matrix is W + w · (alpha / rank) · B A, once. Apart, W stays as it was read and the rest
is computed when the network runs:

* A linear layer that is called gets x Wᵀ + (x Aᵀ) Bᵀ, in its own precision. The matrices of all
  files stand one below the other in A and beside each other in B, which holds weight and scale, so
  that several files cost two products, as one does.
* Where the network reads a matrix itself (convolutions that are computed as products, and the
  projection of Plücker rays, which is folded into their embedding), a low-rank product has no
  place to go: there W + B A is formed at each reading, and forgotten after it.

Either gives what merging gives, up to rounding. A file of weight 0 takes no part, and with no part
taken the network is untouched: its outputs are those without LoRAs, bit for bit. What was prepared
for a clip before a change holds the matrices of before; a change is for the next clip.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf
from torch.nn.utils import parametrize

from sanawm.lora import Lora, check_fits, read_lora

READ_BY_OTHERS = ("plucker_proj",)  # linear layers whose matrix is read by another module, too


class LorasApart:
    """LoRAs of one transformer, in effect from here on with the weights they came with."""

    def __init__(
        self, transformer: nn.Module, loras: Sequence[Lora], weights: Sequence[float]
    ) -> None:
        shapes = {name: tuple(tensor.shape) for name, tensor in transformer.state_dict().items()}
        for lora in loras:
            check_fits(lora, shapes)
        self._transformer = transformer
        self._loras = tuple(loras)
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []
        self._changed: list[nn.Module] = []
        self.set(weights)

    @classmethod
    def from_files(cls, transformer: nn.Module, files: Sequence[tuple[Path, float]]) -> Self:
        """Read the files, each with its weight; InvalidRequestError says what does not fit."""
        loras = [read_lora(file) for file, _ in files]
        return cls(transformer, loras, [weight for _, weight in files])

    def set(self, weights: Sequence[float]) -> None:
        """Give every LoRA another weight, in their order."""
        assert len(weights) == len(self._loras), "one weight for each LoRA"
        self.remove()
        for name in sorted({name for lora in self._loras for name in lora.changes}):
            path = name.removesuffix(".weight")
            module = self._transformer.get_submodule(path)
            pairs = list(self._pairs(name, weights))
            if pairs:
                self._change(module, path.rpartition(".")[2], pairs)

    def remove(self) -> None:
        """Leave the network as it was before; `set` brings the LoRAs back."""
        for hook in self._hooks:
            hook.remove()
        for module in self._changed:
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=False)
        self._hooks, self._changed = [], []

    def _pairs(self, name: str, weights: Sequence[float]) -> Iterator[tuple[Tensor, Tensor]]:
        """A and B of every file that changes this matrix, in float32; B is scaled."""
        for lora, weight in zip(self._loras, weights, strict=True):
            change = lora.changes.get(name)
            if change is not None and weight:
                yield change.down.float(), weight * change.scale * change.up.float()

    def _change(self, module: nn.Module, name: str, pairs: list[tuple[Tensor, Tensor]]) -> None:
        base = module.weight
        assert isinstance(base, Tensor)
        down = torch.cat([down for down, _ in pairs]).to(base.device)
        up = torch.cat([up for _, up in pairs], dim=1).to(base.device)
        if isinstance(module, nn.Linear) and name not in READ_BY_OTHERS:
            low_rank = partial(_low_rank, down.to(base.dtype), up.to(base.dtype))
            self._hooks.append(module.register_forward_hook(low_rank))
        else:
            parametrize.register_parametrization(module, "weight", _Sum(down, up))
            self._changed.append(module)


class _Sum(nn.Module):
    """A matrix and its change, added in float32 as merging adds them, at each reading."""

    def __init__(self, down: Tensor, up: Tensor) -> None:
        super().__init__()
        self._down, self._up = down, up  # no buffers: a state_dict holds the model's tensors only

    def forward(self, base: Tensor) -> Tensor:
        """W + B A, in the precision and on the device of W."""
        change = self._up.to(base.device) @ self._down.to(base.device)
        return (base.float() + change.view(base.shape)).to(base.dtype)


def _low_rank(
    down: Tensor, up: Tensor, module: nn.Module, inputs: tuple[Tensor], output: Tensor
) -> Tensor:
    """What a called linear layer gives, with the change: (x Aᵀ) Bᵀ more."""
    (x,) = inputs
    return output + nnf.linear(nnf.linear(x, down.to(x.device)), up.to(x.device))
