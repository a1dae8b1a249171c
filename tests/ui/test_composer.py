"""What happens when Generate or Remix is pressed, without a browser."""

import pytest
from PIL import Image
from sample_runs import CARD, PROMPT

from ui.composer import submit
from ui.filling import fill_from
from ui.forms import FIELDS, clean_form

TICKET = {"visitor": "a" * 32, "client_key": "b" * 32, "parent_id": None, "keep_seed": False}


@pytest.fixture
def press(studio, tmp_path):
    """Press Generate on a form that can be run, but for some changes."""
    file = tmp_path / "lamp.png"
    Image.new("RGB", (160, 96), "teal").save(file)
    image = studio.store_image(file)

    def press(ticket=TICKET, **changes):
        form = clean_form(CARD) | {"image": {"sha256": image.sha256}, "prompt": PROMPT} | changes
        return submit(studio, *(form[name] for name in FIELDS), ticket)

    return press


def test_a_press_queues_one_run_however_often_it_is_sent(press, studio):
    (first, _), (second, _) = press(), press()

    assert first["run"]["id"] == second["run"]["id"]
    assert [run.state for run in studio.runs()] == ["queued"]


def test_the_seed_field_is_random_again_unless_it_is_kept(press, studio):
    _, forgotten = press(seed="7")
    _, kept = press(TICKET | {"client_key": "c" * 32, "keep_seed": True})

    assert forgotten == ""
    assert kept == str(studio.runs()[0].seed)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"image": None}, "image"),
        ({"image": {"sha256": "0" * 64}}, "image"),
        ({"prompt": "x" * 5000}, "prompt"),
        ({"camera": {"source": {"kind": "actions", "actions": ""}}}, "camera"),
        ({"camera": {"source": {"kind": "actions", "actions": "w-4,q-4"}}}, "camera"),
        ({"camera": {"source": {"kind": "preset", "preset": "loop"}}}, "camera"),
        ({"length": 10_000}, "length"),
        ({"seed": "seven"}, "seed"),
        ({"seed": str(2**40)}, "seed"),
        ({"steps": 0}, "steps"),
        ({"guidance": -3}, "guidance"),
        ({"model": "another"}, "model"),
    ],
)
def test_bad_input_queues_nothing_and_names_its_field(press, studio, changes, field):
    answer, seed = press(**changes)

    assert answer["field"] == field
    assert answer["error"].endswith(".")
    assert seed == changes.get("seed", "")
    assert studio.runs() == []


def test_a_press_before_the_page_was_ready_is_a_sentence(press, studio):
    answer, _ = press(ticket=None)

    assert answer["error"] == "The page was not ready yet. Press Generate again."
    assert studio.runs() == []


def test_no_two_answers_are_alike_so_the_page_hears_each(press):
    assert press(image=None) != press(image=None)


def test_a_remix_hands_every_field_over_and_remembers_its_parent(press, studio):
    answer, _ = press(negative="fog", seed="7")
    run = studio.run(answer["run"]["id"])

    head, image, prompt, camera, length, seed, negative, steps, guidance, model, note = fill_from(
        studio, run.id
    )

    assert head["parent"]["id"] == run.id
    assert head["values"]["image"]["sha256"] == run.image_sha256
    assert image.value["sha256"] == run.image_sha256
    assert (prompt, negative, seed) == (PROMPT, "fog", "7")
    assert camera == {"source": run.path_source}
    assert (length.value, steps, guidance) == (run.num_frames, run.steps, run.guidance)
    assert (model, note) == (CARD.name, CARD.note)
