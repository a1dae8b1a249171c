import pytest
from sample_runs import CARD, PROMPT, run_view

from sanawm.errors import InvalidRequestError
from studio.views import AssetView
from ui.forms import FIELDS, clean_form, form_of, read_draft, read_ticket, words_of

IMAGE = AssetView(sha256="ab" * 32, width=160, height=96, url="/u", thumb="/t")


def filled(**changes):
    form = clean_form(CARD) | {"image": {"sha256": "ab" * 32}, "prompt": PROMPT} | changes
    return [form[name] for name in FIELDS]


def test_a_clean_form_follows_the_models_card():
    draft = read_draft(filled(), None)

    assert draft.num_frames == CARD.num_frames
    assert draft.num_inference_steps == CARD.num_inference_steps
    assert draft.guidance_scale == CARD.guidance_scale
    assert draft.model == CARD.name
    assert draft.seed is None


def test_a_run_fills_the_form_that_makes_it_again():
    run = run_view(negative_prompt="fog")
    form = form_of(run, IMAGE, CARD)

    draft = read_draft([form[name] for name in FIELDS], run.id)

    assert draft.image_sha256 == IMAGE.sha256
    assert (draft.prompt, draft.negative_prompt) == (run.prompt, "fog")
    assert draft.path_source == run.path_source
    assert (draft.num_frames, draft.seed) == (run.num_frames, run.seed)
    assert (draft.num_inference_steps, draft.guidance_scale) == (run.steps, run.guidance)
    assert draft.parent_id == run.id
    assert set(words_of(run)) == set(FIELDS)


def test_a_run_of_a_model_that_is_gone_fills_the_form_for_another():
    gone = run_view(model="gone", num_frames=321)

    form = form_of(gone, IMAGE, CARD)

    assert (form["model"], form["length"]) == (CARD.name, CARD.num_frames)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"image": None}, "image"),
        ({"image": "not a picture"}, "image"),
        ({"image": {"sha256": 7}}, "image"),
        ({"prompt": None}, "prompt"),
        ({"camera": None}, "camera"),
        ({"camera": {"source": "w-16"}}, "camera"),
        ({"length": None}, "length"),
        ({"length": True}, "length"),
        ({"length": float("nan")}, "length"),
        ({"length": float("inf")}, "length"),
        ({"length": 16.5}, "length"),
        ({"seed": "seven"}, "seed"),
        ({"seed": "-1"}, "seed"),
        ({"seed": "²"}, "seed"),
        ({"steps": None}, "steps"),
        ({"steps": "many"}, "steps"),
        ({"guidance": None}, "guidance"),
        ({"guidance": {}}, "guidance"),
        ({"model": 3}, "model"),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused_at_that_field(changes, field):
    with pytest.raises(InvalidRequestError) as refusal:
        read_draft(filled(**changes), None)

    assert refusal.value.field == field


@pytest.mark.parametrize("empty", ["", "  ", None, "random"])
def test_an_empty_seed_is_a_random_one(empty):
    assert read_draft(filled(seed=empty), None).seed is None


def test_a_seed_with_blanks_around_it_is_still_that_seed():
    assert read_draft(filled(seed=" 42 "), None).seed == 42


@pytest.mark.parametrize(
    "ticket",
    [
        None,
        "x",
        {},
        {"visitor": "a" * 32},
        {"visitor": "a" * 32, "client_key": "short"},
        {"visitor": "", "client_key": "b" * 32},
        {"visitor": ["a" * 32], "client_key": "b" * 32},
    ],
)
def test_without_a_whole_ticket_nothing_is_submitted(ticket):
    with pytest.raises(InvalidRequestError, match="Press Generate again"):
        read_ticket(ticket)


def test_a_ticket_is_read_whole():
    sent = {"visitor": "a" * 32, "client_key": "b" * 32, "parent_id": "01RUN", "keep_seed": True}

    ticket = read_ticket(sent | {"edits": "01WAITS"})

    assert (ticket.visitor, ticket.client_key) == ("a" * 32, "b" * 32)
    assert (ticket.parent_id, ticket.keep_seed) == ("01RUN", True)
    assert ticket.edits == "01WAITS"
    assert read_ticket(sent | {"edits": 7}).edits is None
    assert ticket.notebook_id == "inbox"
    assert read_ticket(sent | {"notebook_id": "01BOOK"}).notebook_id == "01BOOK"


def test_an_owner_holds_runs_by_whatever_words_the_key_is():
    ticket = read_ticket({"visitor": "the owner's own words", "client_key": "b" * 32})

    assert ticket.visitor == "the owner's own words"


def test_a_seed_with_thousands_of_digits_is_refused_like_any_other_that_is_none():
    with pytest.raises(InvalidRequestError, match="A seed is a whole number"):
        read_draft(filled(seed="9" * 5000), None)
