"""First stage of training: the video autoencoder.

Latents are the principal components of rendered clips, fitted once and then fixed, so the
decoder can go on learning after a transformer has been trained on them. The decoder starts as
the inverse map and spends its time on detail; Gaussian noise on its input keeps it calm about
what the transformer will hand it.
"""

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as nnf

from sanawm.tiny_autoencoder import PATCH, TinyVideoAutoencoder, group_frames
from sanawm.training.clip_pool import ClipBatch, ClipPool
from sanawm.training.optimizers import Optimizers, ParameterGroup
from sanawm.training.presets import TrainingPreset
from sanawm.training.stage import Stage, StageSettings

LATENT_NOISE = 0.06
LINEAR_RATE = 0.05  # of the convolutions' rate
JUDGED_BATCH = 4
PCA_CLIPS = 1600


def train_autoencoder(
    pool: ClipPool, held_out: ClipBatch, preset: TrainingPreset, settings: StageSettings
) -> TinyVideoAutoencoder:
    """Train, or go on training; returns the averaged weights."""
    torch.manual_seed(0)
    autoencoder = TinyVideoAutoencoder(preset.autoencoder)
    start_from_principal_components(autoencoder, pool.all())
    autoencoder.to(preset.device)
    stage = Stage(autoencoder, make_optimizers(autoencoder, preset), settings)

    def loss() -> Tensor:
        pool.refresh()
        batch = preset.autoencoder_batch, preset.autoencoder_frames
        clips = pool.sample(*batch, stage.generator)
        return reconstruction_loss(autoencoder, clips.video(preset.device))

    stage.run(loss, lambda judged: reconstruction_psnr(judged, held_out, preset.device))
    return autoencoder


def make_optimizers(autoencoder: TinyVideoAutoencoder, preset: TrainingPreset) -> Optimizers:
    """AdamW; the linear map, which starts out good, moves far more slowly than convolutions."""
    rate = preset.autoencoder_rate
    convolutions = list(autoencoder.decoder.parameters())
    linear = list(autoencoder.decoder_linear.parameters())
    return Optimizers(
        [
            ParameterGroup(parameters=convolutions, rate=rate),
            ParameterGroup(parameters=linear, rate=rate * LINEAR_RATE),
        ]
    )


def reconstruction_loss(autoencoder: TinyVideoAutoencoder, video_BCFHW: Tensor) -> Tensor:
    """L1 on pixels and on their differences, and squared error, through noisy latents."""
    with torch.no_grad():
        latents_BCTHW = autoencoder.encode_raw(video_BCFHW)
    noisy_BCTHW = latents_BCTHW + LATENT_NOISE * torch.randn_like(latents_BCTHW)
    decoded_BCFHW, _ = autoencoder.decode_raw(noisy_BCTHW, None)
    error = decoded_BCFHW - video_BCFHW
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.abs().mean() + 0.5 * edges + 2 * error.square().mean()


@torch.no_grad()
def start_from_principal_components(autoencoder: TinyVideoAutoencoder, clips: ClipBatch) -> None:
    """Set the linear maps to these clips' principal components, scaled to unit variance."""
    config = autoencoder.config
    cells_NC = torch.cat(
        [
            rearrange(
                nnf.pixel_unshuffle(group_frames(video[None], config.temporal_stride), 2),
                "g c h w -> (g h w) c",
            )
            for video in _videos(clips, PCA_CLIPS)
        ]
    )
    mean_C = cells_NC.mean(dim=0)
    centred_NC = cells_NC - mean_C
    variances, vectors = torch.linalg.eigh(centred_NC.T @ centred_NC / len(cells_NC))
    spread_K = variances[-config.latent_channels :].flip(0).sqrt()
    basis_CK = vectors[:, -config.latent_channels :].flip(1)
    analysis_KC, synthesis_CK = (basis_CK / spread_K).T, basis_CK * spread_K
    encoder, decoder = autoencoder.encoder_linear, autoencoder.decoder_linear
    assert encoder.bias is not None
    assert decoder.bias is not None
    encoder.weight.copy_(analysis_KC[:, :, None, None])
    encoder.bias.copy_(-(analysis_KC @ mean_C))
    decoder.weight.copy_(synthesis_CK[:, :, None, None])
    decoder.bias.copy_(mean_C)
    assert config.cell_channels == 3 * config.temporal_stride * (2 * PATCH) ** 2


def _videos(clips: ClipBatch, count: int) -> Tensor:
    frames_BFHWC = clips.frames_BFHWC[:count]
    return frames_BFHWC.permute(0, 4, 1, 2, 3).float() / 127.5 - 1


@torch.no_grad()
def reconstruction_psnr(autoencoder: nn.Module, clips: ClipBatch, device: str) -> dict[str, float]:
    """Mean PSNR of reconstructions in dB: of all frames, and of first frames alone."""
    assert isinstance(autoencoder, TinyVideoAutoencoder)
    per_frame = []
    for video_BCFHW in torch.split(clips.video(device), JUDGED_BATCH):
        decoded_BCFHW = autoencoder.decode(autoencoder.encode(video_BCFHW))
        error_BF = ((decoded_BCFHW - video_BCFHW) / 2).square().mean(dim=(1, 3, 4))
        per_frame.append(-10 * torch.log10(error_BF))
    psnr_BF = torch.cat(per_frame)
    return {"psnr": psnr_BF.mean().item(), "psnr_first": psnr_BF[:, 0].mean().item()}
