"""LoRA files: small changes to a transformer's matrices, several at once, each with a weight.

For a matrix W (out × in) a file holds A (rank × in) and B (out × rank); with weight w the network
computes with W + w · (alpha / rank) · B A. Formats (specification, section 8): PEFT's
`….lora_A.weight` and `….lora_B.weight`, the older `….lora_down.weight` and `….lora_up.weight`;
names may begin with `transformer.`, `base_model.model.` or `diffusion_model.`. Alpha stands beside
a matrix as `….alpha`, or for all in the file's metadata; where it is nowhere, it is the rank.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sanawm.errors import InvalidRequestError

PREFIXES = ("base_model.model.", "transformer.", "diffusion_model.")
DOWN = (".lora_A.weight", ".lora_down.weight")
UP = (".lora_B.weight", ".lora_up.weight")
ALPHA = ".alpha"
NAMED = 5  # wrong names that a sentence lists


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What a file does to one matrix."""

    down: Tensor  # (rank, in)
    up: Tensor  # (out, rank)
    scale: float  # alpha / rank

    def delta(self, shape: torch.Size, weight: float) -> Tensor:
        """What is added to the matrix, in float32 and in the shape it is stored in."""
        product = self.up.float() @ self.down.float()
        return (weight * self.scale) * product.view(shape)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lora:
    """One file: changes by the name of the parameter they change."""

    name: str
    changes: Mapping[str, Change]


def read_lora(file: Path) -> Lora:
    """Read a LoRA file; InvalidRequestError says what in it cannot be used."""
    try:
        with safe_open(file, framework="pt") as stored:
            tensors = {name: stored.get_tensor(name) for name in sorted(stored.keys())}
            metadata = stored.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise InvalidRequestError(f"{file.name} cannot be read as a LoRA file: {error}.") from error
    parts = _by_module(tensors, file.name)
    told = _alpha_of(metadata)
    return Lora(
        name=file.stem,
        changes={f"{module}.weight": _change(module, part, told) for module, part in parts.items()},
    )


def merged(
    name: str, tensor: Tensor, loras: Iterable[tuple[Lora, float]], *, dtype: torch.dtype
) -> Tensor:
    """A parameter with all changes to it added, which is computed in float32."""
    changes = [(lora, weight) for lora, weight in loras if name in lora.changes]
    if not changes:
        return tensor.to(dtype)
    total = tensor.float()
    for lora, weight in changes:
        total = total + lora.changes[name].delta(tensor.shape, weight).to(total.device)
    return total.to(dtype)


def check_fits(lora: Lora, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise InvalidRequestError naming what the model has not, or has in another shape."""
    unknown = [name.removesuffix(".weight") for name in lora.changes if name not in shapes]
    if unknown:
        raise InvalidRequestError(
            f"The LoRA {lora.name} is for another model: this one has no {_first(unknown)}."
        )
    wrong = []
    for name, change in lora.changes.items():
        matrix = shapes[name]
        rows, columns = matrix[0], torch.Size(matrix[1:]).numel()
        if (change.up.shape[0], change.down.shape[1]) != (rows, columns):
            wrong.append(
                f"{name.removesuffix('.weight')} ({change.up.shape[0]} × {change.down.shape[1]} "
                f"instead of {rows} × {columns})"
            )
    if wrong:
        raise InvalidRequestError(
            f"The LoRA {lora.name} is for a model of other sizes: {_first(wrong)}."
        )


def _by_module(tensors: Mapping[str, Tensor], file: str) -> dict[str, dict[str, Tensor]]:
    """Matrices and alphas, by the module they belong to."""
    parts: dict[str, dict[str, Tensor]] = {}
    foreign = []
    for name, tensor in tensors.items():
        kind = next(
            (kind for kind, ends in _ENDS.items() for end in ends if name.endswith(end)), None
        )
        if kind is None:
            foreign.append(name)
            continue
        end = next(end for end in _ENDS[kind] if name.endswith(end))
        parts.setdefault(_module(name.removesuffix(end)), {})[kind] = tensor
    if foreign:
        raise InvalidRequestError(
            f"{file} holds {_first(foreign)}, which is no part of a LoRA this program knows. "
            "DoRA files and whole checkpoints cannot be used as one."
        )
    halves = [module for module, part in parts.items() if not {"down", "up"} <= set(part)]
    if halves or not parts:
        what = f"half of {_first(halves)}" if halves else "no matrices"
        raise InvalidRequestError(f"{file} holds {what}; it was not saved whole.")
    return parts


_ENDS: dict[str, tuple[str, ...]] = {"down": DOWN, "up": UP, "alpha": (ALPHA,)}


def _change(module: str, part: Mapping[str, Tensor], told: float | None) -> Change:
    halves = [part[half] for half in ("down", "up")]
    are_matrices = all(half.dim() > 1 and half.numel() for half in halves)
    if not are_matrices or ("alpha" in part and part["alpha"].numel() != 1):
        raise InvalidRequestError(f"What the file holds for {module} is not of a LoRA's shape.")
    down, up = (half.flatten(1) for half in halves)  # 1x1 convolutions are matrices
    rank = down.shape[0]
    if up.shape[1] != rank:
        raise InvalidRequestError(
            f"The two matrices of {module} do not fit: ranks {rank} and {up.shape[1]}."
        )
    alpha = float(part["alpha"]) if "alpha" in part else told if told is not None else rank
    return Change(down=down, up=up, scale=alpha / rank)


def _module(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _alpha_of(metadata: Mapping[str, str]) -> float | None:
    """Alpha for all matrices, as PEFT's adapters say it in a file's metadata."""
    try:
        told: Any = json.loads(metadata.get("lora_adapter_metadata", "{}"))
        found = next(value for key, value in told.items() if key.endswith("lora_alpha"))
        return float(found)
    except (ValueError, TypeError, AttributeError, StopIteration):
        return None


def _first(names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
