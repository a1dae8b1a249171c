"""What the line over Generate says of memory, and what it offers where a clip does not fit."""

import json
import shutil
from dataclasses import replace

import pytest

from sanawm.card import CARD_FILE, ModelCard
from sanawm.memory_plan import GIB, Job
from studio.models import Model
from studio.preflight import Machine, memory_of, seconds_of
from studio.settings import TINY_MODEL
from studio.views import Draft
from studio.workbench import report_worker

CARD = Machine(
    device="NVIDIA GeForce RTX 4090", memory_bytes=24 * GIB, on_card=True, precision="bfloat16"
)
PROCESSOR = replace(CARD, device="cpu", on_card=False, precision="float32")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A folder that says it is the public model, by its sizes; its weights are never read."""
    folder = tmp_path_factory.mktemp("models") / "large"
    ignored = shutil.ignore_patterns("*.jpg", "*.png", "training")
    shutil.copytree(TINY_MODEL, folder, ignore=ignored)
    (folder / "transformer" / "config.json").write_text("{}")  # all as published
    card = ModelCard(lengths=(81, 161, 321, 961))
    (folder / CARD_FILE).write_text(json.dumps(card.to_dict()))
    return Model(folder=folder, card=card)


def job(num_frames):
    return Job(num_frames=num_frames, guided=True)


def test_a_card_is_told_what_a_clip_takes_of_it(large):
    told = memory_of(large, job(161), CARD)
    assert told.fits
    assert told.words.endswith(" GB of 24 GB")


def test_where_a_clip_does_not_fit_the_longest_that_does_is_offered(large):
    tight = replace(CARD, memory_bytes=5 * GIB)
    told = memory_of(large, job(961), tight)
    assert not told.fits
    assert told.nearest_frames == 321
    assert told.words == "Needs 7 GB of memory; 5 GB are there."
    assert memory_of(large, job(told.nearest_frames), tight).fits
    assert memory_of(large, job(81), replace(CARD, memory_bytes=GIB)).nearest_frames is None


def test_what_is_not_known_or_hardly_anything_is_not_worth_a_word(large):
    assert memory_of(large, job(81), None) is None
    assert Machine.told_by({}) is None
    assert Machine.told_by({"device": "cpu", "machine": {"memory_bytes": 0}}) is None
    tiny = Model(folder=TINY_MODEL, card=ModelCard.load(TINY_MODEL))
    assert memory_of(tiny, Job(num_frames=17, guided=False), PROCESSOR) is None
    missing = Model(folder=TINY_MODEL / "examples", card=tiny.card)
    assert memory_of(missing, Job(num_frames=17, guided=False), CARD) is None


def test_seconds_are_estimated_on_cards_whose_speed_is_published(large):
    short, long = (seconds_of(large, job(frames), 60, CARD) for frames in (81, 161))
    assert long > 2 * short > 0
    faster = replace(CARD, device="NVIDIA H200")
    assert seconds_of(large, job(81), 60, faster) < short
    for other in (None, PROCESSOR, replace(CARD, device="A card of 2030")):
        assert seconds_of(large, job(81), 60, other) is None


def test_the_sentence_has_time_and_memory_once_the_worker_told_what_it_runs_on(
    settings, database, large
):
    from studio.studio import Studio

    studio = Studio(replace(settings, model_folder=large.folder), database)
    draft = Draft(
        image_sha256="",
        prompt="",
        path_source={},
        num_frames=961,
        num_inference_steps=60,
        guidance_scale=5.0,
    )
    assert "measures its speed" in studio.estimate(draft).sentence
    machine = {"memory_bytes": 24 * GIB, "on_card": True, "precision": "bfloat16"}
    runs_on = {"device": CARD.device, "machine": machine}
    report_worker(database, "w", "ready", runs_on=runs_on)
    report_worker(database, "w", "opening")
    told = studio.estimate(draft)
    assert told.sentence.startswith("About ")
    assert ", estimated" in told.sentence
    assert told.sentence.endswith(" GB of 24 GB")
    machine["memory_bytes"] = 5 * GIB
    report_worker(database, "w", "ready", runs_on=runs_on)
    told = studio.estimate(draft)
    assert told.sentence == "Needs 7 GB of memory; 5 GB are there."
    assert told.memory.nearest_frames == 321
