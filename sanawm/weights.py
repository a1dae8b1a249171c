"""Reading a transformer's folder: `config.json` and its safetensors, whole or in shards.

The network is built without memory and the file's tensors become its parameters, so that
loading needs the memory of the weights once.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sanawm.card import ModelCard
from sanawm.config import TransformerConfig
from sanawm.errors import ModelFilesMissingError
from sanawm.transformer import SanaWMTransformer

PART = "transformer"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "diffusion_pytorch_model.safetensors"
SHARDS_FILE = f"{WEIGHTS_FILE}.index.json"


def load_transformer(
    folder: Path,
    card: ModelCard,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> SanaWMTransformer:
    """Load `folder/transformer` for inference; on a processor it is always float32.

    The card decides where released implementations differ: softmax scales and the limit on
    the length of vectors carried into the frames of rays.
    """
    device = device or torch.device("cpu")
    dtype = torch.float32 if device.type == "cpu" else dtype
    part = Path(folder) / PART
    config = replace(
        read_config(part),
        softmax_scale_main=card.softmax_scale_main,
        softmax_scale_camera=card.softmax_scale_camera,
        cam_rms_downscale=card.cam_rms_downscale,
    )
    with torch.device("meta"):
        transformer = SanaWMTransformer(config)
    weights = {
        name: tensor.to(device, dtype) for file in _files(part) for name, tensor in _tensors(file)
    }
    _check_complete(part, transformer, weights)
    transformer.load_state_dict(weights, assign=True)
    return transformer.requires_grad_(False)


def read_config(part: Path) -> TransformerConfig:
    """Sizes from a transformer folder's `config.json`."""
    file = part / CONFIG_FILE
    try:
        return TransformerConfig.from_diffusers(_read_json(file))
    except (ValueError, TypeError) as error:
        raise ModelFilesMissingError(
            f"{file} does not describe a transformer we know: {error}."
        ) from error


def _files(part: Path) -> list[Path]:
    """The one file of weights, or the shards that the index names."""
    if (part / WEIGHTS_FILE).is_file():
        return [part / WEIGHTS_FILE]
    if not (part / SHARDS_FILE).is_file():
        raise ModelFilesMissingError(f"{part} holds neither {WEIGHTS_FILE} nor {SHARDS_FILE}.")
    names = _read_json(part / SHARDS_FILE).get("weight_map", {}).values()
    return [part / name for name in sorted(set(names))]


def _tensors(file: Path) -> Iterator[tuple[str, Tensor]]:
    if not file.is_file():
        raise ModelFilesMissingError(f"{file} is missing: the index of the weights names it.")
    try:
        with safe_open(file, framework="pt") as tensors:
            for name in sorted(tensors.keys()):
                yield name, tensors.get_tensor(name)
    except SafetensorError as error:
        raise ModelFilesMissingError(
            f"{file} is broken or was not copied whole: {error}."
        ) from error


def _read_json(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ModelFilesMissingError(f"{file} is missing.") from error
    except ValueError as error:
        raise ModelFilesMissingError(f"{file} is not JSON: {error}.") from error
    if not isinstance(values, dict):
        raise ModelFilesMissingError(f"{file} is not a JSON object.")
    return values


def _check_complete(part: Path, transformer: SanaWMTransformer, weights: dict[str, Tensor]) -> None:
    """Raise with the first tensor that is missing, unknown or of another shape."""
    expected = {name: tuple(tensor.shape) for name, tensor in transformer.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    for name, shape in expected.items():
        if name not in found:
            raise ModelFilesMissingError(f"The weights in {part} lack {name}.")
        if found[name] != shape:
            raise ModelFilesMissingError(
                f"The weights in {part} do not fit {CONFIG_FILE}: {name} is {found[name]}, "
                f"and {shape} is needed."
            )
    for name in found:
        if name not in expected:
            raise ModelFilesMissingError(f"The weights in {part} hold {name}, which is unknown.")
