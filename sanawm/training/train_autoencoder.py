"""First stage of training: the video autoencoder.

Latents are the principal components of rendered clips, fitted once and then fixed, so the
decoder can go on learning after a transformer has been trained on them. The decoder starts as
the inverse map and spends its time on detail, and on smoothing what does not fit: its input
carries noise of a random level, as the transformer's latents are never quite right.

Shape letters: B batch, C channels, F frames, T latent frames, H, W rows and columns, N cells,
P values of a cell, K principal components.
"""

import torch
from torch import Tensor, nn

from sanawm.tiny_autoencoder import TinyVideoAutoencoder, latent_cells
from sanawm.training.clip_pool import ClipBatch, ClipPool
from sanawm.training.optimizers import Optimizers, ParameterGroup
from sanawm.training.presets import TrainingPreset
from sanawm.training.stage import Stage, StageSettings

MAX_LATENT_NOISE = 0.5  # of a latent's spread; most clips get far less
LINEAR_RATE = 0.05  # of the convolutions' rate
JUDGED_BATCH = 4
PCA_CLIPS = 1600
PCA_BATCH = 16


def train_autoencoder(
    pool: ClipPool, held_out: ClipBatch, preset: TrainingPreset, settings: StageSettings
) -> TinyVideoAutoencoder:
    """Train, or go on training; returns the averaged weights."""
    torch.manual_seed(0)
    autoencoder = TinyVideoAutoencoder(preset.autoencoder).to(preset.device)
    if not settings.file.exists():
        start_from_principal_components(autoencoder, pool.first(PCA_CLIPS))
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
    level_B = MAX_LATENT_NOISE * torch.rand(len(latents_BCTHW), device=latents_BCTHW.device) ** 2
    noise_BCTHW = level_B.view(-1, 1, 1, 1, 1) * torch.randn_like(latents_BCTHW)
    noisy_BCTHW = latents_BCTHW + noise_BCTHW
    decoded_BCFHW, _ = autoencoder.decode_raw(noisy_BCTHW, None)
    error = decoded_BCFHW - video_BCFHW
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.abs().mean() + 0.5 * edges + 2 * error.square().mean()


@torch.no_grad()
def start_from_principal_components(autoencoder: TinyVideoAutoencoder, clips: ClipBatch) -> None:
    """Set the linear maps to these clips' principal components, scaled to unit variance."""
    mean_P, covariance_PP = cell_statistics(autoencoder, clips)
    variances, vectors = torch.linalg.eigh(covariance_PP)
    channels = autoencoder.latent_channels
    spread_K, basis_PK = variances[-channels:].flip(0).sqrt(), vectors[:, -channels:].flip(1)
    analysis_KP, synthesis_PK = (basis_PK / spread_K).T, basis_PK * spread_K
    encoder, decoder = autoencoder.encoder_linear, autoencoder.decoder_linear
    assert encoder.bias is not None
    assert decoder.bias is not None
    encoder.weight.copy_(analysis_KP[:, :, None, None])
    encoder.bias.copy_(-(analysis_KP @ mean_P))
    decoder.weight.copy_(synthesis_PK[:, :, None, None])
    decoder.bias.copy_(mean_P)


def cell_statistics(autoencoder: TinyVideoAutoencoder, clips: ClipBatch) -> tuple[Tensor, Tensor]:
    """Mean (P,) and covariance (P, P) of these clips' cells, float64."""
    size, device = autoencoder.config.cell_channels, autoencoder.encoder_linear.weight.device
    sum_P = torch.zeros(size, dtype=torch.float64, device=device)
    squares_PP = torch.zeros(size, size, dtype=torch.float64, device=device)
    count = 0
    for start in range(0, len(clips.captions), PCA_BATCH):
        video_BCFHW = clips.rows(start, start + PCA_BATCH).video(str(device))
        cells_GPHW = latent_cells(video_BCFHW, autoencoder.temporal_stride)
        cells_NP = cells_GPHW.permute(0, 2, 3, 1).flatten(0, 2)
        sum_P += cells_NP.sum(dim=0)
        squares_PP += cells_NP.T @ cells_NP
        count += len(cells_NP)
    mean_P = sum_P / count
    return mean_P, squares_PP / count - mean_P[:, None] * mean_P


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
