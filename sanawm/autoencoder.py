"""Video to latents and back, whichever autoencoder a model folder holds.

`VideoAutoencoder` is what the rest of the program knows; the class is chosen by the name that
`model_index.json` gives for `vae`: the public models' `AutoencoderKLLTX2Video` (diffusers' class
behind `LTX2VideoAutoencoder`) or the bundled model's `TinyVideoAutoencoder`. NVIDIA's own
repositories have no such list, and hold the former.

Pixels are in [-1, 1] (a decoder may go a little beyond), latents are normalised to about unit
variance. The first frame stands alone; after it, every `temporal_stride` frames are one latent
frame. Shape letters: B batch, C channels, F frames, T latent frames, H, W rows and columns.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from torch import Tensor

from sanawm.errors import ModelFilesMissingError
from sanawm.frame_memory import FrameMemory
from sanawm.model_folder import INDEX_FILE, folder_of
from sanawm.tiny_autoencoder import TinyVideoAutoencoder, load_tiny_autoencoder

PUBLIC_CLASS = "AutoencoderKLLTX2Video"


class VideoAutoencoder(Protocol):
    """The part of an autoencoder that generation needs."""

    @property
    def spatial_stride(self) -> int:
        """Pixels per latent cell along one side."""
        ...

    @property
    def temporal_stride(self) -> int:
        """Frames per latent frame, after the first."""
        ...

    @property
    def latent_channels(self) -> int:
        """Channels of a latent cell."""
        ...

    def encode(self, video_BCFHW: Tensor) -> Tensor:
        """Normalised latents BCTHW of a video of 1 + stride·n frames."""
        ...

    def decode(self, latents_BCTHW: Tensor) -> Tensor:
        """The whole video BCFHW at once."""
        ...

    def decode_next(self, latents_BCTHW: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Frames of the next latent frames, and the state to pass with those after them."""
        ...

    def decode_stream(self, latents_BCTHW: Tensor) -> Iterator[Tensor]:
        """Frames in order, some at a time, so that they can be encoded while others are decoded."""
        ...

    def move(self, device: torch.device) -> None:
        """Go to a device; what comes in may lie on any."""
        ...


def load_autoencoder(folder: Path, *, dtype: torch.dtype = torch.float32) -> VideoAutoencoder:
    """The autoencoder of a model folder; the bundled model's computes in float32 anywhere."""
    name, part = autoencoder_class(folder), folder_of(folder, "vae")
    if name == TinyVideoAutoencoder.__name__:
        return load_tiny_autoencoder(part)
    if name == PUBLIC_CLASS:
        return LTX2VideoAutoencoder.load(part, dtype=dtype)
    raise ModelFilesMissingError(
        f"The autoencoder “{name}” named in {folder / INDEX_FILE} is not one this program knows: "
        f"{TinyVideoAutoencoder.__name__} or {PUBLIC_CLASS}."
    )


def autoencoder_class(folder: Path) -> str:
    """The class name that `model_index.json` gives for the autoencoder."""
    path = folder / INDEX_FILE
    if not path.is_file():
        if folder_of(folder, "transformer").name != "transformer":
            return PUBLIC_CLASS
        raise ModelFilesMissingError(f"The model's list of parts, {path}, is missing.")
    try:
        _, name = json.loads(path.read_text(encoding="utf-8"))["vae"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelFilesMissingError(f"{path} does not say which autoencoder to use.") from error
    return str(name)


class LTX2VideoAutoencoder:
    """diffusers' LTX-2 autoencoder, decoding latent frame by latent frame.

    Encoding takes the mode of the posterior. Both directions use the per-channel mean and spread
    that are stored with the weights, in float32.
    """

    def __init__(self, model: Any) -> None:
        self.model = model.eval().requires_grad_(False)
        self.spatial_stride = int(model.spatial_compression_ratio)
        self.temporal_stride = int(model.temporal_compression_ratio)
        self.latent_channels = int(model.config.latent_channels)
        self._memory = FrameMemory(model.decoder)

    @classmethod
    def load(cls, folder: Path, *, dtype: torch.dtype = torch.float32) -> "LTX2VideoAutoencoder":
        """From a folder in the diffusers layout; `config.json` has to name both strides.

        Left to itself the class guesses them from the number of its stages, and guesses wrong for
        the public model (64 and 16 instead of 32 and 8).
        """
        config = _read_config(folder)
        if None in (config.get(f"{axis}_compression_ratio") for axis in ("spatial", "temporal")):
            raise ModelFilesMissingError(
                f"{folder / 'config.json'} lacks spatial_compression_ratio or "
                "temporal_compression_ratio."
            )
        from diffusers import AutoencoderKLLTX2Video  # takes seconds to import

        try:
            model = AutoencoderKLLTX2Video.from_pretrained(
                folder, torch_dtype=dtype, local_files_only=True
            )
        except (OSError, ValueError, SafetensorError) as error:
            raise ModelFilesMissingError(
                f"The autoencoder's weights in {folder} are missing or cannot be read."
            ) from error
        return cls(model)

    def move(self, device: torch.device) -> None:
        """Go to a device."""
        self.model.to(device)

    def encode(self, video_BCFHW: Tensor) -> Tensor:
        """Normalised latents BCTHW of a video of 1 + stride·n frames."""
        mean, std = self._statistics()
        video_BCFHW = video_BCFHW.to(mean.device, self.model.dtype)
        latents_BCTHW = self.model.encode(video_BCFHW).latent_dist.mode().float()
        normalised: Tensor = (latents_BCTHW - mean) * self.model.config.scaling_factor / std
        return normalised

    def decode(self, latents_BCTHW: Tensor) -> Tensor:
        """The whole video BCFHW at once."""
        return torch.cat(list(self.decode_stream(latents_BCTHW)), dim=2)

    def decode_next(
        self, latents_BCTHW: Tensor, state: dict[str, Tensor] | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Frames of the next latent frames, and the state to pass with those after them.

        `state` is None at the start of a clip. Only a causal decoder can do this: one that looks
        ahead cannot finish a frame before it has seen the following latents.
        """
        if not self._memory.causal:
            raise ValueError("this decoder looks ahead in time; use decode or decode_stream")
        try:
            parts = list(self._memory.decode(self._raw(latents_BCTHW), state, ends=False))
        finally:
            after = self._memory.take()
        return torch.cat(parts, dim=2), after

    def decode_stream(self, latents_BCTHW: Tensor) -> Iterator[Tensor]:
        """Frames in order, about a latent frame's worth at a time."""
        try:
            yield from self._memory.decode(self._raw(latents_BCTHW), None, ends=True)
        finally:
            self._memory.take()

    def _raw(self, latents_BCTHW: Tensor) -> Tensor:
        mean, std = self._statistics()
        raw_BCTHW: Tensor = latents_BCTHW.to(mean.device) / self.model.config.scaling_factor
        return (raw_BCTHW * std + mean).to(self.model.dtype)

    def _statistics(self) -> tuple[Tensor, Tensor]:
        mean, std = self.model.latents_mean.float(), self.model.latents_std.float()
        return mean.view(1, -1, 1, 1, 1), std.view(1, -1, 1, 1, 1)


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise ModelFilesMissingError(f"The autoencoder's file {path} is missing.")
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return config
