"""Third stage of training: a whole-clip transformer learns to draw chunk by chunk.

One pass over a clip trains all its chunks: each is either clean, as what is remembered is at
generation, or noisy, and no chunk sees a later one. The loss looks at the noisy ones. At first
clean chunks are the truth, slightly disturbed; later many are what the model itself drew, while
the loss still asks for the truth: a model that only ever saw true pasts drifts away from its own.

Shape letters: B batch, C channels, T latent frames, H, W latent rows and columns.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sanawm.sampling import TIMESTEPS, explicit_sigmas, pin_first_frame
from sanawm.streaming import chunk_lengths, cut, draw_chunks
from sanawm.tiny_autoencoder import TinyVideoAutoencoder
from sanawm.training.clip_pool import ClipBatch, ClipPool
from sanawm.training.presets import TrainingPreset
from sanawm.training.stage import Stage, StageSettings
from sanawm.training.train_world_model import (
    CAPTION_DROPOUT,
    PROBE_CLIPS,
    LatentClips,
    WorldModel,
    batch_of,
    channel_weights,
    encode_clips,
    make_optimizers,
    sample_length,
)

CLEAN_SHARE = 0.5  # of the chunks
LISTED_SHARE = 0.5  # of the noise levels: those that drawing uses
DISTURBED = 0.12  # most noise in a clean chunk
OWN_PAST_FROM = 0.3  # of the time
OWN_PAST_SHARE = 0.6  # of the steps, from then on


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """One pass over a clip in chunks."""

    sigma_BT: Tensor  # told to the model: 0 where a chunk is clean
    seen_BCTHW: Tensor  # what the model sees
    noise_BCTHW: Tensor
    is_drawn_BT: Tensor  # frames that the loss looks at


def train_streaming(
    model: WorldModel,
    autoencoder: TinyVideoAutoencoder,
    pool: ClipPool,
    held_out: ClipBatch,
    settings: StageSettings,
) -> None:
    """Train, or go on training; leaves the averaged weights in the model."""
    preset = model.preset
    model.to(preset.device)
    stage = Stage(model, make_optimizers(model, preset), settings)
    probe = encode_clips(autoencoder, held_out.rows(0, PROBE_CLIPS), preset.device)
    weights_C = channel_weights(autoencoder)

    def loss() -> Tensor:
        pool.refresh()
        num_frames = sample_length(preset, stage.budget.fraction, stage.generator)
        clips = pool.sample(batch_of(preset, num_frames), num_frames, stage.generator)
        latents = encode_clips(autoencoder, clips, preset.device)
        told = without_some_captions(latents, stage.generator)
        past_BCTHW = told.latents_BCTHW
        own = float(torch.rand((), generator=stage.generator)) < OWN_PAST_SHARE
        if own and stage.budget.fraction > OWN_PAST_FROM:
            past_BCTHW = drawn_by(model, told, stage.generator)
        course = make_course(preset, told.latents_BCTHW, past_BCTHW, stage.generator)
        return chunked_error(model, told, course, weights_C)

    stage.run(loss, lambda judged: drift_figures(judged, probe))


def without_some_captions(clips: LatentClips, generator: torch.Generator) -> LatentClips:
    """The clips in full precision, a share of them without a caption."""
    dropped = torch.rand(len(clips.captions), generator=generator) < CAPTION_DROPOUT
    pairs = zip(dropped.tolist(), clips.captions, strict=True)
    return LatentClips(
        latents_BCTHW=clips.latents_BCTHW.float(),
        c2w_BF44=clips.c2w_BF44,
        intrinsics_BF4=clips.intrinsics_BF4,
        captions=["" if drop else caption for drop, caption in pairs],
    )


def make_course(
    preset: TrainingPreset, truth_BCTHW: Tensor, past_BCTHW: Tensor, generator: torch.Generator
) -> Course:
    """Draw which chunks are clean and how noisy the others are; frame 0 is always given."""
    batch, _, num_frames = truth_BCTHW.shape[:3]
    chunks = torch.tensor(chunk_lengths(num_frames))
    levels_BK = noise_levels(preset, (batch, len(chunks)), generator)
    is_clean_BK = torch.rand(levels_BK.shape, generator=generator) < CLEAN_SHARE
    is_clean_BK[:, -1] &= ~is_clean_BK.all(1)  # something is left to learn from
    disturbed_BK = DISTURBED * torch.rand(levels_BK.shape, generator=generator)
    sigma_BT = levels_BK.masked_fill(is_clean_BK, 0).repeat_interleave(chunks, dim=1)
    disturbed_BT = disturbed_BK.repeat_interleave(chunks, dim=1)
    is_clean_BT = is_clean_BK.repeat_interleave(chunks, dim=1)
    mixed_BT = torch.where(is_clean_BT, disturbed_BT, sigma_BT)
    for values_BT in (sigma_BT, mixed_BT):
        values_BT[:, 0] = 0
    is_drawn_BT = ~is_clean_BT
    is_drawn_BT[:, 0] = False

    device = truth_BCTHW.device
    noise_BCTHW = torch.randn(truth_BCTHW.shape, generator=generator).to(device)
    basis_BCTHW = torch.where(_on_grid(is_clean_BT.to(device)), past_BCTHW, truth_BCTHW)
    basis_BCTHW = pin_first_frame(basis_BCTHW, truth_BCTHW[:, :, :1])
    mixed = _on_grid(mixed_BT.to(device))
    return Course(
        sigma_BT=sigma_BT.to(device),
        seen_BCTHW=(1 - mixed) * basis_BCTHW + mixed * noise_BCTHW,
        noise_BCTHW=noise_BCTHW,
        is_drawn_BT=is_drawn_BT.to(device),
    )


def noise_levels(
    preset: TrainingPreset, shape: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """Levels that drawing uses, and others around them."""
    listed = torch.tensor(preset.sigmas)
    chosen = listed[torch.randint(len(listed), shape, generator=generator)]
    free = torch.sigmoid(torch.randn(shape, generator=generator))
    free = preset.training_shift * free / (1 + (preset.training_shift - 1) * free)
    return torch.where(torch.rand(shape, generator=generator) < LISTED_SHARE, chosen, free)


def chunked_error(
    model: WorldModel, clips: LatentClips, course: Course, weights_C: Tensor
) -> Tensor:
    """Weighted mean squared error of the velocity on the frames that are drawn."""
    grid = (*clips.latents_BCTHW.shape[2:],)
    conditions = model.transformer.place(
        model.transformer.read(*model.embed(clips.captions)),
        model.camera(clips),
        grid,
        chunks=chunk_lengths(grid[0]),
    )
    velocity_BCTHW = model.transformer.step(
        course.seen_BCTHW, TIMESTEPS * course.sigma_BT, conditions
    )
    error_BCTHW = velocity_BCTHW - (course.noise_BCTHW - clips.latents_BCTHW)
    counted = _on_grid(course.is_drawn_BT) * weights_C[:, None, None, None]
    share = course.is_drawn_BT.float().mean()
    return (error_BCTHW.square() * counted).mean() / share


@torch.no_grad()
def drawn_by(model: WorldModel, clips: LatentClips, generator: torch.Generator) -> Tensor:
    """The clips' latents as the model draws them from their first frames."""
    truth_BCTHW = clips.latents_BCTHW.float()
    noise_BCTHW = torch.randn(truth_BCTHW.shape, generator=generator).to(truth_BCTHW)
    start_BCTHW = pin_first_frame(noise_BCTHW, truth_BCTHW[:, :, :1])
    chunks = cut(start_BCTHW, model.camera(clips), chunk_lengths(truth_BCTHW.shape[2]))
    text = model.transformer.read(*model.embed(clips.captions))
    sigmas = explicit_sigmas(model.preset.sigmas)
    steps = draw_chunks(model.transformer, text, chunks, sigmas)
    return torch.cat([step.latents_BCTHW for step in steps if step.is_last], dim=2)


@torch.no_grad()
def drift_figures(model: nn.Module, probe: LatentClips) -> dict[str, float]:
    """Mean squared error of drawn latents, early and late in held-out clips."""
    assert isinstance(model, WorldModel)
    drawn_BCTHW = drawn_by(model, probe, torch.Generator().manual_seed(11))
    error_T = (drawn_BCTHW - probe.latents_BCTHW.float()).square().mean((0, 1, 3, 4))
    third = len(error_T) // 3
    return {
        "early": error_T[1 : third + 1].mean().item(),
        "middle": error_T[third : 2 * third].mean().item(),
        "late": error_T[-third:].mean().item(),
    }


def _on_grid(values_BT: Tensor) -> Tensor:
    return values_BT[:, None, :, None, None]
