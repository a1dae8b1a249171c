"""Some fields of a run into a draft in work, and a run that goes on, without a browser."""

import pytest
from PIL import Image
from sample_runs import CARD, PROMPT

from studio.views import Draft
from ui.filling import fill_with
from ui.forms import FIELDS, GROUPS, only_where_it_belongs

VISITOR, KEY = "a" * 32, "b" * 32
WORK = {
    "image": {"sha256": "0" * 64, "url": "/mine"},
    "prompt": "my own words",
    "camera": {"source": {"kind": "actions", "actions": "w-8"}},
    "length": 9,
    "seed": "5",
    "negative": "fog",
    "steps": 3,
    "guidance": 1.5,
    "model": CARD.name,
}


@pytest.fixture
def run(studio, tmp_path):
    file = tmp_path / "lamp.png"
    Image.new("RGB", (160, 96), "teal").save(file)
    draft = Draft(
        image_sha256=studio.store_image(file).sha256,
        prompt=PROMPT,
        path_source={"kind": "preset", "preset": "orbit-left"},
        num_frames=33,
        num_inference_steps=6,
        guidance_scale=2.0,
        seed=7,
    )
    return studio.submit(draft, KEY, VISITOR)


def used(studio, run, *groups, form=WORK, parent_id=None):
    """The head, and what each field holds afterwards."""
    head, *values = fill_with(studio, run.id, list(groups), form, parent_id)
    return head, dict(zip(FIELDS, [getattr(one, "value", one) for one in values], strict=False))


@pytest.mark.parametrize("group", GROUPS)
def test_what_was_not_ticked_is_as_it_was(studio, run, group):
    _, fields = used(studio, run, group)

    untouched = set(FIELDS) - set(GROUPS[group])
    assert {name: fields[name] for name in untouched} == {name: WORK[name] for name in untouched}


def test_what_was_ticked_is_the_runs(studio, run):
    head, fields = used(studio, run, *GROUPS)

    assert fields["image"]["sha256"] == run.image_sha256
    assert (fields["prompt"], fields["seed"], fields["negative"]) == (PROMPT, "7", "")
    assert fields["camera"] == {"source": run.path_source}
    assert (fields["length"], fields["steps"], fields["guidance"]) == (33, 6, 2.0)
    assert head["said"] == []
    assert head["values"]["prompt"] == PROMPT


def test_the_run_is_the_parent_only_where_the_draft_had_none(studio, run):
    first, _ = used(studio, run, "seed")
    other = studio.reseed(run.id, "c" * 32, VISITOR)
    second, _ = used(studio, other, "seed", parent_id=run.id)

    assert first["parent"]["id"] == second["parent"]["id"] == run.id


def test_a_length_the_model_does_not_offer_is_changed_and_said(studio, run):
    head, fields = used(studio, run, "prompt", form=WORK | {"length": 65})

    assert fields["length"] == CARD.num_frames
    assert head["said"] == ["Painted rooms does not offer 8 s, so the length is 2 s."]


def test_a_draft_without_any_field_takes_what_is_missing_from_its_parent(studio, run):
    _, fields = used(studio, run, "seed", form=None)

    assert (fields["prompt"], fields["length"], fields["seed"]) == (PROMPT, 33, "7")


@pytest.mark.parametrize(
    ("belongs_to", "stays"), [("0" * 64, True), ("1" * 64, False), (None, False)]
)
def test_a_path_that_goes_on_belongs_to_its_own_first_frame(belongs_to, stays):
    source = {"kind": "preset", "preset": "push-in", "start": {"run": "01RUN", "frame": 20}}
    form = WORK | {"camera": {"source": source, "image": belongs_to}}

    kept = only_where_it_belongs(form)["camera"]["source"]

    assert ("start" in kept) == stays
    assert kept["preset"] == "push-in"
