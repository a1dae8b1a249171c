"""Every precision a card may draw in, against float64 on the very same, rounded weights.

float32, float16 and bfloat16 tell numbers apart that differ by one part in 8.4 million, 1024 and
128. Roundings of a few hundred operations add up to about one such part of the velocity in half
precision, where sums are taken in float32, and to about ten in float32; tolerances are two to three
times that. What would lose the camera or the place with so few digits keeps float32 whatever the
weights are: memories of the delta rule, timesteps, rotations and the geometry of the rays.
"""

from copy import deepcopy

import pytest
import torch
from test_transformer_diffusers import Case, inputs, randomise

import sanawm.transformer
from sanawm.layers import TimestepEmbedding
from sanawm.memories import DeltaMemory
from sanawm.sampling import explicit_sigmas, frame_timesteps
from sanawm.streaming import cut, draw_chunks
from sanawm.transformer import CameraInputs, SanaWMTransformer

CASE = Case(heads=2, head_dim=112, grid=(7, 2, 3))
FIRST = 4  # frames of the first of two chunks
SINGLE, HALF, BRAIN = torch.float32, torch.float16, torch.bfloat16
TOLERANCES = {SINGLE: 4e-6, HALF: 2.5e-3, BRAIN: 2e-2}
PRECISIONS = pytest.mark.parametrize("dtype", TOLERANCES, ids=str)


def relative_error(got, expected):
    return float((got.double() - expected).norm() / expected.norm())


@pytest.fixture(scope="module")
def trained():
    """Words and Plücker rays held back, so that places and rays have their say in the velocity."""
    model = randomise(SanaWMTransformer(CASE.config()), 0.7)
    for block in model.blocks:
        for layer in (block.plucker_proj, block.cross_attn.proj):
            layer.weight *= 0.1
            layer.bias *= 0.1
    return model


def at(trained, dtype):
    """The network in this precision, and in float64 with the same weights."""
    model = deepcopy(trained).to(dtype)
    return model, deepcopy(model).double()


def part_of(begin, end):
    latents, timestep, text, mask, camera = inputs(CASE)
    camera = CameraInputs(camera.raymap_BT20[:, begin:end], camera.plucker_BCTHW[:, :, begin:end])
    return latents[:, :, begin:end], timestep[:, begin:end], text, mask, camera


def placed(model, begin, end):
    _, _, text, mask, camera = part_of(begin, end)
    grid = (end - begin, *CASE.grid[1:])
    return model.place(model.read(text, mask), camera, grid, first_frame=begin)


def remembered(model):
    """What is remembered of a first, clean chunk."""
    latents, timestep, *_ = part_of(0, FIRST)
    return model.advance(latents, 0 * timestep, placed(model, 0, FIRST))[1]


def whole_clip(model):
    return model(*inputs(CASE))


def second_chunk(model):
    """A chunk that sees the memory of the one before it, both in the model's precision."""
    latents, timestep, *_ = part_of(FIRST, CASE.grid[0])
    conditions = placed(model, FIRST, CASE.grid[0])
    return model.step(latents, timestep, conditions, remembered(model))


@PRECISIONS
@pytest.mark.parametrize("velocity_of", [whole_clip, second_chunk])
def test_a_velocity_is_as_exact_as_the_numbers_it_is_made_of(trained, dtype, velocity_of):
    model, exact = at(trained, dtype)
    velocity = velocity_of(model)
    assert velocity.dtype == dtype
    assert relative_error(velocity, velocity_of(exact)) <= TOLERANCES[dtype]


def in_brain(x):
    return x.bfloat16().to(x.dtype)


def rotations_lose_their_imaginary_part(patch):
    """As when the table is a buffer, and the whole model is cast."""
    original = sanawm.transformer.rotations
    patch.setattr(
        sanawm.transformer,
        "rotations",
        lambda *a: torch.complex(original(*a).real, 0 * original(*a).real),
    )


def rotations_are_rounded(patch):
    original = sanawm.transformer.rotations

    def rounded(*arguments):
        return torch.view_as_complex(in_brain(torch.view_as_real(original(*arguments))))

    patch.setattr(sanawm.transformer, "rotations", rounded)


def rays_are_rounded(patch):
    original = sanawm.transformer.ray_frames
    patch.setattr(
        sanawm.transformer, "ray_frames", lambda raymap, *a: original(in_brain(raymap), *a)
    )


def timesteps_are_rounded(patch):
    original = TimestepEmbedding.forward
    patch.setattr(TimestepEmbedding, "forward", lambda self, t: original(self, in_brain(t)))


@pytest.mark.parametrize(
    ("mistake", "dtype"),
    [
        (rotations_lose_their_imaginary_part, SINGLE),
        (rotations_lose_their_imaginary_part, HALF),
        (rotations_are_rounded, SINGLE),
        (rays_are_rounded, SINGLE),
        (timesteps_are_rounded, SINGLE),
        (timesteps_are_rounded, HALF),
        (timesteps_are_rounded, BRAIN),
    ],
)
def test_the_tolerances_notice_what_loses_digits(trained, mistake, dtype, monkeypatch):
    model, exact = at(trained, dtype)
    expected = whole_clip(exact)
    mistake(monkeypatch)
    assert relative_error(whole_clip(model), expected) > 1.5 * TOLERANCES[dtype]


@PRECISIONS
def test_what_needs_the_digits_keeps_float32(trained, dtype):
    model, exact = at(trained, dtype)
    conditions, memory = placed(model, 0, FIRST), remembered(model)
    rays = conditions.place.rays
    assert conditions.place.rotation_TS1R.dtype == torch.complex64
    for ray_map in (rays.query, rays.key, rays.answer):
        assert (ray_map.matrix_PGG.dtype, ray_map.rotation_TS1R.dtype) == (SINGLE, torch.complex64)
    for own, theirs in zip(memory.blocks, remembered(exact).blocks, strict=True):
        assert own.mlp_B1SD.dtype == dtype
        if isinstance(own.attention, DeltaMemory):
            *states, keys = own.attention
            assert {state.dtype for state in states} == {SINGLE}
            assert keys.dtype == dtype
            for state, expected in zip(states, theirs.attention, strict=False):
                assert relative_error(state, expected) <= 2 * TOLERANCES[dtype]


@PRECISIONS
def test_timesteps_and_latents_are_float32_all_the_way(trained, dtype):
    """Levels such as 0.99826 would all be the same in half precision."""
    model, _ = at(trained, dtype)
    latents, _, text, mask, camera = inputs(CASE)
    seen = []
    model.t_embedder.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    sigmas = explicit_sigmas((0.99826, 0.727))
    steps = draw_chunks(model, model.read(text, mask), cut(latents, camera, (FIRST, 3)), sigmas)
    drawn = [step.latents_BCTHW for step in steps]
    assert {x.dtype for x in (*drawn, *seen)} == {SINGLE}
    assert frame_timesteps(latents.to(dtype), sigmas[0]).dtype == SINGLE
    assert sorted({int(t) for t in torch.cat(seen, dim=1).flatten()}) == [0, 727, 998]
