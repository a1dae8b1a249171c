"""Flow matching: the way from noise to latents. Pure tensors; no files, no page, no model class.

Sigma 1 is pure noise and sigma 0 the clean video. The model predicts the velocity noise - clean,
so one Euler step is latents += (sigma_next - sigma) * velocity. The timestep is 1000 * sigma and
is given per latent frame: the pinned first frame is clean from the start, has timestep 0 and
never moves.

Shape letters: B batch, C channels, T latent frames, H and W latent rows and columns.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

# (latents BCTHW, timestep BT) -> velocity BCTHW
Velocity = Callable[[Tensor, Tensor], Tensor]

TIMESTEPS = 1000  # what sigma is multiplied by to give the timestep the transformer embeds
PINNED_FRAMES = 1  # latent frames, at the start, that are given and not drawn


def shifted_sigmas(num_inference_steps: int, shift: float) -> Tensor:
    """Noise levels from 1 down to 0, (steps + 1,); a shift above 1 stays longer in high noise.

    The smallest level before 0 is shifted twice: the published scheduler takes an evenly spaced
    list down to its own, already shifted, minimum and shifts that list once more. With shift 9.8
    the last step therefore starts at 0.0877.
    """
    if num_inference_steps < 1:
        raise ValueError(f"at least one step is needed, got {num_inference_steps}")
    lowest = _shift(torch.tensor(1 / TIMESTEPS, dtype=torch.float64), shift)
    even = torch.linspace(1, float(lowest), num_inference_steps, dtype=torch.float64)
    return torch.cat((_shift(even, shift), even.new_zeros(1))).float()


def explicit_sigmas(sigmas: Sequence[float]) -> Tensor:
    """A given list of falling noise levels, as few-step models publish it; 0 is added at the end.

    Such a list is final: shifting it again would give other levels than the model was trained on.
    """
    levels = [*sigmas, 0.0] if sigmas and sigmas[-1] > 0 else list(sigmas)
    falling = all(earlier > later for earlier, later in pairwise(levels))
    if len(levels) < 2 or not falling or levels[0] > 1 or levels[-1] < 0:
        raise ValueError(f"sigmas must fall from at most 1 to 0, got {list(sigmas)}")
    return torch.tensor(levels, dtype=torch.float32)


def seeded_noise(seed: int, shape: Sequence[int]) -> Tensor:
    """The noise a seed stands for, float32: drawn on the processor, so on every device the same."""
    return torch.randn(tuple(shape), generator=torch.Generator("cpu").manual_seed(seed))


def streamed_noise(seed: int, shape: Sequence[int]) -> Tensor:
    """Noise (B, C, T, H, W) drawn frame by frame: a longer clip begins with a shorter one's."""
    generator = torch.Generator("cpu").manual_seed(seed)
    batch, channels, num_frames, *grid = shape
    frames = [torch.randn(batch, channels, *grid, generator=generator) for _ in range(num_frames)]
    return torch.stack(frames, dim=2)


def pin_first_frame(noise_BCTHW: Tensor, first_BCTHW: Tensor) -> Tensor:
    """Where the sampler starts: noise, with the first frame's latent in its place."""
    return torch.cat((first_BCTHW.to(noise_BCTHW), noise_BCTHW[:, :, PINNED_FRAMES:]), dim=2)


def guided(velocity: Velocity, guidance_scale: float) -> Velocity:
    """Classifier-free guidance around a velocity prepared for the batch [negative, positive]."""

    def guided_velocity(latents_BCTHW: Tensor, timestep_BT: Tensor) -> Tensor:
        both_BCTHW = velocity(torch.cat((latents_BCTHW,) * 2), torch.cat((timestep_BT,) * 2))
        negative_BCTHW, positive_BCTHW = both_BCTHW.float().chunk(2)
        return negative_BCTHW + guidance_scale * (positive_BCTHW - negative_BCTHW)

    return guided_velocity


def guided_apart(negative: Velocity, positive: Velocity, guidance_scale: float) -> Velocity:
    """The same from two velocities one after the other, in half the memory."""

    def guided_velocity(latents_BCTHW: Tensor, timestep_BT: Tensor) -> Tensor:
        negative_BCTHW = negative(latents_BCTHW, timestep_BT).float()
        positive_BCTHW = positive(latents_BCTHW, timestep_BT).float()
        return negative_BCTHW + guidance_scale * (positive_BCTHW - negative_BCTHW)

    return guided_velocity


def denoise(velocity: Velocity, latents_BCTHW: Tensor, sigmas: Tensor) -> Iterator[Tensor]:
    """Yield the latents after every step, so a caller may show progress or stop early."""
    for sigma, sigma_next in pairwise(sigmas):
        timestep_BT = frame_timesteps(latents_BCTHW, sigma)
        latents_BCTHW = euler_step(
            latents_BCTHW, velocity(latents_BCTHW, timestep_BT), sigma, sigma_next
        )
        yield latents_BCTHW


def euler_step(
    latents_BCTHW: Tensor,
    velocity_BCTHW: Tensor,
    sigma: Tensor,
    sigma_next: Tensor,
    *,
    num_pinned: int = PINNED_FRAMES,
) -> Tensor:
    """The latents at the next level, computed in float32; pinned frames stay as they are."""
    step_BCTHW = (sigma_next - sigma) * velocity_BCTHW.float()
    step_BCTHW[:, :, :num_pinned] = 0
    return (latents_BCTHW.float() + step_BCTHW).to(latents_BCTHW.dtype)


def frame_timesteps(latents_BCTHW: Tensor, sigma: Tensor) -> Tensor:
    """Timesteps (B, T): 0 for the pinned first frame, 1000 * sigma for all others."""
    batch, _, num_frames = latents_BCTHW.shape[:3]
    timestep_BT = (sigma * TIMESTEPS).to(latents_BCTHW.device).repeat(batch, num_frames)
    timestep_BT[:, :PINNED_FRAMES] = 0
    return timestep_BT


def clean_estimate(
    before_BCTHW: Tensor, after_BCTHW: Tensor, sigma: float, sigma_next: float
) -> Tensor:
    """Where the straight line through two successive latents meets sigma 0: for previews."""
    slope_BCTHW = (before_BCTHW - after_BCTHW) / (sigma - sigma_next)
    return after_BCTHW - sigma_next * slope_BCTHW


def _shift(sigmas: Tensor, shift: float) -> Tensor:
    return shift * sigmas / (1 + (shift - 1) * sigmas)
