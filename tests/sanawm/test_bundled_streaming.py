"""The bundled streaming model: whole, small, known by name, and each of its parts sees the past."""

from dataclasses import replace

import pytest
import torch

from sanawm.camera.sources import actions_path
from sanawm.card import ModelCard
from sanawm.model_folder import BUNDLED_MODELS, check_model_folder, find_models
from sanawm.pipeline import SanaWMPipeline
from sanawm.progress import Finished
from sanawm.request import GenerationRequest

FOLDER = BUNDLED_MODELS / "tiny-streaming"
EXAMPLES = FOLDER / "examples"


@pytest.fixture(scope="module")
def pipeline():
    return SanaWMPipeline.from_pretrained("tiny-streaming")


def draw(pipeline, image, out, num_frames=37):
    card = pipeline.card
    request = GenerationRequest(
        image=image,
        prompt="a room",
        camera_path=actions_path(f"w-{num_frames - 1}", num_frames, card),
        num_frames=num_frames,
        seed=3,
        num_inference_steps=card.num_inference_steps,
        guidance_scale=1,
    )
    *_, finished = pipeline.generate(request, out / "clip.mp4")
    assert isinstance(finished, Finished)
    return finished.latents


def test_it_is_whole_small_and_listed():
    check_model_folder(FOLDER)
    assert sum(file.stat().st_size for file in FOLDER.rglob("*")) <= 16 << 20
    names = [model.card.name for model in find_models() if model.card]
    assert {"tiny", "tiny-streaming"} <= set(names)


def test_its_card_is_that_of_the_bundled_model_but_for_streaming():
    tiny, streaming = (ModelCard.load(BUNDLED_MODELS / name) for name in ("tiny", FOLDER.name))
    assert streaming.streaming
    assert streaming.seconds(streaming.lengths[-1]) > 30
    own = ("name", "title", "note", "source", "streaming", "sigmas", "lengths", "num_frames")
    changes = {name: getattr(tiny, name) for name in own}
    assert replace(streaming, **changes) == tiny


def test_a_clip_is_the_same_each_time_and_its_last_part_knows_the_first_frame(pipeline, tmp_path):
    room, corridor = sorted(EXAMPLES.glob("*.jpg"))[1:3]
    once, again = (draw(pipeline, room, tmp_path) for _ in range(2))
    assert torch.equal(once, again)
    other = draw(pipeline, corridor, tmp_path)
    last = slice(-3, None)  # of three parts; the noise and the camera are the same
    far = (once - other)[:, :, last].norm() / once[:, :, last].norm()
    assert far > 0.5


def test_a_longer_clip_begins_as_the_shorter_one(pipeline, tmp_path):
    room = EXAMPLES / "blue-and-white-room.jpg"
    short, long = (draw(pipeline, room, tmp_path, frames) for frames in (25, 37))
    torch.testing.assert_close(long[:, :, : short.shape[2]], short, rtol=0, atol=1e-4)
