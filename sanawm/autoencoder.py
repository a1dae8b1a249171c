"""Video to latents and back, whichever autoencoder a model folder holds.

`VideoAutoencoder` is what the rest of the program knows; the class is chosen by the name that
`model_index.json` gives for `vae`: the public models' `AutoencoderKLLTX2Video` (diffusers' class
behind `LTX2VideoAutoencoder`) or the bundled model's `TinyVideoAutoencoder`.

Pixels are in [-1, 1] (a decoder may go a little beyond), latents are normalised to about unit
variance. The first frame stands alone; after it, every `temporal_stride` frames are one latent
frame. Shape letters: B batch, C channels, F frames, T latent frames, H, W rows and columns.
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from einops import rearrange
from safetensors import SafetensorError
from torch import Tensor, nn

from sanawm.errors import ModelFilesMissingError
from sanawm.model_folder import INDEX_FILE
from sanawm.tiny_autoencoder import TinyVideoAutoencoder, load_tiny_autoencoder


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


def load_autoencoder(folder: Path) -> VideoAutoencoder:
    """The autoencoder of a model folder, in float32."""
    name = autoencoder_class(folder)
    if name == TinyVideoAutoencoder.__name__:
        return load_tiny_autoencoder(folder / "vae")
    if name == "AutoencoderKLLTX2Video":
        return LTX2VideoAutoencoder.load(folder / "vae")
    raise ModelFilesMissingError(
        f"The autoencoder “{name}” named in {folder / INDEX_FILE} is not one this program knows: "
        f"{TinyVideoAutoencoder.__name__} or AutoencoderKLLTX2Video."
    )


def autoencoder_class(folder: Path) -> str:
    """The class name that `model_index.json` gives for the autoencoder."""
    path = folder / INDEX_FILE
    if not path.is_file():
        raise ModelFilesMissingError(f"The model's list of parts, {path}, is missing.")
    try:
        _, name = json.loads(path.read_text(encoding="utf-8"))["vae"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelFilesMissingError(f"{path} does not say which autoencoder to use.") from error
    return str(name)


class LTX2VideoAutoencoder:
    """diffusers' LTX-2 autoencoder, decoding latent frame by latent frame where it is causal.

    Encoding takes the mode of the posterior. Both directions use the per-channel mean and spread
    that are stored with the weights, in float32.
    """

    def __init__(self, model: Any) -> None:
        self.model = model.eval().requires_grad_(False)
        self.spatial_stride = int(model.spatial_compression_ratio)
        self.temporal_stride = int(model.temporal_compression_ratio)
        self.latent_channels = int(model.config.latent_channels)
        self._memory = _CausalMemory(model.decoder) if model.decoder.is_causal else None

    @classmethod
    def load(cls, folder: Path) -> "LTX2VideoAutoencoder":
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
                folder, torch_dtype=torch.float32, local_files_only=True
            )
        except (OSError, ValueError, SafetensorError) as error:
            raise ModelFilesMissingError(
                f"The autoencoder's weights in {folder} are missing or cannot be read."
            ) from error
        return cls(model)

    def encode(self, video_BCFHW: Tensor) -> Tensor:
        """Normalised latents BCTHW of a video of 1 + stride·n frames."""
        latents_BCTHW = self.model.encode(video_BCFHW).latent_dist.mode().float()
        mean, std = self._statistics()
        normalised: Tensor = (latents_BCTHW - mean) * self.model.config.scaling_factor / std
        return normalised

    def decode(self, latents_BCTHW: Tensor) -> Tensor:
        """The whole video BCFHW at once."""
        if self._memory is not None:
            return self.decode_next(latents_BCTHW, None)[0]
        video_BCFHW: Tensor = self.model.decode(self._raw(latents_BCTHW)).sample
        return video_BCFHW

    def decode_next(
        self, latents_BCTHW: Tensor, state: dict[str, Tensor] | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Frames of the next latent frames, and the state to pass with those after them.

        `state` is None at the start of a clip. Only a causal decoder can do this: one that looks
        ahead cannot finish a frame before it has seen the following latents.
        """
        if self._memory is None:
            raise ValueError("this decoder looks ahead in time; use decode or decode_stream")
        self._memory.resume(state)
        video_BCFHW: Tensor = self.model.decoder(self._raw(latents_BCTHW))
        return video_BCFHW, self._memory.frames

    def decode_stream(self, latents_BCTHW: Tensor) -> Iterator[Tensor]:
        """Frames in order, a latent frame at a time; all at once if the decoder looks ahead."""
        if self._memory is None:
            yield self.decode(latents_BCTHW)
            return
        state: dict[str, Tensor] | None = None
        for latent_BCTHW in torch.split(latents_BCTHW, 1, dim=2):
            video_BCFHW, state = self.decode_next(latent_BCTHW, state)
            yield video_BCFHW

    def _raw(self, latents_BCTHW: Tensor) -> Tensor:
        mean, std = self._statistics()
        raw_BCTHW: Tensor = latents_BCTHW / self.model.config.scaling_factor * std + mean
        return raw_BCTHW

    def _statistics(self) -> tuple[Tensor, Tensor]:
        mean, std = self.model.latents_mean.float(), self.model.latents_std.float()
        return mean.view(1, -1, 1, 1, 1), std.view(1, -1, 1, 1, 1)


class _CausalMemory:
    """Lets diffusers' causal decoder go on where it stopped, with the numbers of one whole pass.

    The class pads every convolution in time with copies of the first frame it is given, and every
    upsampler drops the leading frames; both are right only at the start of a clip. Here each
    convolution is given its own last input frames instead, and upsamplers drop nothing, once a
    clip has begun.
    """

    def __init__(self, decoder: nn.Module) -> None:
        self.frames: dict[str, Tensor] = {}
        self._begun = False
        for name, module in decoder.named_modules():
            kind = type(module).__name__
            if kind == "LTX2VideoCausalConv3d":
                module.forward = partial(self._convolve, name, module)
            elif kind == "LTX2VideoUpsampler3d":
                module.forward = partial(self._upsample, module)

    def resume(self, frames: dict[str, Tensor] | None) -> None:
        """Continue after the state that an earlier call left, or begin a clip with None."""
        self.frames = dict(frames or {})
        self._begun = frames is not None

    def _convolve(self, name: str, layer: Any, x_BCFHW: Tensor, causal: bool = True) -> Tensor:
        """A convolution over frames that sees its past; `causal` is always so here."""
        reach = layer.kernel_size[0] - 1
        past_BCFHW = self.frames.get(name, x_BCFHW[:, :, :1].expand(-1, -1, reach, -1, -1))
        x_BCFHW = torch.cat((past_BCFHW, x_BCFHW), dim=2)
        self.frames[name] = x_BCFHW[:, :, x_BCFHW.shape[2] - reach :].clone()
        convolved: Tensor = layer.conv(x_BCFHW)
        return convolved

    def _upsample(self, layer: Any, x_BCFHW: Tensor, causal: bool = True) -> Tensor:
        """Channels to frames, rows and columns; the shortcut repeats its channels to fit."""
        frames, rows, columns = layer.stride

        def unfold(x_BCFHW: Tensor) -> Tensor:
            pattern = "b (c s p q) f h w -> b c (f s) (h p) (w q)"
            return rearrange(x_BCFHW, pattern, s=frames, p=rows, q=columns)

        larger_BCFHW = unfold(layer.conv(x_BCFHW))
        if layer.residual:
            shortcut_BCFHW = unfold(x_BCFHW)
            repeats = larger_BCFHW.shape[1] // shortcut_BCFHW.shape[1]
            larger_BCFHW = larger_BCFHW + shortcut_BCFHW.repeat(1, repeats, 1, 1, 1)
        return larger_BCFHW if self._begun else larger_BCFHW[:, :, frames - 1 :]


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise ModelFilesMissingError(f"The autoencoder's file {path} is missing.")
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return config
