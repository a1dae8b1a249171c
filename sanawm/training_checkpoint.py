"""The streaming model as it is published: a training checkpoint, of which one network is of use.

`sana_dit/model.pt` is a pickle of the generator, and may hold critic and optimizers too. It is read
without running any code from it, mapped and not loaded, and its generator written once as
safetensors beside it, which opens at once and holds nothing else.
"""

import errno
import json
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sanawm.errors import ModelFilesMissingError
from sanawm.files import whole_file

WRAPPINGS = ("generator", "state_dict")  # what a checkpoint may keep the network under
PREFIX = "model."
CONVERTED = "model.safetensors"
DTYPES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}
ALIGNMENT = 8  # bytes, of where the tensors begin


def tensors_in_checkpoint(file: Path) -> Iterator[tuple[str, Tensor]]:
    """The generator's tensors under the original names; an error where there is none."""
    for name, tensor in sorted(_generator(file).items()):
        yield name.removeprefix(PREFIX), tensor


def convert_checkpoint(file: Path) -> Path:
    """Write the generator of `model.pt` as safetensors beside it, tensor by tensor; its file."""
    target = file.with_name(CONVERTED)
    tensors = dict(tensors_in_checkpoint(file))
    with whole_file(target) as unfinished:
        _write_safetensors(tensors, unfinished)
    return target


def _generator(file: Path) -> Mapping[str, Tensor]:
    try:
        found: Any = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise ModelFilesMissingError(
            f"{file} holds more than numbers, and running what it says could do anything. Fetch "
            "the model from where it was published."
        ) from error
    except (RuntimeError, ValueError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise ModelFilesMissingError(f"{file} is broken or was not copied whole.") from error
    for name in WRAPPINGS:
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
    if not isinstance(found, Mapping) or not all(map(_is_weight, found.items())):
        raise ModelFilesMissingError(f"{file} holds no transformer's weights.")
    return found


def _is_weight(entry: tuple[Any, Any]) -> bool:
    name, value = entry
    return isinstance(name, str) and isinstance(value, Tensor) and value.dtype in DTYPES


def _write_safetensors(tensors: Mapping[str, Tensor], file: Path) -> None:
    """The format is a length, a JSON header and the bytes; the library would copy all tensors."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    place = 0
    for name, tensor in tensors.items():
        end = place + tensor.nbytes
        kind, shape = DTYPES[tensor.dtype], list(tensor.shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [place, end]}
        place = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    with file.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            stream.write(tensor.flatten().view(torch.uint8).numpy().data)
