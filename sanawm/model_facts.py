"""What of a model decides how much memory it takes, read from its folder. Light: no torch.

Numbers of weights come from the headers of the files, which name every tensor's shape.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

from sanawm.card import ModelCard
from sanawm.config import TransformerConfig
from sanawm.errors import ModelFilesMissingError
from sanawm.model_folder import folder_of

MOST_HEADER_BYTES = 100 << 20  # what the format allows


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFacts:
    """Sizes of one model's parts; weights are numbers, not bytes."""

    config: TransformerConfig
    autoencoder_weights: int
    text_encoder_weights: int
    decodes_ahead: bool  # its decoder looks at later frames
    small_decoder: int  # channels of the bundled kind of autoencoder at its finest; 0: the public


def facts_of(folder: Path, card: ModelCard) -> ModelFacts:
    """Read a model's sizes; ModelFilesMissingError where a file is not there or not readable."""
    vae = folder_of(folder, "vae")
    settings = _json(vae / "config.json")
    return ModelFacts(
        config=_config(folder, card),
        autoencoder_weights=weights_in(vae),
        text_encoder_weights=weights_in(folder / "text_encoder"),
        decodes_ahead=not settings.get("decoder_causal", True),
        small_decoder=int(settings.get("fine_channels", 0)),
    )


def weights_in(folder: Path) -> int:
    """How many numbers the weight files of a folder hold."""
    return sum(_weights(file, *_stamp(file)) for file in sorted(folder.glob("*.safetensors")))


def _config(folder: Path, card: ModelCard) -> TransformerConfig:
    """Sizes of the transformer; folders of the original layouts have the published ones."""
    file = folder_of(folder, "transformer") / "config.json"
    values = _json(file) if file.is_file() else {}
    try:
        config = TransformerConfig.from_diffusers(values)
    except (ValueError, TypeError) as error:
        raise ModelFilesMissingError(f"{file} does not describe {card.title}: {error}") from error
    return config


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=64)
def _weights(file: Path, size: int, changed: int) -> int:
    """Of one file, as its header tells; remembered until the file changes."""
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(length, MOST_HEADER_BYTES, size)))
        shapes = [entry["shape"] for name, entry in header.items() if name != "__metadata__"]
        return sum(prod(shape) for shape in shapes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFilesMissingError(f"{file} is broken or was not copied whole.") from error


def _json(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFilesMissingError(f"{file} is missing or cannot be read.") from error
    if not isinstance(values, dict):
        raise ModelFilesMissingError(f"{file} is not a JSON object.")
    return values
