"""A dropped file as the form it makes: what is offered here, and what is said of the rest."""

import json

import pytest
from sample_runs import make_model

from sanawm.card import ModelCard
from studio.recipes import FoundRecipe
from studio.views import AssetView
from ui.forms import DEFAULT_PATH
from ui.recipe_answers import form_of


@pytest.fixture
def card(tmp_path):
    return ModelCard.load(make_model(tmp_path / "model"))


def test_what_the_file_says_is_taken_and_the_rest_is_as_the_card_advises(card):
    form, said = form_of(FoundRecipe(prompt="a lamp", seed=2**40, num_frames=9), card)
    assert (form["prompt"], form["seed"], form["length"]) == ("a lamp", str(2**40), 9)
    assert (form["steps"], form["camera"]) == (card.num_inference_steps, {"source": DEFAULT_PATH})
    assert (form["image"], said) == (None, [])


def test_a_length_that_is_not_offered_becomes_the_nearest_and_it_is_said(card):
    form, said = form_of(FoundRecipe(num_frames=10, said=["from elsewhere"]), card)
    assert form["length"] == 9
    assert said[0] == "from elsewhere"
    assert "the length is 1 s" in said[1]


@pytest.mark.parametrize("seed", [2**63, 2**70, -1])
def test_a_seed_that_no_database_holds_is_left_out(card, seed):
    form, said = form_of(FoundRecipe(seed=seed), card)
    assert form["seed"] == ""
    assert "a new one will be drawn" in said[0]


START = {"run": "r", "frame": 8, "velocity": [0.1, 0, 0, 0], "pitch": 0.0, "held": "w"}
GOES_ON = {"kind": "actions", "actions": "w-8", "start": START}


def test_a_path_that_goes_on_stays_with_its_picture_and_starts_at_rest_without_one(card):
    picture = AssetView(sha256="a" * 64, width=4, height=3, url="", thumb="")
    form, _ = form_of(FoundRecipe(path_source=GOES_ON, image=picture), card)
    assert form["camera"] == {"source": GOES_ON, "image": "a" * 64}
    form, _ = form_of(FoundRecipe(path_source=GOES_ON), card)
    assert form["camera"] == {"source": {"kind": "actions", "actions": "w-8"}}


POSES = {
    "schema": "wanderbook.path/1",
    "fps": 8,
    "c2w": [[[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]] * 9,
    "source": {"kind": "poses"},
}


@pytest.mark.parametrize(
    "odd",
    [
        {"guidance_scale": float("nan")},
        {"guidance_scale": 10**400},
        {"num_frames": 10**400},
        {"num_inference_steps": 10**400},
        {"prompt": "\ud800x"},
        {"image_sha256": "../../etc/passwd\0"},
        {"camera_path": {"source": {"kind": "actions", "actions": "w-8", "x": "\ud800"}}},
        {"camera_path": {"source": {"kind": "actions", "actions": "w-8", "x": [float("nan")]}}},
        {"camera_path": {"source": {"kind": "actions", "actions": "w-8", "start": ["here"]}}},
        {"camera_path": {"source": {"kind": "actions", "actions": "w-8" * 99_999}}},
        {"camera_path": POSES | {"source": {"kind": "poses", "file": "\ud800"}}},
        {"camera_path": POSES | {"c2w": [[1], [2, 3]]}},
        {"camera_path": POSES | {"fps": float("nan")}},
        {"camera_path": POSES | {"fps": 10**400}},
    ],
    ids=str,
)
def test_a_hostile_recipe_is_answered_with_a_form_that_a_page_can_hold(client, odd):
    sound = {"prompt": "a lamp", "seed": 3, "camera_path": {"source": DEFAULT_PATH}}
    record = {"schema": "wanderbook.run/1", "request": sound | odd, "model": {"name": []}}
    answer = client.post(
        "/gradio_api/wm/recipes",
        content=json.dumps(record),
        headers={"X-File-Name": "run.json"},
    )
    assert answer.status_code == 200
    assert answer.json()["form"]["seed"] == "3"
    source = json.dumps(answer.json()["form"]["camera"]["source"])
    path = client.get("/gradio_api/wm/path", params={"source": source, "frames": 9, "model": ""})
    assert "map" in path.json()
