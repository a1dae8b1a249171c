"""What decides the content of a cache entry, kind by kind, as JSON values to be hashed.

A value too much only costs a computation; a value too few gives a wrong picture. So the program's
own code, the libraries and the processor are part of every key.
"""

import platform
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

import kernels
from sanawm.cache import tensor_digest
from sanawm.camera.path import CameraPath
from sanawm.card import ModelCard
from sanawm.model_parts import ModelParts
from sanawm.picture import Picture
from sanawm.request import GenerationRequest

CODE_FOLDERS = (Path(__file__).parent, Path(__file__).parent / "camera")
LIBRARIES = ("diffusers", "numpy", "tokenizers", "transformers")  # beside torch
Deciding = dict[str, Any]


def numerics(parts: ModelParts) -> Deciding:
    """How this computer, set up as it is now, computes: it decides the last bits."""
    return {
        "device": parts.machine.name,
        "dtype": str(parts.machine.dtype),
        "threads": torch.get_num_threads(),
        "matmul_precision": torch.get_float32_matmul_precision(),
        "processor": [platform.machine(), torch.backends.cpu.get_cpu_capability()],
        "torch": torch.__version__,
        "libraries": _library_versions(),
        "code": _code_fingerprint(),
    }


def text_parts(parts: ModelParts, prompt: str, *, negative: bool) -> Deciding:
    """One prompt's embedding; only the positive one has the model's instruction before it."""
    return {
        "prompt": prompt,
        "chi_prompt": "" if negative else parts.card.chi_prompt,
        "text_length": parts.card.text_length,
        "model": [parts.fingerprints["text_encoder"], parts.fingerprints["tokenizer"]],
    }


def picture_parts(parts: ModelParts, picture: Picture) -> Deciding:
    """A first frame's latent: the cropped pixels count, not the file they came from."""
    return {"pixels": tensor_digest(picture.pixels_BCFHW), "model": parts.fingerprints["vae"]}


def camera_parts(card: ModelCard, path: CameraPath, source_size: tuple[int, int]) -> Deciding:
    """The rays of a path, for a picture of this (width, height) before it is cropped."""
    intrinsics_F4 = path.intrinsics
    return {
        "c2w": tensor_digest(torch.tensor(np.asarray(path.c2w))),
        "intrinsics": None if intrinsics_F4 is None else tensor_digest(torch.tensor(intrinsics_F4)),
        "source_size": list(source_size),
        "fov_degrees": card.fov_degrees,
        "pixel_size": [card.height, card.width],
        "strides": [card.spatial_stride, card.temporal_stride],
    }


def drawing_parts(parts: ModelParts, request: GenerationRequest, picture: Picture) -> Deciding:
    """The latents of a whole clip. Without guidance the negative prompt has no say."""
    texts = [text_parts(parts, request.prompt, negative=False)]
    if request.guidance_scale != 1:
        texts.append(text_parts(parts, request.negative_prompt, negative=True))
    return {
        "texts": texts,
        "picture": picture_parts(parts, picture),
        "camera": camera_parts(parts.card, request.camera_path, picture.source_size),
        "num_frames": request.num_frames,
        "seed": request.seed,
        "num_inference_steps": request.num_inference_steps,
        "guidance_scale": float(request.guidance_scale),
        "shift": parts.card.shift,
        "sigmas": list(parts.card.sigmas),
        "transformer": parts.fingerprints["transformer"],
        "loras": [lora.deciding() for lora in parts.loras],
        "config": asdict(parts.transformer.config),
    }


@cache
def _library_versions() -> dict[str, str]:
    return dict(_installed())


def _installed() -> Iterator[tuple[str, str]]:
    for name in LIBRARIES:
        try:
            yield name, version(name)
        except PackageNotFoundError:  # not every model needs every library
            yield name, ""


@cache
def _code_fingerprint() -> str:
    """sha256 of the program's own files that compute: a new version starts with empty caches."""
    files = [file for folder in CODE_FOLDERS for file in folder.glob("*.py")]
    files += [file for folder in kernels.__path__ for file in Path(folder).rglob("*.py")]
    digest = sha256()
    for file in sorted(files):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
