"""Where a folder keeps its transformer's weights, whichever public layout it has.

    transformer/config.json, diffusion_pytorch_model.safetensors, whole or in shards   diffusers
    dit/*.safetensors                                                                  original
    sana_dit/model.safetensors, or model.pt, a training checkpoint                     streaming

The two layouts of NVIDIA's own code have no config: they are of the published sizes. Two of their
names differ from diffusers', which are ours, and two tensors of theirs are not used.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from sanawm.config import TransformerConfig
from sanawm.errors import ModelFilesMissingError
from sanawm.training_checkpoint import tensors_in_checkpoint

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "diffusion_pytorch_model.safetensors"
SHARDS_FILE = f"{WEIGHTS_FILE}.index.json"
DIFFUSERS, ORIGINAL, STREAMING = "transformer", "dit", "sana_dit"
STREAMING_FILES = ("model.safetensors", "model.pt")  # the first one that is there

RENAMED = {"t_embedder.mlp.0.": "t_embedder.linear_1.", "t_embedder.mlp.2.": "t_embedder.linear_2."}
UNUSED = ("pos_embed", "y_embedder.y_embedding")


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A transformer's files."""

    part: Path  # the folder they lie in
    files: tuple[Path, ...]
    config: TransformerConfig

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Every tensor under our name for it, one at a time; files are mapped, not read."""
        for file in self.files:
            found = tensors_in_checkpoint(file) if file.suffix == ".pt" else _tensors(file)
            for name, tensor in found:
                if name not in UNUSED:
                    yield _our_name(name), tensor


def find_checkpoint(folder: Path) -> Checkpoint:
    """The transformer's files in a model folder; ModelFilesMissingError where none are known."""
    if (folder / DIFFUSERS).is_dir():
        part = folder / DIFFUSERS
        return Checkpoint(part=part, files=_diffusers_files(part), config=read_config(part))
    for part, names in (
        (folder / ORIGINAL, ("*.safetensors",)),
        (folder / STREAMING, STREAMING_FILES),
    ):
        found = [sorted(part.glob(name)) for name in names]
        files = next((files for files in found if files), None)
        if files:
            config = read_config(part) if (part / CONFIG_FILE).is_file() else TransformerConfig()
            return Checkpoint(part=part, files=tuple(files), config=config)
    raise ModelFilesMissingError(
        f"{folder} holds no transformer: none of {DIFFUSERS}/, {ORIGINAL}/*.safetensors and "
        f"{STREAMING}/{STREAMING_FILES[-1]} is there."
    )


def read_config(part: Path) -> TransformerConfig:
    """Sizes from a transformer folder's `config.json`."""
    file = part / CONFIG_FILE
    try:
        return TransformerConfig.from_diffusers(_read_json(file))
    except (ValueError, TypeError) as error:
        raise ModelFilesMissingError(
            f"{file} does not describe a transformer we know: {error}."
        ) from error


def _our_name(name: str) -> str:
    for theirs, ours in RENAMED.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name


def _diffusers_files(part: Path) -> tuple[Path, ...]:
    """The one file of weights, or the shards that the index names."""
    if (part / WEIGHTS_FILE).is_file():
        return (part / WEIGHTS_FILE,)
    if not (part / SHARDS_FILE).is_file():
        raise ModelFilesMissingError(f"{part} holds neither {WEIGHTS_FILE} nor {SHARDS_FILE}.")
    weight_map = _read_json(part / SHARDS_FILE).get("weight_map")
    names = set(weight_map.values()) if isinstance(weight_map, dict) else set()
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise ModelFilesMissingError(
            f"{part / SHARDS_FILE} does not name the files of weights beside it."
        )
    return tuple(part / name for name in sorted(names))


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
