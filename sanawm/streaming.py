"""Drawing a clip chunk by chunk, as the few-step models do: a video of any length in one memory.

Each chunk goes from noise to clean in a few steps, seeing what is remembered of the chunks before
it. What is remembered comes from one more pass over the clean chunk. That pass and the first step
of the next chunk run as one: their weights are read once, and the next chunk sees the clean one
the way it would see its memory. The numbers are those of the two passes on their own.

A clip of T latent frames has T div 3 chunks; the first one takes what is left over.

Shape letters: B batch, C channels, T latent frames of one chunk, H, W latent rows and columns.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from sanawm.card import STREAMING_CHUNK
from sanawm.memories import ClipMemory
from sanawm.sampling import TIMESTEPS, euler_step
from sanawm.transformer import BlockConditions, CameraInputs, Conditions, SanaWMTransformer


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """What one chunk is drawn from."""

    noise_BCTHW: Tensor  # with the clip's first frame, clean, in the place of its noise
    camera: CameraInputs | None  # of these frames; poses relative to the clip's first frame
    first_frame: int  # where it begins in the clip, in latent frames

    @property
    def num_pinned(self) -> int:
        """Frames that are given and not drawn."""
        return 1 if self.first_frame == 0 else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnStep:
    """The chunk in work after one step."""

    chunk: int
    step: int  # from 1 on
    before_BCTHW: Tensor
    latents_BCTHW: Tensor
    is_last: bool  # of this chunk: the latents are clean


def chunk_lengths(num_latent_frames: int) -> tuple[int, ...]:
    """Latent frames of each chunk of a clip; at least three frames are needed."""
    count, left_over = divmod(num_latent_frames, STREAMING_CHUNK)
    if count < 1:
        raise ValueError(f"a clip needs {STREAMING_CHUNK} latent frames, got {num_latent_frames}")
    return (STREAMING_CHUNK + left_over, *(STREAMING_CHUNK,) * (count - 1))


def cut(
    start_BCTHW: Tensor, camera: CameraInputs | None, chunks: tuple[int, ...]
) -> Iterator[Chunk]:
    """The chunks of a clip whose whole start, first frame and noise, and camera are known."""
    for begin, end in pairwise((0, *accumulate(chunks))):
        own = None
        if camera is not None:
            own = CameraInputs(
                camera.raymap_BT20[:, begin:end], camera.plucker_BCTHW[:, :, begin:end]
            )
        yield Chunk(noise_BCTHW=start_BCTHW[:, :, begin:end], camera=own, first_frame=begin)


def draw_chunks(
    transformer: SanaWMTransformer,
    text: tuple[BlockConditions, ...],
    chunks: Iterable[Chunk],
    sigmas: Tensor,
) -> Iterator[DrawnStep]:
    """Draw chunk after chunk, telling every step; `text` is what `transformer.read` gave.

    A chunk is asked for when the one before it is clean, so that a camera may still be steered.
    """
    memory: ClipMemory | None = None
    done: tuple[Chunk, Tensor] | None = None  # clean, and not yet remembered
    for index, chunk in enumerate(chunks):
        latents_BCTHW = chunk.noise_BCTHW
        conditions = _conditions(transformer, text, (chunk,))
        for step, (sigma, sigma_next) in enumerate(pairwise(sigmas), start=1):
            timestep_BT = _timesteps(chunk, sigma)
            if done is None:
                velocity = transformer.step(latents_BCTHW, timestep_BT, conditions, memory)
            else:
                velocity, memory = _remember_and_step(
                    transformer, text, done, (chunk, timestep_BT), memory
                )
                done = None
            before_BCTHW = latents_BCTHW
            latents_BCTHW = euler_step(
                latents_BCTHW, velocity, sigma, sigma_next, num_pinned=chunk.num_pinned
            )
            yield DrawnStep(
                chunk=index,
                step=step,
                before_BCTHW=before_BCTHW,
                latents_BCTHW=latents_BCTHW,
                is_last=step == len(sigmas) - 1,
            )
        done = chunk, latents_BCTHW


def _remember_and_step(
    transformer: SanaWMTransformer,
    text: tuple[BlockConditions, ...],
    done: tuple[Chunk, Tensor],
    fresh: tuple[Chunk, Tensor],
    memory: ClipMemory | None,
) -> tuple[Tensor, ClipMemory]:
    """Velocity of a fresh chunk's noise, and the memory with the clean chunk before it."""
    (before, clean_BCTHW), (chunk, timestep_BT) = done, fresh
    conditions = _conditions(transformer, text, (before, chunk))
    clean_BT = timestep_BT.new_zeros(len(timestep_BT), clean_BCTHW.shape[2])
    velocity_BCTHW, memory = transformer.advance(
        torch.cat((clean_BCTHW, chunk.noise_BCTHW), dim=2),
        torch.cat((clean_BT, timestep_BT), dim=1),
        conditions,
        memory,
    )
    return velocity_BCTHW[:, :, clean_BCTHW.shape[2] :], memory


def _conditions(
    transformer: SanaWMTransformer, text: tuple[BlockConditions, ...], chunks: tuple[Chunk, ...]
) -> Conditions:
    """Conditions of one pass over successive chunks."""
    lengths = tuple(chunk.noise_BCTHW.shape[2] for chunk in chunks)
    cameras = [chunk.camera for chunk in chunks if chunk.camera is not None]
    camera = None
    if cameras:
        raymaps, pluckers = zip(*cameras, strict=True)
        camera = CameraInputs(torch.cat(raymaps, dim=1), torch.cat(pluckers, dim=2))
    return transformer.place(
        text,
        camera,
        (sum(lengths), *chunks[0].noise_BCTHW.shape[3:]),
        first_frame=chunks[0].first_frame,
        chunks=lengths,
    )


def _timesteps(chunk: Chunk, sigma: Tensor) -> Tensor:
    """Timesteps (B, T): 0 for what is pinned, 1000 * sigma for all other frames."""
    noise_BCTHW = chunk.noise_BCTHW
    timestep_BT = (sigma * TIMESTEPS).to(noise_BCTHW.device)
    timestep_BT = timestep_BT.repeat(len(noise_BCTHW), noise_BCTHW.shape[2])
    timestep_BT[:, : chunk.num_pinned] = 0
    return timestep_BT
