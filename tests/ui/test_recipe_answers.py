"""A dropped file as the form it makes: what is offered here, and what is said of the rest."""

import pytest
from sample_runs import make_model

from sanawm.card import ModelCard
from studio.recipes import FoundRecipe
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
