"""Weights into a transformer: from any layout, straight to device and precision.

The network is built without memory and each tensor of the files becomes one of its parameters as
it is read, so that loading needs the memory of the weights once, and on the way to a graphics card
no more of this computer's than one tensor.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from sanawm.card import ModelCard
from sanawm.checkpoints import find_checkpoint
from sanawm.errors import ModelFilesMissingError
from sanawm.lora import check_fits, merged, read_lora
from sanawm.transformer import SanaWMTransformer

BLOCKS = "blocks."  # what names of the blocks' tensors begin with
NAMED = 5  # wrong tensors that an error names of each kind


def load_transformer(
    folder: Path,
    card: ModelCard,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    offloads: bool = False,
    loras: Sequence[tuple[Path, float]] = (),
) -> SanaWMTransformer:
    """Load a model folder's transformer for inference.

    The card decides where released implementations differ: softmax scales and the limit on
    the length of vectors carried into the frames of rays. `loras` are files with a weight each,
    added to the matrices they change. With `offloads` the blocks' weights stay in the computer's
    memory.
    """
    device = device or torch.device("cpu")
    checkpoint = find_checkpoint(Path(folder))
    config = replace(
        checkpoint.config,
        softmax_scale_main=card.softmax_scale_main,
        softmax_scale_camera=card.softmax_scale_camera,
        cam_rms_downscale=card.cam_rms_downscale,
    )
    with torch.device("meta"):
        transformer = SanaWMTransformer(config)
    expected = {name: tuple(tensor.shape) for name, tensor in transformer.state_dict().items()}
    changes = [(read_lora(file), weight) for file, weight in loras]
    for lora, _ in changes:
        check_fits(lora, expected)
    weights: dict[str, Tensor] = {}
    found: dict[str, tuple[int, ...]] = {}
    for name, tensor in checkpoint.tensors():
        found[name] = tuple(tensor.shape)
        if found[name] == expected.get(name):
            stays = offloads and name.startswith(BLOCKS)
            place = tensor.device if stays else device
            weights[name] = merged(name, tensor.to(place), changes, dtype=dtype)
    _check_complete(checkpoint.part, expected, found)
    transformer.load_state_dict(weights, assign=True)
    transformer.requires_grad_(False)
    if offloads:
        transformer.offload(device)
    return transformer


def _check_complete(
    part: Path, expected: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]]
) -> None:
    """Raise once for all tensors that are missing, unknown or of another shape."""
    odd = [
        f"{name} is {found[name]} and {shape} is needed"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    kinds = {
        "missing": [name for name in expected if name not in found],
        "unknown": [name for name in found if name not in expected],
        "of another shape": odd,
    }
    wrong = [_first_of(kind, names) for kind, names in kinds.items() if names]
    if wrong:
        raise ModelFilesMissingError(
            f"The weights in {part} do not fit this model. {' '.join(wrong)}"
        )


def _first_of(kind: str, names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{kind[0].upper()}{kind[1:]}: {', '.join(names[:NAMED])}{more}."
