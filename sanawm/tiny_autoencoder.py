"""The tiny model's video autoencoder: principal components in, components and convolutions out.

Every `temporal_stride` frames become one latent frame and every `spatial_stride` square of
pixels one latent cell; the first frame stands alone, as in all causal video autoencoders, and
enters as a group of copies of itself. A cell's latents are its principal components over clips
of procedural worlds, scaled to unit variance: a linear map, exact and instant. The decoder adds
to the inverse map what convolutions over neighbouring cells can restore: two-dimensional ones,
several times faster on a processor than the public model's three-dimensional ones. Time is
mixed where it is cheapest: each latent frame sees the features of the one before it, so decoding
can go on frame by frame.

Pixels are in [-1, 1]. Latents are normalised with `latents_mean` and `latents_std`.
Shape letters: B batch, C channels, F frames, T latent frames, H, W rows and columns, G groups
(batch times latent frames).
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from einops import rearrange
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as nnf

from sanawm.errors import ModelFilesMissingError

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "diffusion_pytorch_model.safetensors"
PATCH = 4  # pixels folded into channels before the first convolution


@dataclass(frozen=True, kw_only=True, slots=True)
class TinyAutoencoderConfig:
    """Sizes of the autoencoder; the defaults are those of the bundled model."""

    latent_channels: int = 48
    temporal_stride: int = 4
    fine_channels: int = 64
    coarse_channels: int = 160
    decoder_blocks: int = 3

    @property
    def spatial_stride(self) -> int:
        """Pixels per latent cell along one side: the patch, halved once more."""
        return PATCH * 2

    @property
    def patch_channels(self) -> int:
        """Values of one group of frames in one patch."""
        return 3 * self.temporal_stride * PATCH * PATCH

    @property
    def cell_channels(self) -> int:
        """Values of one group of frames in one latent cell."""
        return self.patch_channels * 4


class Convolution(nn.Conv2d):
    """A convolution that keeps the size; `starts_at_zero` makes what it feeds begin unchanged."""

    def __init__(
        self, channels_in: int, channels_out: int, size: int, *, starts_at_zero: bool = False
    ) -> None:
        super().__init__(channels_in, channels_out, size, padding=size // 2)
        assert self.bias is not None
        if starts_at_zero:
            nn.init.zeros_(self.weight)
            nn.init.zeros_(self.bias)

    def __call__(self, x_GCHW: Tensor) -> Tensor:
        """Same rows and columns in and out."""
        result: Tensor = super().__call__(x_GCHW)
        return result


class ResidualBlock(nn.Module):
    """x + conv(silu(conv(silu(x)))); the last convolution starts at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_in = Convolution(channels, channels, 3)
        self.conv_out = Convolution(channels, channels, 3, starts_at_zero=True)

    def forward(self, x_GCHW: Tensor) -> Tensor:
        """Same shape in and out."""
        return x_GCHW + self.conv_out(nnf.silu(self.conv_in(nnf.silu(x_GCHW))))


class PreviousFrame(nn.Module):
    """Adds a map of the preceding latent frame's features: the only place where time mixes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Convolution(channels, channels, 3, starts_at_zero=True)

    def forward(self, x_GCHW: Tensor, previous_GCHW: Tensor) -> Tensor:
        """`previous` holds, for every latent frame, the features one latent frame earlier."""
        return x_GCHW + self.conv(previous_GCHW)


class Decoder(nn.Module):
    """What convolutions add to the linear map from latent cells to groups of frames."""

    def __init__(self, config: TinyAutoencoderConfig) -> None:
        super().__init__()
        fine, coarse, blocks = config.fine_channels, config.coarse_channels, config.decoder_blocks
        self.conv_in = Convolution(config.latent_channels, coarse, 3)
        self.time = PreviousFrame(coarse)
        self.coarse = nn.Sequential(*(ResidualBlock(coarse) for _ in range(blocks)))
        self.up = Convolution(coarse, fine * 4, 1)
        self.fine = nn.Sequential(*(ResidualBlock(fine) for _ in range(blocks)))
        self.conv_out = Convolution(fine, config.patch_channels, 3, starts_at_zero=True)

    def forward(self, features_GCHW: Tensor, previous_GCHW: Tensor) -> Tensor:
        """Patches (G, patch channels, 2H, 2W) from what `conv_in` made of the latents."""
        x = self.coarse(self.time(features_GCHW, previous_GCHW))
        x = self.fine(nnf.pixel_shuffle(self.up(x), 2))
        return self.conv_out(nnf.silu(x))


class TinyVideoAutoencoder(nn.Module):
    """Video in [-1, 1] to normalised latents and back; see the module's text."""

    latents_mean: Tensor
    latents_std: Tensor

    def __init__(self, config: TinyAutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.decoder = Decoder(config)
        self.encoder_linear = Convolution(config.cell_channels, config.latent_channels, 1)
        self.decoder_linear = Convolution(config.latent_channels, config.cell_channels, 1)
        self.encoder_linear.requires_grad_(False)
        self.register_buffer("latents_mean", torch.zeros(config.latent_channels))
        self.register_buffer("latents_std", torch.ones(config.latent_channels))

    @property
    def spatial_stride(self) -> int:
        """Pixels per latent cell along one side."""
        return self.config.spatial_stride

    @property
    def temporal_stride(self) -> int:
        """Frames per latent frame, after the first."""
        return self.config.temporal_stride

    @property
    def latent_channels(self) -> int:
        """Channels of a latent cell."""
        return self.config.latent_channels

    def move(self, device: torch.device) -> None:
        """Go to a device."""
        self.to(device)

    def encode(self, video_BCFHW: Tensor) -> Tensor:
        """Normalised latents (B, C, T, H/8, W/8) of a video of 1 + stride·n frames."""
        latents_BCTHW = self.encode_raw(video_BCFHW.to(self.latents_mean))
        return (latents_BCTHW - _per_channel(self.latents_mean)) / _per_channel(self.latents_std)

    def decode(self, latents_BCTHW: Tensor) -> Tensor:
        """The video (B, 3, 1 + stride·(T-1), H, W) of normalised latents, clamped to [-1, 1]."""
        video_BCFHW, _ = self.decode_next(latents_BCTHW, None)
        return video_BCFHW

    def decode_next(
        self, latents_BCTHW: Tensor, state: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Frames of the next latent frames and the state to pass with those that follow.

        `state` is None at the start of a clip, where the first latent frame gives one frame.
        Any split of a clip gives the frames of the whole.
        """
        latents_BCTHW = latents_BCTHW.to(self.latents_mean)
        raw_BCTHW = latents_BCTHW * _per_channel(self.latents_std) + _per_channel(self.latents_mean)
        video_BCFHW, state = self.decode_raw(raw_BCTHW, state)
        return video_BCFHW.clamp(-1, 1), state

    def decode_stream(self, latents_BCTHW: Tensor) -> Iterator[Tensor]:
        """Frames in order, one latent frame's worth at a time."""
        state: Tensor | None = None
        for latent_BCTHW in torch.split(latents_BCTHW, 1, dim=2):
            video_BCFHW, state = self.decode_next(latent_BCTHW, state)
            yield video_BCFHW

    def encode_raw(self, video_BCFHW: Tensor) -> Tensor:
        """Latents before normalisation: what training works on."""
        latents_GCHW = self.encoder_linear(latent_cells(video_BCFHW, self.temporal_stride))
        latents_BCTHW: Tensor = rearrange(
            latents_GCHW, "(b t) c h w -> b c t h w", b=video_BCFHW.shape[0]
        )
        return latents_BCTHW

    def decode_raw(self, latents_BCTHW: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Unclamped video of latents before normalisation, and the state after them."""
        batch, _, num_latent_frames = latents_BCTHW.shape[:3]
        latents_GCHW = rearrange(latents_BCTHW, "b c t h w -> (b t) c h w")
        features = self.decoder.conv_in(latents_GCHW)
        previous = shift_in_time(features, num_latent_frames, first=state)
        patches_GCHW = self.decoder(features, previous)
        patches_GCHW = patches_GCHW + nnf.pixel_shuffle(self.decoder_linear(latents_GCHW), 2)
        is_start = state is None
        video = ungroup_frames(patches_GCHW, batch, self.temporal_stride, is_start=is_start)
        last_BCHW = rearrange(features, "(b t) c h w -> b t c h w", b=batch)[:, -1]
        return video, last_BCHW


def load_tiny_autoencoder(folder: Path) -> TinyVideoAutoencoder:
    """The autoencoder of a model folder's `vae/`, in float32."""
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise ModelFilesMissingError(f"The autoencoder's file {folder / name} is missing.")
    try:
        settings = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        settings = {key: value for key, value in settings.items() if not key.startswith("_")}
        autoencoder = TinyVideoAutoencoder(TinyAutoencoderConfig(**settings))
        weights = {key: value.float() for key, value in load_file(folder / WEIGHTS_FILE).items()}
    except (ValueError, TypeError, SafetensorError) as error:
        raise ModelFilesMissingError(f"The autoencoder in {folder} is broken: {error}.") from error
    _check_complete(folder, autoencoder, weights)
    autoencoder.load_state_dict(weights)
    return autoencoder.eval()


def _check_complete(
    folder: Path, autoencoder: TinyVideoAutoencoder, weights: dict[str, Tensor]
) -> None:
    expected = {name: tensor.shape for name, tensor in autoencoder.state_dict().items()}
    found = {name: tensor.shape for name, tensor in weights.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise ModelFilesMissingError(
                f"The autoencoder's weights in {folder} do not fit its {CONFIG_FILE}: {name} is "
                "missing, unknown or of another shape."
            )


def config_to_dict(config: TinyAutoencoderConfig) -> dict[str, object]:
    """What `config.json` holds; the class name is how a model folder is recognised."""
    return {"_class_name": TinyVideoAutoencoder.__name__, **asdict(config)}


def latent_cells(video_BCFHW: Tensor, temporal_stride: int) -> Tensor:
    """All pixels behind each latent cell, (B·T, cell channels, H/8, W/8)."""
    return nnf.pixel_unshuffle(group_frames(video_BCFHW, temporal_stride), 2)


def group_frames(video_BCFHW: Tensor, temporal_stride: int) -> Tensor:
    """Patches (B·T, stride·3·16, H/4, W/4); the first frame is repeated to fill its group."""
    frames_after_first = video_BCFHW.shape[2] - 1
    if frames_after_first % temporal_stride:
        raise ValueError(
            f"the number of frames must be a multiple of {temporal_stride} plus one, "
            f"got {video_BCFHW.shape[2]}"
        )
    first = video_BCFHW[:, :, :1].expand(-1, -1, temporal_stride - 1, -1, -1)
    whole = torch.cat((first, video_BCFHW), dim=2)
    return rearrange(
        whole,
        "b c (t s) (h p) (w q) -> (b t) (s c p q) h w",
        s=temporal_stride,
        p=PATCH,
        q=PATCH,
    )


def ungroup_frames(
    patches_GCHW: Tensor, batch: int, temporal_stride: int, *, is_start: bool
) -> Tensor:
    """The inverse of `group_frames`; at the start of a clip the repeated frames are dropped."""
    video_BCFHW = rearrange(
        patches_GCHW,
        "(b t) (s c p q) h w -> b c (t s) (h p) (w q)",
        b=batch,
        s=temporal_stride,
        p=PATCH,
        q=PATCH,
    )
    return video_BCFHW[:, :, temporal_stride - 1 :] if is_start else video_BCFHW


def shift_in_time(x_GCHW: Tensor, num_latent_frames: int, first: Tensor | None = None) -> Tensor:
    """Each latent frame's predecessor; the first one's is `first` (B, C, H, W), else zeros."""
    x_BTCHW = rearrange(x_GCHW, "(b t) c h w -> b t c h w", t=num_latent_frames)
    head = torch.zeros_like(x_BTCHW[:, 0]) if first is None else first
    return torch.cat((head[:, None], x_BTCHW[:, :-1]), dim=1).flatten(0, 1)


def _per_channel(values_C: Tensor) -> Tensor:
    return values_C.view(1, -1, 1, 1, 1)
