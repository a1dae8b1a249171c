from itertools import islice, pairwise

import numpy as np
import pytest
import torch

from sanawm import pipeline as pipeline_module
from sanawm.image import fit_to, open_photo, photo_size
from sanawm.picture import pixels_of
from sanawm.pipeline import SanaWMPipeline, frames_of
from sanawm.progress import STAGES, Progress
from sanawm.rays import camera_inputs
from sanawm.sampling import (
    clean_estimate,
    denoise,
    guided,
    pin_first_frame,
    seeded_noise,
    shifted_sigmas,
)
from sanawm.text import stack_texts
from sanawm.transformer import CameraInputs
from sanawm.video import read_tags


@pytest.fixture(scope="module")
def pipeline(tiny_model_folder):
    return SanaWMPipeline.from_pretrained(tiny_model_folder)


@pytest.fixture
def written(monkeypatch):
    """Frames on their way into the file."""
    frames = []

    def remembered(video):
        for frame in frames_of(video):
            frames.append(frame)
            yield frame

    monkeypatch.setattr(pipeline_module, "frames_of", remembered)
    return frames


def events_until_the_end(pipeline, request, video, asked_at):
    """Run while the wish to end is uttered once this (stage, step) has been told."""
    heard, wishes = [], []
    for event in pipeline.generate(request, video, wants_end=lambda: bool(wishes)):
        heard.append(event)
        if isinstance(event, Progress) and (event.stage, event.step) == asked_at:
            wishes.append("end")
    return heard


@torch.no_grad()
def estimate_after(parts, request, steps):
    """By the definition, from the sampler's own functions: nothing prepared, nothing kept."""
    card = parts.card
    picture = fit_to(open_photo(request.image), card.width, card.height)
    first = parts.autoencoder.encode(pixels_of(picture))
    texts = [parts.text_encoder.encode(request.prompt)]
    if request.guidance_scale != 1:
        texts.insert(0, parts.text_encoder.encode(request.negative_prompt, negative=True))
    text, mask = stack_texts(texts)
    rays = camera_inputs(request.camera_path, card, photo_size(request.image))
    camera = CameraInputs(*(torch.cat((tensor,) * len(texts)) for tensor in rays))

    def velocity(latents, timestep):
        return parts.transformer(latents, timestep, text, mask, camera)

    if request.guidance_scale != 1:
        velocity = guided(velocity, request.guidance_scale)
    num_frames = card.num_latent_frames(request.num_frames)
    noise = seeded_noise(request.seed, (1, card.latent_channels, num_frames, *card.latent_size))
    start = pin_first_frame(noise, first)
    sigmas = shifted_sigmas(request.num_inference_steps, card.shift)
    drawn = [start, *islice(denoise(velocity, start, sigmas), steps)]
    return clean_estimate(*drawn[-2:], *list(pairwise(sigmas.tolist()))[steps - 1])


@pytest.mark.parametrize("guidance", [1.0, 2.5], ids=["plain", "guided"])
@pytest.mark.parametrize("step", [1, 2])
def test_a_run_ended_early_is_the_decoded_estimate_of_that_step(
    pipeline, make_request, tmp_path, written, guidance, step
):
    request = make_request(guidance_scale=guidance, negative_prompt="fog")
    *told, finished = events_until_the_end(
        pipeline, request, tmp_path / "clip.mp4", ("drawing", step)
    )

    estimate = estimate_after(pipeline.parts, request, step)

    torch.testing.assert_close(finished.latents, estimate, rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        video = pipeline.parts.autoencoder.decode(finished.latents)
    expected = np.stack(list(frames_of(video))).astype(int)
    assert np.abs(np.stack(written) - expected).max() <= 1  # decoded piece by piece
    assert max(event.step for event in told if event.stage == "drawing") == step
    assert list(finished.timings) == list(STAGES)
    assert finished.record["stopped_at"] == step
    assert read_tags(tmp_path / "clip.mp4")["stopped_at"] == step


@pytest.mark.parametrize("asked_at", [("prompt", 0), ("first_frame", 1), ("drawing", 0)])
def test_whoever_asks_before_the_first_step_gets_one_step(
    pipeline, make_request, tmp_path, asked_at
):
    *_, finished = events_until_the_end(pipeline, make_request(), tmp_path / "clip.mp4", asked_at)
    assert finished.record["stopped_at"] == 1
    assert torch.equal(
        finished.latents[:, :, :1], estimate_after(pipeline.parts, make_request(), 1)[:, :, :1]
    )


@pytest.mark.parametrize("asked_at", [("drawing", 3), ("decoding", 1), ("saving", 0)])
def test_whoever_asks_once_all_is_drawn_gets_the_whole(pipeline, make_request, tmp_path, asked_at):
    *_, whole = pipeline.generate(make_request(), tmp_path / "whole.mp4")
    *_, finished = events_until_the_end(pipeline, make_request(), tmp_path / "clip.mp4", asked_at)
    assert (whole.record["stopped_at"], finished.record["stopped_at"]) == (None, None)
    assert torch.equal(finished.latents, whole.latents)


def test_a_run_of_one_step_cannot_end_early(pipeline, make_request, tmp_path):
    request = make_request(num_inference_steps=1)
    *_, finished = pipeline.generate(request, tmp_path / "clip.mp4", wants_end=lambda: True)
    assert finished.record["stopped_at"] is None
