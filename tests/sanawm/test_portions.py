"""Working on some heads and some frames at a time gives the numbers of everything at once."""

import pytest
import torch
from test_streaming import LENGTHS, STREAMING, build, chunks_of, text_of
from test_transformer import build as build_plain
from test_transformer import inputs, relative_error

from sanawm.portions import Portions
from sanawm.transformer import CameraInputs

EACH = (Portions(heads=1), Portions(frames=1), Portions(frames=2), Portions(heads=1, frames=3))


@pytest.mark.parametrize("portions", EACH)
def test_a_whole_clip_in_portions_is_the_clip_at_once(portions):
    transformer = build_plain()
    latents, timestep, text, mask, camera = inputs()
    grid = latents.shape[2:]
    conditions = transformer.read(text, mask)
    whole = transformer.step(latents, timestep, transformer.place(conditions, camera, grid))
    placed = transformer.place(conditions, camera, grid, portions=portions)
    assert relative_error(transformer.step(latents, timestep, placed), whole) < 1e-6


@pytest.mark.parametrize("portions", EACH)
def test_two_chunks_and_what_is_remembered_are_the_same_in_portions(portions):
    transformer = build(STREAMING, boost=True)
    text, chunks = text_of(transformer), list(chunks_of())[:3]

    def advance(portions):
        memory, begin, velocities = None, 0, []
        for chunk, length in zip(chunks, LENGTHS[:3], strict=True):
            placed = transformer.place(
                text,
                chunk.camera and CameraInputs(*chunk.camera),
                chunk.noise_BCTHW.shape[2:],
                first_frame=begin,
                portions=portions,
            )
            timestep = torch.zeros(1, length)
            velocity, memory = transformer.advance(chunk.noise_BCTHW, timestep, placed, memory)
            velocities.append(velocity)
            begin += length
        return velocities, memory

    (whole, memory), (parts, memory_in_parts) = advance(Portions()), advance(portions)
    for part, expected in zip(parts, whole, strict=True):
        assert relative_error(part, expected) < 2e-6
    for part, expected in zip(_tensors(memory_in_parts), _tensors(memory), strict=True):
        assert relative_error(part, expected) < 2e-6


def _tensors(memory):
    if isinstance(memory, torch.Tensor):
        return [memory]
    return [] if memory is None else [x for part in memory for x in _tensors(part)]
