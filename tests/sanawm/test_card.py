"""Model cards: read from a folder, built in for public ones, refused where they cannot be true."""

import hashlib
import json

import pytest

from sanawm.card import PUBLIC_CHI_PROMPT, ModelCard
from sanawm.errors import ModelFilesMissingError


def test_a_card_is_read_from_its_folder(tmp_path):
    card = ModelCard(name="tiny", lengths=(9, 17), num_frames=17, chi_prompt="", distance_unit="m")
    (tmp_path / "wanderbook.json").write_text(json.dumps(card.to_dict()), encoding="utf-8")

    assert ModelCard.load(tmp_path) == card


def test_a_public_folder_has_the_built_in_card(tmp_path):
    (tmp_path / "model_index.json").write_text('{"_class_name": "SanaWMPipeline"}')

    card = ModelCard.load(tmp_path)

    assert card.name == "sana-wm"
    assert (card.fps, card.num_frames, card.num_inference_steps, card.shift) == (16, 161, 60, 9.8)
    assert (card.latent_size, card.num_latent_frames(161)) == ((22, 40), 21)
    assert (card.dialect, card.translation_speed, card.rotation_degrees) == (
        "wm-2026-07",
        0.025,
        0.6,
    )


def test_the_built_in_chi_prompt_is_the_published_one():
    digest = hashlib.sha256(PUBLIC_CHI_PROMPT.encode()).hexdigest()

    assert digest == "62b9ab89eebb0ac5ee4d264bf96bf19d2b81f504bc3852500efeaf5a34d638b1"


def test_a_streaming_model_makes_whole_chunks_of_three_latent_frames():
    card = ModelCard(streaming=True, lengths=(25, 241), num_frames=241)

    assert (ModelCard().clip_stride, card.clip_stride) == (8, 24)
    with pytest.raises(ValueError, match="multiple of 24 plus one, not 81"):
        ModelCard(streaming=True)


@pytest.mark.parametrize("content", [None, '{"_class_name": "FluxPipeline"}', "[]", "not json"])
def test_a_folder_that_is_no_model_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "model_index.json").write_text(content)

    with pytest.raises(ModelFilesMissingError, match="is not a model folder"):
        ModelCard.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "is not a model card"),
        ("[]", "is not a model card"),
        ('{"fsp": 8}', "a card has no fsp"),
        ('{"lengths": 5}', "is not a model card"),
        ('{"lengths": [80], "num_frames": 80}', "multiple of 8 plus one, not 80"),
        ('{"lengths": [81], "num_frames": 161}', "must be one of the lengths"),
        ('{"lengths": [161, 81]}', "go upwards"),
        ('{"width": 1281}', "1281x704 pixels is not a multiple"),
        ('{"fov_degrees": 180}', "between 0 and 180"),
        ('{"pitch_limit_degrees": 90}', "pitch limit below 90"),
    ],
)
def test_a_card_that_cannot_be_true_is_refused(tmp_path, content, reason):
    (tmp_path / "wanderbook.json").write_text(content)

    with pytest.raises(ModelFilesMissingError, match=reason):
        ModelCard.load(tmp_path)
