from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from sanawm.sampling import (
    clean_estimate,
    denoise,
    explicit_sigmas,
    frame_timesteps,
    guided,
    pin_first_frame,
    seeded_noise,
    shifted_sigmas,
)

RECORDED = load_file(Path(__file__).parents[1] / "data" / "sampler.safetensors")
STREAMING_LIST = (1.0, 0.96, 0.889, 0.727)
CLEAN = torch.full((1, 2, 3, 4, 5), 0.25)


def relative_error(got, expected):
    return float((got - expected).norm() / expected.norm())


def replay(run, checks):
    """A velocity that answers with the reference's recorded outputs and checks what it is asked."""
    steps = iter(range(99))

    def velocity(latents_BCTHW, timestep_BT):
        step = next(steps)
        expected = RECORDED[f"{run}/step{step}/timestep_in"]
        checks.append(float((timestep_BT - expected[:, 0]).abs().max()))
        assert latents_BCTHW.shape[0] == expected.shape[0]
        return RECORDED[f"{run}/step{step}/velocity_batch"]

    return velocity


@pytest.mark.parametrize("shift", [1.0, 9.8])
@pytest.mark.parametrize("steps", [1, 2, 4, 8, 20, 40, 50, 60])
def test_sigmas_are_those_of_the_published_scheduler(shift, steps):
    sigmas = shifted_sigmas(steps, shift)
    expected = RECORDED[f"schedule/shift{shift}/n{steps}/sigmas"]
    timesteps = RECORDED[f"schedule/shift{shift}/n{steps}/timesteps"]
    torch.testing.assert_close(sigmas, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(sigmas[:-1] * 1000, timesteps, rtol=0, atol=1e-3)
    assert torch.equal((sigmas[:-1] * 1000).long(), timesteps.long())


def test_the_last_step_starts_where_the_double_shift_puts_it():
    assert float(shifted_sigmas(60, 9.8)[-2]) == pytest.approx(0.0877, abs=5e-5)
    assert shifted_sigmas(1, 9.8).tolist() == [1, 0]


def test_an_explicit_list_is_taken_as_it_is():
    expected = RECORDED["schedule/explicit_streaming/sigmas"]
    torch.testing.assert_close(explicit_sigmas(STREAMING_LIST), expected, rtol=0, atol=1e-6)
    assert torch.equal(explicit_sigmas((*STREAMING_LIST, 0.0)), explicit_sigmas(STREAMING_LIST))
    refiner = RECORDED["schedule/explicit_refiner/sigmas"]
    torch.testing.assert_close(explicit_sigmas(refiner.tolist()), refiner, rtol=0, atol=1e-6)


@pytest.mark.parametrize("wrong", [(), (0.0,), (0.5, 0.6), (1.2, 0.5), (0.5, 0.5), (0.5, -0.1)])
def test_a_list_that_does_not_fall_to_zero_is_refused(wrong):
    with pytest.raises(ValueError, match="must fall"):
        explicit_sigmas(wrong)


@given(steps=st.integers(1, 60), shift=st.floats(0.1, 12))
def test_sigmas_fall_from_one_to_zero(steps, shift):
    sigmas = shifted_sigmas(steps, shift)
    assert float(sigmas[0]) == pytest.approx(1, abs=1e-6)
    assert sigmas[-1] == 0
    assert (sigmas.diff() < 0).all()


@pytest.mark.parametrize(("run", "guidance"), [("n4_cfg5", 5.0), ("n4_cfg1", 1.0)])
def test_steps_from_recorded_velocities_are_those_of_the_reference(run, guidance):
    timestep_errors = []
    velocity = replay(run, timestep_errors)
    if guidance != 1:
        velocity = guided(velocity, guidance)
    drawn = list(denoise(velocity, RECORDED["initial_latents"], shifted_sigmas(4, 9.8)))

    assert max(timestep_errors) < 1e-3
    assert relative_error(drawn[-1], RECORDED[f"{run}/final_latents"]) < 1e-6
    if run == "n4_cfg5":
        for step, latents in enumerate(drawn):
            assert relative_error(latents, RECORDED[f"{run}/step{step}/latents_after"]) < 1e-6


@given(steps=st.integers(1, 20), shift=st.floats(0.5, 8))
def test_a_perfect_model_arrives_at_the_clean_video(steps, shift):
    noise = pin_first_frame(seeded_noise(0, CLEAN.shape), CLEAN[:, :, :1])
    *_, latents = denoise(lambda *_: noise - CLEAN, noise, shifted_sigmas(steps, shift))
    torch.testing.assert_close(latents, CLEAN, rtol=0, atol=1e-5)


def test_the_first_frame_never_moves_and_is_told_to_be_clean():
    noise = seeded_noise(3, (2, 4, 5, 2, 3))
    seen = []

    def velocity(latents_BCTHW, timestep_BT):
        seen.append(timestep_BT)
        return torch.randn_like(latents_BCTHW)

    for latents in denoise(velocity, noise, shifted_sigmas(3, 9.8)):
        assert torch.equal(latents[:, :, 0], noise[:, :, 0])
        assert not torch.equal(latents[:, :, 1], noise[:, :, 1])
    assert all((timestep[:, 0] == 0).all() and (timestep[:, 1:] > 0).all() for timestep in seen)


def test_denoise_stops_when_its_caller_does():
    calls = []
    steps = denoise(
        lambda x, t: calls.append(t) or torch.zeros_like(x), CLEAN, shifted_sigmas(9, 1.0)
    )
    next(steps)
    steps.close()
    assert len(calls) == 1


def test_low_precision_latents_are_stepped_in_float32():
    noise = seeded_noise(0, CLEAN.shape).bfloat16()
    [latents] = denoise(lambda x, _: x / 3, noise, torch.tensor([1.0, 0.7]))
    step = (torch.tensor(0.7) - 1) * (noise / 3).float()
    expected = (noise.float() + step)[:, :, 1:].bfloat16()
    assert torch.equal(latents[:, :, 1:], expected)


def test_guidance_extrapolates_from_negative_to_positive():
    velocity = guided(lambda x, _: torch.stack((x[0] * 0 + 1, x[1] * 0 + 3)), 5.0)
    out = velocity(CLEAN, frame_timesteps(CLEAN, torch.tensor(0.5)))
    assert torch.equal(out, torch.full_like(CLEAN, 1 + 5 * (3 - 1)))


def test_a_seed_always_stands_for_the_same_noise():
    shape = (1, 3, 2, 4, 4)
    assert torch.equal(seeded_noise(7, shape), seeded_noise(7, shape))
    assert not torch.equal(seeded_noise(7, shape), seeded_noise(8, shape))


def test_the_clean_estimate_of_a_straight_path_is_its_end():
    noise = seeded_noise(1, CLEAN.shape)
    before = 0.8 * noise + 0.2 * CLEAN
    after = 0.3 * noise + 0.7 * CLEAN
    torch.testing.assert_close(clean_estimate(before, after, 0.8, 0.3), CLEAN, rtol=0, atol=1e-5)
