"""A streaming model through the whole pipeline: chunks, decoding on the way, ending early."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from sanawm import pipeline as pipeline_module
from sanawm.cache_policy import CachePolicy
from sanawm.camera.sources import actions_path
from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError
from sanawm.image import fit_to, open_photo, photo_size
from sanawm.picture import pixels_of
from sanawm.pipeline import SanaWMPipeline, frames_of
from sanawm.progress import STAGES, Progress
from sanawm.rays import camera_inputs
from sanawm.sampling import (
    euler_step,
    explicit_sigmas,
    pin_first_frame,
    seeded_noise,
    streamed_noise,
)
from sanawm.text import stack_texts
from sanawm.transformer import CameraInputs
from sanawm.video import read_tags

SIGMAS = (1.0, 0.8, 0.5)
CHUNKS = (4, 3, 3)  # latent frames of 37 frames


@pytest.fixture(scope="module")
def folder(tiny_model_folder, tmp_path_factory):
    """The random model, with a card that says it streams."""
    folder = Path(shutil.copytree(tiny_model_folder, tmp_path_factory.mktemp("s") / "model"))
    card = json.loads((folder / "wanderbook.json").read_text())
    card |= {"streaming": True, "sigmas": SIGMAS, "num_inference_steps": 3}
    card |= {"lengths": [13, 37, 61], "num_frames": 37}
    (folder / "wanderbook.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="module")
def pipeline(folder):
    return SanaWMPipeline.from_pretrained(folder)


@pytest.fixture
def ask(make_request, folder):
    """Requests for it; the path of a shorter clip is the beginning of a longer one's."""
    path = actions_path("w-30,d-30", 61, ModelCard.load(folder))

    def ask(num_frames=37, **changes):
        return make_request(num_frames=num_frames, camera_path=path.first(num_frames), **changes)

    return ask


def finish(events):
    *_, finished = events
    return finished


def frames_in(video):
    with av.open(str(video)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@torch.no_grad()
def reference_loop(parts, request):
    """Chunk after chunk as the released samplers do it: steps, then a pass that remembers."""
    card, transformer = parts.card, parts.transformer
    picture = fit_to(open_photo(request.image), card.width, card.height)
    text, mask = stack_texts([parts.text_encoder.encode(request.prompt)])
    rays = camera_inputs(request.camera_path, card, photo_size(request.image))
    noise = streamed_noise(request.seed, (1, card.latent_channels, 10, *card.latent_size))
    start = pin_first_frame(noise, parts.autoencoder.encode(pixels_of(picture)))
    read, memory, drawn, begin = transformer.read(text, mask), None, [], 0
    for length in CHUNKS:
        frames = slice(begin, begin + length)
        camera = CameraInputs(rays[0][:, frames], rays[1][:, :, frames])
        placed = transformer.place(read, camera, (length, *card.latent_size), first_frame=begin)
        latents = start[:, :, frames]
        for sigma, sigma_next in pairwise(explicit_sigmas(SIGMAS)):
            timestep = (1000 * sigma).repeat(1, length)
            timestep[:, : begin == 0] = 0
            velocity = transformer.step(latents, timestep, placed, memory)
            latents = euler_step(latents, velocity, sigma, sigma_next, num_pinned=begin == 0)
        _, memory = transformer.advance(latents, torch.zeros(1, length), placed, memory)
        drawn.append(latents)
        begin += length
    return torch.cat(drawn, dim=2)


def test_a_run_is_the_reference_loop_and_its_frames_the_whole_decode(pipeline, ask, tmp_path):
    finished = finish(pipeline.generate(ask(), tmp_path / "clip.mp4"))
    expected = reference_loop(pipeline.parts, ask())
    torch.testing.assert_close(finished.latents, expected, rtol=1e-4, atol=1e-4)
    assert len(frames_in(tmp_path / "clip.mp4")) == 37
    assert list(finished.timings) == list(STAGES)
    assert finished.timings["decoding"] > 0
    assert read_tags(tmp_path / "clip.mp4") == json.loads(json.dumps(finished.record))
    assert [path.name for path in tmp_path.glob("*clip*")] == ["clip.mp4"]


def test_a_longer_clip_begins_with_the_shorter_one(pipeline, ask, tmp_path):
    longer = finish(pipeline.generate(ask(61), tmp_path / "longer.mp4"))
    shorter = finish(pipeline.generate(ask(37), tmp_path / "shorter.mp4"))
    assert torch.equal(longer.latents[:, :, :10], shorter.latents)


def test_whoever_ends_early_keeps_a_whole_run_of_that_length(pipeline, ask, tmp_path):
    """The chunk in hand is finished, so that what is kept can be made again, and gone on from."""
    told = []
    for event in pipeline.generate(
        ask(61), tmp_path / "ended.mp4", wants_end=lambda: told[-1].step >= 4
    ):
        told.append(event)
    *progress, ended = told
    request = ended.record["request"]
    assert request["num_frames"] == len(frames_in(tmp_path / "ended.mp4")) == 25
    assert len(request["camera_path"]["c2w"]) == 25
    assert ended.record["stopped_at"] is None
    drawn = [event.step for event in progress if event.stage == "drawing"]
    assert (max(drawn), progress[-1].stage) == (6, "saving")

    again = finish(pipeline.generate(ask(25), tmp_path / "again.mp4"))
    assert torch.equal(again.latents, ended.latents)
    assert (frames_in(tmp_path / "again.mp4") == frames_in(tmp_path / "ended.mp4")).all()


def test_steps_are_told_over_all_chunks_each_with_a_preview(pipeline, ask, tmp_path):
    told = list(pipeline.generate(ask(), tmp_path / "clip.mp4"))
    drawing = [event for event in told if isinstance(event, Progress) and event.stage == "drawing"]
    assert [(event.step, event.total) for event in drawing] == [(n, 9) for n in range(10)]
    assert all(event.preview for event in drawing[1:])


def test_a_chunk_is_decoded_before_the_next_one_is_drawn(pipeline, ask, tmp_path, monkeypatch):
    written = []

    def counted(video):
        for frame in frames_of(video):
            written.append(frame)
            yield frame

    monkeypatch.setattr(pipeline_module, "frames_of", counted)
    known = {
        event.step: len(written)
        for event in pipeline.generate(ask(), tmp_path / "clip.mp4")
        if isinstance(event, Progress) and event.stage == "drawing"
    }
    assert [known[step] for step in (2, 3, 5, 6, 9)] == [0, 13, 13, 25, 37]


def test_the_live_video_has_each_chunk_before_the_next_one_is_drawn(pipeline, ask, tmp_path):
    live = tmp_path / "live.mp4"
    seen = {}
    for event in pipeline.generate(ask(), tmp_path / "clip.mp4", live=live):
        if isinstance(event, Progress) and event.stage == "drawing" and live.exists():
            seen[event.step] = len(frames_in(live))
    assert seen[3] >= 12
    assert seen[6] >= 24
    kept, shown = frames_in(tmp_path / "clip.mp4"), frames_in(live)
    assert len(shown) == len(kept) == 37
    assert np.abs(shown.astype(int) - kept).mean() < 12  # the same pictures, encoded in haste


def test_what_was_kept_is_not_drawn_again(pipeline, ask, tmp_path):
    caches = CachePolicy(folder=tmp_path / "kept", keep_stage1=True)
    first = finish(pipeline.generate(ask(), tmp_path / "a.mp4", caches=caches))
    again = finish(pipeline.generate(ask(), tmp_path / "b.mp4", caches=caches))
    assert again.record["caches"]["stage1"]["hit"]
    assert torch.equal(first.latents, again.latents)
    assert (frames_in(tmp_path / "a.mp4") == frames_in(tmp_path / "b.mp4")).all()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"num_inference_steps": 8}, "draws each part in 3 steps"),
        ({"guidance_scale": 2.0}, "without guidance"),
    ],
    ids=["steps", "guidance"],
)
def test_what_the_model_was_not_made_for_is_refused(pipeline, ask, tmp_path, changes, sentence):
    with pytest.raises(InvalidRequestError, match=sentence):
        next(pipeline.generate(ask(**changes), tmp_path / "clip.mp4"))


def test_a_length_between_two_chunks_is_refused(pipeline, ask, tmp_path):
    with pytest.raises(InvalidRequestError, match="makes 13, 37 or 61 frames, not 30"):
        next(pipeline.generate(ask(30), tmp_path / "clip.mp4"))


def test_a_closed_run_leaves_nothing(pipeline, ask, tmp_path):
    events = pipeline.generate(ask(), tmp_path / "clip.mp4")
    for event in events:
        if isinstance(event, Progress) and event.stage == "drawing" and event.step == 4:
            break
    events.close()
    assert not list(tmp_path.glob("*clip*"))
    assert not list(tmp_path.glob(".*"))


def test_streamed_noise_is_normal_and_each_frames_own():
    noise = streamed_noise(3, (1, 8, 20, 12, 12))
    assert abs(float(noise.mean())) < 0.02
    assert abs(float(noise.std()) - 1) < 0.02
    assert torch.equal(noise[:, :, :5], streamed_noise(3, (1, 8, 5, 12, 12)))
    assert not torch.equal(noise[:, :, :5], seeded_noise(3, (1, 8, 5, 12, 12)))
    assert not torch.equal(noise[:, :, 0], noise[:, :, 1])
