"""Many clips at once from a model, as evaluation needs: the product's parts without its files.

Shape letters: B clips, C channels, F frames, T latent frames, H, W rows and columns, L tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sanawm.autoencoder import VideoAutoencoder
from sanawm.card import ModelCard
from sanawm.rays import chunk_plucker, raymap
from sanawm.sampling import denoise, pin_first_frame, seeded_noise, shifted_sigmas
from sanawm.transformer import CameraInputs, SanaWMTransformer

Embed = Callable[[list[str]], tuple[Tensor, Tensor]]  # captions -> embeddings BLD, mask BL


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """A model's parts, ready to draw clips of known worlds (without guidance)."""

    card: ModelCard
    transformer: SanaWMTransformer
    autoencoder: VideoAutoencoder
    embed: Embed
    num_inference_steps: int
    batch: int = 8

    @torch.no_grad()
    def draw(
        self,
        first_B3HW: Tensor,
        c2w_BF44: Tensor,
        intrinsics_BF4: Tensor,
        captions: list[str],
        seed: int = 0,
    ) -> Tensor:
        """Video (B, 3, F, H, W) in [-1, 1] along the given cameras."""
        parts = []
        for start in range(0, len(captions), self.batch):
            rows = slice(start, start + self.batch)
            parts.append(
                self._draw_some(
                    first_B3HW[rows], c2w_BF44[rows], intrinsics_BF4[rows], captions[rows], seed
                )
            )
        return torch.cat(parts)

    def _draw_some(
        self,
        first_B3HW: Tensor,
        c2w_BF44: Tensor,
        intrinsics_BF4: Tensor,
        captions: list[str],
        seed: int,
    ) -> Tensor:
        first_BC1HW = self.autoencoder.encode(first_B3HW[:, :, None])
        camera = self._camera(first_B3HW.shape[-2:], c2w_BF44, intrinsics_BF4)
        text_BLD, mask_BL = self.embed(captions)
        num_latent_frames = camera.raymap_BT20.shape[1]
        batch, channels, _, rows, columns = first_BC1HW.shape
        noise_1CTHW = seeded_noise(seed, (1, channels, num_latent_frames, rows, columns))
        latents_BCTHW = pin_first_frame(noise_1CTHW.repeat(batch, 1, 1, 1, 1), first_BC1HW)

        def velocity(latents_BCTHW: Tensor, timestep_BT: Tensor) -> Tensor:
            result: Tensor = self.transformer(latents_BCTHW, timestep_BT, text_BLD, mask_BL, camera)
            return result

        sigmas = shifted_sigmas(self.num_inference_steps, self.card.shift)
        *_, latents_BCTHW = denoise(velocity, latents_BCTHW, sigmas)
        return self.autoencoder.decode(latents_BCTHW)

    def _camera(
        self, size: tuple[int, int] | torch.Size, c2w_BF44: Tensor, intrinsics_BF4: Tensor
    ) -> CameraInputs:
        height, width = size
        stride = self.autoencoder.spatial_stride
        latent_size = (height // stride, width // stride)
        temporal = self.autoencoder.temporal_stride
        return CameraInputs(
            raymap(
                c2w_BF44,
                intrinsics_BF4,
                temporal_stride=temporal,
                latent_size=latent_size,
                pixel_size=(height, width),
            ),
            chunk_plucker(
                c2w_BF44,
                intrinsics_BF4,
                temporal_stride=temporal,
                latent_size=latent_size,
                pixel_size=(height, width),
            ),
        )
