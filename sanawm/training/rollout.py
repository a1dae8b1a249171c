"""Many clips at once from a model, as evaluation needs: the product's parts without its files.

Shape letters: B clips, C channels, F frames, T latent frames, H, W rows and columns, L tokens,
D text channels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sanawm.autoencoder import VideoAutoencoder
from sanawm.card import ModelCard
from sanawm.model_parts import open_model
from sanawm.rays import ray_inputs
from sanawm.sampling import (
    Velocity,
    denoise,
    explicit_sigmas,
    pin_first_frame,
    seeded_noise,
    shifted_sigmas,
)
from sanawm.streaming import chunk_lengths, cut, draw_chunks
from sanawm.text import stack_texts
from sanawm.transformer import CameraInputs, SanaWMTransformer

BATCH = 8
Embed = Callable[[list[str]], tuple[Tensor, Tensor]]  # captions -> embeddings BLD, mask BL


@dataclass(frozen=True, kw_only=True, slots=True)
class Shots:
    """What to draw: first frames, cameras and captions of B clips."""

    first_B3HW: Tensor
    c2w_BF44: Tensor
    intrinsics_BF4: Tensor
    captions: list[str]

    def rows(self, start: int, stop: int) -> "Shots":
        """Some of the clips."""
        chosen = slice(start, stop)
        return Shots(
            first_B3HW=self.first_B3HW[chosen],
            c2w_BF44=self.c2w_BF44[chosen],
            intrinsics_BF4=self.intrinsics_BF4[chosen],
            captions=self.captions[chosen],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """A model's parts, ready to draw clips of known worlds (without guidance)."""

    card: ModelCard
    transformer: SanaWMTransformer
    autoencoder: VideoAutoencoder
    embed: Embed
    num_inference_steps: int

    @torch.no_grad()
    def draw(self, shots: Shots) -> Tensor:
        """Video (B, F, 3, H, W) in [-1, 1]; clip i is what the product draws with seed i."""
        starts = range(0, len(shots.captions), BATCH)
        parts = [self._draw_some(shots.rows(start, start + BATCH), start) for start in starts]
        return torch.cat(parts).transpose(1, 2)

    @torch.no_grad()
    def reconstruct(self, video_BFCHW: Tensor) -> Tensor:
        """The video through the autoencoder and back: no model does better in its latents."""
        parts = [
            self.autoencoder.decode(self.autoencoder.encode(video_BCFHW))
            for video_BCFHW in torch.split(video_BFCHW.transpose(1, 2), BATCH)
        ]
        return torch.cat(parts).transpose(1, 2)

    def _draw_some(self, shots: Shots, first_seed: int) -> Tensor:
        """Video (B, 3, F, H, W) of a few clips."""
        latent_BC1HW = self.autoencoder.encode(shots.first_B3HW[:, :, None])
        batch, channels, _, rows, columns = latent_BC1HW.shape
        grid = (self.card.num_latent_frames(shots.c2w_BF44.shape[1]), rows, columns)
        noise = [seeded_noise(first_seed + row, (1, channels, *grid)) for row in range(batch)]
        latents_BCTHW = pin_first_frame(torch.cat(noise), latent_BC1HW)
        if self.card.streaming:
            return self.autoencoder.decode(self._stream(shots, latents_BCTHW))
        sigmas = shifted_sigmas(self.num_inference_steps, self.card.shift)
        *_, latents_BCTHW = denoise(self._velocity(shots, grid), latents_BCTHW, sigmas)
        return self.autoencoder.decode(latents_BCTHW)

    def _stream(self, shots: Shots, start_BCTHW: Tensor) -> Tensor:
        """Latents, drawn chunk by chunk."""
        grid = (*start_BCTHW.shape[2:],)
        chunks = cut(start_BCTHW, self._camera(shots, grid), chunk_lengths(grid[0]))
        text = self.transformer.read(*self.embed(shots.captions))
        steps = draw_chunks(self.transformer, text, chunks, explicit_sigmas(self.card.sigmas))
        return torch.cat([step.latents_BCTHW for step in steps if step.is_last], dim=2)

    def _velocity(self, shots: Shots, grid: tuple[int, int, int]) -> Velocity:
        """The transformer under these cameras and captions."""
        text_BLD, mask_BL = self.embed(shots.captions)
        camera = self._camera(shots, grid)
        conditions = self.transformer.prepare(text_BLD, mask_BL, camera, grid)

        def velocity(latents_BCTHW: Tensor, timestep_BT: Tensor) -> Tensor:
            return self.transformer.step(latents_BCTHW, timestep_BT, conditions)

        return velocity

    def _camera(self, shots: Shots, grid: tuple[int, int, int]) -> CameraInputs:
        height, width = shots.first_B3HW.shape[-2:]
        rays = ray_inputs(
            shots.c2w_BF44,
            shots.intrinsics_BF4,
            temporal_stride=self.autoencoder.temporal_stride,
            latent_size=grid[1:],
            pixel_size=(height, width),
        )
        return CameraInputs(*rays)


def open_rollout(folder: Path, steps: int | None = None) -> Rollout:
    """The parts of a model folder, loaded as the product loads them; steps are its own if None."""
    parts = open_model(folder)

    def embed(captions: list[str]) -> tuple[Tensor, Tensor]:
        return stack_texts([parts.text_encoder.encode(caption) for caption in captions])

    return Rollout(
        card=parts.card,
        transformer=parts.transformer,
        autoencoder=parts.autoencoder,
        embed=embed,
        num_inference_steps=steps or parts.card.num_inference_steps,
    )
