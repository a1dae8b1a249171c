"""Requests: everything a person can get wrong is a sentence that names its field."""

import json
import math
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from sanawm.camera import preset_path
from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError, SanaWMError
from sanawm.request import GenerationRequest, check_request

CARD = ModelCard(title="Tiny world model", fps=8, lengths=(17, 33, 65), num_frames=33)


@pytest.fixture
def request_(tmp_path):
    (tmp_path / "room.png").write_bytes(b"judged elsewhere")
    return GenerationRequest(
        image=tmp_path / "room.png",
        prompt="a red room",
        camera_path=preset_path("push-in", 33, CARD),
        num_frames=33,
        seed=7,
        num_inference_steps=20,
        guidance_scale=3.0,
    )


def test_a_good_request_passes(request_):
    check_request(request_, CARD)
    check_request(replace(request_, prompt="", seed=2**32 - 1, guidance_scale=1), CARD)


NOT_TEXT = "The prompt holds a character that is not text. Type it again."
LENGTHS = "Tiny world model makes 17, 33 or 65 frames, not"
SEEDS = "The seed must be a whole number from 0 to 4,294,967,295, not"
STEPS = "The number of steps must be from 1 to 100, not"
GUIDANCE = "Guidance must be from 1, which is off, to 20, not"
BAD = [
    ("image", {"image": Path()}, "Choose a first frame to begin."),
    ("image", {"image": Path("cat.png")}, "There is no picture at cat.png. Choose a first frame."),
    ("prompt", {"prompt": "a" * 2001}, "The prompt has 2,001 characters. Up to 2,000 work."),
    ("prompt", {"negative_prompt": 5}, "The negative prompt must be text."),
    ("prompt", {"prompt": "a\0b"}, NOT_TEXT),
    ("prompt", {"prompt": "a\ud800"}, NOT_TEXT),
    ("length", {"num_frames": 10_000}, f"{LENGTHS} 10,000."),
    ("length", {"num_frames": 32}, f"{LENGTHS} 32."),
    ("length", {"num_frames": 33.0}, f"{LENGTHS} 33.0."),
    ("seed", {"seed": -1}, f"{SEEDS} -1."),
    ("seed", {"seed": 2**32}, f"{SEEDS} 4,294,967,296."),
    ("seed", {"seed": 1 << 20_000}, f"{SEEDS} a number that large."),
    ("seed", {"seed": "seven"}, f"{SEEDS} seven."),
    ("seed", {"seed": True}, f"{SEEDS} True."),
    ("steps", {"num_inference_steps": 0}, f"{STEPS} 0."),
    ("steps", {"num_inference_steps": 101}, f"{STEPS} 101."),
    ("guidance", {"guidance_scale": 0.5}, f"{GUIDANCE} 0.5."),
    ("guidance", {"guidance_scale": 21}, f"{GUIDANCE} 21."),
    ("guidance", {"guidance_scale": math.nan}, f"{GUIDANCE} nan."),
    ("guidance", {"guidance_scale": "x" * 99}, f"{GUIDANCE} {'x' * 24}…."),
]


@pytest.mark.parametrize(("field", "change", "sentence"), BAD, ids=range(len(BAD)))
def test_a_bad_field_is_refused_with_a_sentence(request_, field, change, sentence):
    with pytest.raises(InvalidRequestError) as refused:
        check_request(replace(request_, **change), CARD)

    assert (refused.value.field, str(refused.value)) == (field, sentence)


def test_a_path_of_another_length_than_the_clip_is_refused(request_):
    with pytest.raises(InvalidRequestError) as refused:
        check_request(replace(request_, num_frames=17), CARD)
    assert refused.value.field == "camera"
    assert str(refused.value) == (
        "The camera path has 33 poses and the clip 17 frames. "
        "Choose a length that fits, or another path."
    )


def test_a_card_with_one_length_says_so(request_):
    card = ModelCard(title="One", lengths=(17,), num_frames=17)
    with pytest.raises(InvalidRequestError, match="One makes 17 frames, not 33"):
        check_request(request_, card)


def test_a_request_survives_json(request_):
    values = json.loads(json.dumps(request_.to_dict()))

    assert GenerationRequest.from_dict(values) == request_


def test_an_error_keeps_its_field_on_the_way_from_another_process():
    error = pickle.loads(pickle.dumps(InvalidRequestError("The seed is odd.", field="seed")))

    assert isinstance(error, SanaWMError)
    assert (str(error), error.field) == ("The seed is odd.", "seed")
