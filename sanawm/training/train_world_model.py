"""Second stage of training: the transformer, with the text encoder, in the autoencoder's latents.

Flow matching with the first frame clean at timestep 0, as at generation; the loss looks at the
other frames alone. A latent channel counts by its spread in the autoencoder's own units, so the
network spends itself on what is seen. Captions are dropped for a share of the clips, which
teaches the unconditional half of guidance. The first part of the time goes to the shortest
clips, which cost least and already teach the camera; then all lengths come in turn.

Shape letters: B batch, C channels, T latent frames, H, W latent rows and columns, L tokens.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sanawm.rays import ray_inputs
from sanawm.sampling import TIMESTEPS
from sanawm.tiny_autoencoder import TinyVideoAutoencoder
from sanawm.training.clip_pool import ClipBatch, ClipPool
from sanawm.training.optimizers import Optimizers, ParameterGroup
from sanawm.training.presets import TrainingPreset
from sanawm.training.stage import Stage, StageSettings
from sanawm.training.tiny_text import make_text_encoder
from sanawm.transformer import CameraInputs, SanaWMTransformer

CAPTION_DROPOUT = 0.1
SPREAD_POWER = 1.0  # 0 counts every latent channel alike, 2 counts squared pixels
COPIED_SHARE = 0.5  # near the best constant answer over the noise levels trained on
PROBE_CLIPS = 24
PROBE_SIGMAS = (0.3, 0.6, 0.9)
ENCODE_BATCH = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentClips:
    """Clips as the transformer sees them: latents, cameras, captions."""

    latents_BCTHW: Tensor
    c2w_BF44: Tensor
    intrinsics_BF4: Tensor
    captions: list[str]


class WorldModel(nn.Module):
    """The transformer and the text encoder, trained together."""

    def __init__(self, preset: TrainingPreset, tokenizer: Any) -> None:
        super().__init__()
        self.preset = preset
        self.tokenizer = tokenizer
        self.transformer = SanaWMTransformer(preset.transformer)
        self.transformer.init_weights(torch.Generator().manual_seed(0))
        start_as_copy(self.transformer, torch.Generator().manual_seed(1))
        self.text_encoder = make_text_encoder(preset.text)

    def embed(self, captions: list[str]) -> tuple[Tensor, Tensor]:
        """Text embeddings (B, L, D) and their mask (B, L)."""
        tokens = self.tokenizer(
            [caption.lower() for caption in captions],
            padding=True,
            truncation=True,
            max_length=self.preset.text.max_tokens,
            return_tensors="pt",
        )
        tokens = tokens.to(self.text_encoder.device)
        mask_BL = tokens["attention_mask"]
        hidden = self.text_encoder(input_ids=tokens["input_ids"], attention_mask=mask_BL)
        return hidden.last_hidden_state, mask_BL

    def camera(self, clips: LatentClips) -> CameraInputs:
        """Ray map and Plücker rays of these clips at the latents' size."""
        rows, columns = clips.latents_BCTHW.shape[-2:]
        rays = ray_inputs(
            clips.c2w_BF44,
            clips.intrinsics_BF4,
            temporal_stride=self.preset.autoencoder.temporal_stride,
            latent_size=(rows, columns),
            pixel_size=(self.preset.height, self.preset.width),
        )
        return CameraInputs(*rays)

    def velocity(self, noisy_BCTHW: Tensor, sigma_B: Tensor, clips: LatentClips) -> Tensor:
        """Predicted velocity, the first frame being clean."""
        timestep_BT = (TIMESTEPS * sigma_B)[:, None].repeat(1, noisy_BCTHW.shape[2])
        timestep_BT[:, 0] = 0
        text_BLD, mask_BL = self.embed(clips.captions)
        predicted: Tensor = self.transformer(
            noisy_BCTHW, timestep_BT, text_BLD, mask_BL, self.camera(clips)
        )
        return predicted


def train_world_model(
    autoencoder: TinyVideoAutoencoder,
    tokenizer: Any,
    pool: ClipPool,
    held_out: ClipBatch,
    preset: TrainingPreset,
    settings: StageSettings,
) -> WorldModel:
    """Train, or go on training; returns the averaged weights."""
    torch.manual_seed(0)
    autoencoder.to(preset.device)
    model = WorldModel(preset, tokenizer).to(preset.device)
    stage = Stage(model, make_optimizers(model, preset), settings)
    probe = encode_clips(autoencoder, held_out.rows(0, PROBE_CLIPS), preset.device)
    weights_C = channel_weights(autoencoder)

    def loss() -> Tensor:
        pool.refresh()
        num_frames = sample_length(preset, stage.budget.fraction, stage.generator)
        clips = pool.sample(batch_of(preset, num_frames), num_frames, stage.generator)
        latents = encode_clips(autoencoder, clips, preset.device)
        return flow_loss(model, latents, weights_C, stage.generator)

    stage.run(loss, lambda judged: probe_losses(judged, probe, weights_C))
    return model


def sample_length(preset: TrainingPreset, fraction: float, generator: torch.Generator) -> int:
    """Frames of the next batch: the shortest at first, then any, by their shares."""
    if fraction < preset.short_share:
        return preset.lengths[0]
    shares = torch.tensor(preset.length_shares)
    return preset.lengths[int(torch.multinomial(shares, 1, generator=generator))]


def batch_of(preset: TrainingPreset, num_frames: int) -> int:
    """Clips in a batch: about as many frames in all, whatever their length."""
    return max(1, preset.transformer_batch * preset.num_frames // num_frames)


@torch.no_grad()
def encode_clips(autoencoder: TinyVideoAutoencoder, clips: ClipBatch, device: str) -> LatentClips:
    """Normalised latents of clips, kept in half precision on the device."""
    videos = torch.split(clips.video(device), ENCODE_BATCH)
    latents = [autoencoder.encode(video) for video in videos]
    return LatentClips(
        latents_BCTHW=torch.cat(latents).half(),
        c2w_BF44=clips.c2w_BF44.to(device),
        intrinsics_BF4=clips.intrinsics_BF4.to(device),
        captions=clips.captions,
    )


@torch.no_grad()
def start_as_copy(transformer: SanaWMTransformer, generator: torch.Generator) -> None:
    """Let the untrained network answer with a share of its own input.

    A velocity holds the noise of every latent channel, and so does the input. A narrow stream
    takes thousands of steps to learn to carry them all through; embedding them in orthogonal
    directions that the output layer reads back costs nothing and skips those steps.
    """
    embedder, output = transformer.x_embedder.proj.weight, transformer.final_layer.linear.weight
    channels, hidden = output.shape
    directions_DC = torch.empty(hidden, channels)
    nn.init.orthogonal_(directions_DC, generator=generator)
    embedder.copy_(directions_DC.view_as(embedder))
    normed = (channels / hidden) ** 0.5  # spread of the stream, which the layer norm divides by
    output.copy_(COPIED_SHARE * normed * directions_DC.T)


@torch.no_grad()
def channel_weights(autoencoder: TinyVideoAutoencoder) -> Tensor:
    """How much each latent channel's squared error counts: by its size in pixels; mean 1."""
    pixels_C: Tensor = autoencoder.decoder_linear.weight.flatten(1).norm(dim=0)
    weights_C: Tensor = pixels_C**SPREAD_POWER
    return weights_C / weights_C.mean()


def flow_loss(
    model: WorldModel, clips: LatentClips, weights_C: Tensor, generator: torch.Generator
) -> Tensor:
    """Squared velocity error at random noise levels, one level per clip."""
    batch = len(clips.captions)
    sigma_B = torch.sigmoid(torch.randn(batch, generator=generator)).to(weights_C.device)
    shift = model.preset.training_shift
    sigma_B = shift * sigma_B / (1 + (shift - 1) * sigma_B)
    dropped = torch.rand(batch, generator=generator) < CAPTION_DROPOUT
    captions = [
        "" if drop else caption
        for drop, caption in zip(dropped.tolist(), clips.captions, strict=True)
    ]
    noise_BCTHW = torch.randn(clips.latents_BCTHW.shape, generator=generator).to(weights_C.device)
    return velocity_error(model, clips, captions, sigma_B, noise_BCTHW, weights_C)


def velocity_error(
    model: WorldModel,
    clips: LatentClips,
    captions: list[str],
    sigma_B: Tensor,
    noise_BCTHW: Tensor,
    weights_C: Tensor,
) -> Tensor:
    """Weighted mean squared error of the velocity on all frames but the first."""
    clean_BCTHW = clips.latents_BCTHW.float()
    sigma = sigma_B[:, None, None, None, None]
    noisy_BCTHW = (1 - sigma) * clean_BCTHW + sigma * noise_BCTHW
    noisy_BCTHW[:, :, 0] = clean_BCTHW[:, :, 0]
    told = LatentClips(
        latents_BCTHW=clean_BCTHW,
        c2w_BF44=clips.c2w_BF44,
        intrinsics_BF4=clips.intrinsics_BF4,
        captions=captions,
    )
    velocity_BCTHW = model.velocity(noisy_BCTHW, sigma_B, told)
    error_BCTHW = velocity_BCTHW - (noise_BCTHW - clean_BCTHW)
    squared_BCTHW = error_BCTHW[:, :, 1:].square()
    return (squared_BCTHW * weights_C[:, None, None, None]).mean()


def make_optimizers(model: WorldModel, preset: TrainingPreset) -> Optimizers:
    """Muon for the blocks' matrices; AdamW for embeddings, ends, text, norms, gates and biases."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_matrix = parameter.ndim >= 2 and min(parameter.flatten(1).shape) >= 16
        in_block = name.startswith("transformer.blocks.") and "scale_shift_table" not in name
        depthwise = "depth_conv" in name or "conv_k" in name
        (matrices if in_block and is_matrix and not depthwise else others).append(parameter)
    return Optimizers(
        [
            ParameterGroup(parameters=matrices, rate=preset.transformer_matrix_rate, is_muon=True),
            ParameterGroup(parameters=others, rate=preset.transformer_other_rate),
        ]
    )


@torch.no_grad()
def probe_losses(model: nn.Module, probe: LatentClips, weights_C: Tensor) -> dict[str, float]:
    """Weighted velocity error on held-out clips, at fixed noise and fixed levels of it."""
    assert isinstance(model, WorldModel)
    generator = torch.Generator().manual_seed(11)
    noise_BCTHW = torch.randn(probe.latents_BCTHW.shape, generator=generator).to(weights_C.device)
    losses = {}
    for sigma in PROBE_SIGMAS:
        sigma_B = torch.full((len(probe.captions),), sigma, device=weights_C.device)
        error = velocity_error(model, probe, probe.captions, sigma_B, noise_BCTHW, weights_C)
        losses[f"sigma_{sigma}"] = error.item()
    return losses
