"""The routes of the queue: every act on a run, who may do it, and what the page is told of it."""

import pytest
from sample_runs import CARD, PROMPT
from test_routes import finished, submit

from studio.identity import Ownership, visitor_id
from ui.composer import submit as press
from ui.filling import fill_again, fill_from
from ui.forms import FIELDS, clean_form

WM = "/gradio_api/wm"
KEY = "b" * 32
STRANGER = {"X-Wanderbook-Visitor": "d" * 32}


@pytest.fixture
def three(studio, client):
    """The ids of three runs that wait."""
    return [submit(studio, client, prompt=f"run {index}").id for index in range(3)]


@pytest.fixture
def for_guests(monkeypatch):
    """The same notebook where the page is not on the owner's own computer."""
    monkeypatch.setattr(Ownership, "is_owner", lambda self, key: False)


def line(client):
    cells = client.get(f"{WM}/queue").json()["runs"]
    return [cell["id"] for cell in cells if cell["state"] == "queued"]


def act(client, path, **body):
    return client.post(f"{WM}/{path}", json=body)


def test_a_run_is_put_before_another_or_at_the_end(client, three):
    first, second, third = three

    assert act(client, f"runs/{third}/move", before=first).is_success
    assert line(client) == [third, first, second]
    assert act(client, f"runs/{third}/move", before=None).is_success
    assert line(client) == [first, second, third]
    assert act(client, f"runs/{second}/next").is_success
    assert line(client) == [second, first, third]


@pytest.mark.parametrize("before", [7, ["x"], {"id": 1}, "01NOTHERE"])
def test_a_place_that_is_none_changes_nothing(client, three, before):
    answer = act(client, f"runs/{three[2]}/move", before=before)

    assert answer.status_code == 422
    assert answer.json()["error"].endswith(".")
    assert line(client) == three


def test_a_duplicate_is_one_run_right_behind_its_original(client, studio, three):
    answers = [act(client, f"runs/{three[0]}/duplicate", client_key=KEY) for _ in range(2)]

    [known] = {answer.json()["run"]["id"] for answer in answers}
    assert line(client) == [three[0], known, *three[1:]]
    assert studio.run(known).seed == studio.run(three[0]).seed


@pytest.mark.parametrize("way", ["reseed", "duplicate", "smaller"])
@pytest.mark.parametrize("key", [None, "short", 7, "x" * 100])
def test_a_new_run_needs_a_key_of_the_page(client, three, way, key):
    answer = act(client, f"runs/{three[0]}/{way}", client_key=key)

    assert answer.status_code == 422
    assert "not ready" in answer.json()["error"]


def test_a_paused_queue_says_so_until_it_goes_on(client, three):
    act(client, "queue/pause")
    paused = client.get(f"{WM}/changes").json()["state"]
    act(client, "queue/resume")
    going = client.get(f"{WM}/changes").json()["state"]

    assert (paused["paused"], paused["pause"]) == (True, "The queue is paused.")
    assert (going["paused"], going["pause"]) == (False, "")


def test_the_page_is_told_who_its_visitor_is(client, studio, three):
    session = client.get(f"{WM}/session").json()
    [newest] = client.get(f"{WM}/runs", params={"limit": 1}).json()["runs"]

    assert session["visitor"] == newest["visitor"] == visitor_id("a" * 32)[:8]
    assert session["owner"] is True


def test_the_queue_lists_what_waits_in_order_then_what_ended(client, studio, three):
    act(client, f"runs/{three[0]}/cancel")

    cells = client.get(f"{WM}/queue").json()["runs"]

    assert [cell["id"] for cell in cells] == [three[1], three[2], three[0]]
    assert [cell["state"] for cell in cells] == ["queued", "queued", "cancelled"]


def test_a_failed_run_shows_its_log_and_can_be_tried_shorter(client, studio):
    run = finished(studio, client, prompt="sentence", num_frames=33)
    cell = client.get(f"{WM}/runs/{run.id}").json()["run"]

    child = act(client, f"runs/{run.id}/smaller", client_key=KEY).json()["run"]

    assert cell["smaller"] == child["length"] == "2 s"
    assert "NotEnoughMemoryError" in client.get(f"{WM}/runs/{run.id}/log").json()["text"]


def test_only_whoever_started_a_run_reads_its_log(client, studio, three, for_guests):
    own = client.get(f"{WM}/runs/{three[0]}/log")
    others = client.get(f"{WM}/runs/{three[0]}/log", headers=STRANGER)

    assert own.json() == {"text": ""}
    assert others.status_code == 422
    assert "not in the notebook" in others.json()["error"]


@pytest.mark.parametrize("path", ["queue/pause", "queue/resume", "runs/{}/next", "runs/{}/move"])
def test_a_guest_leaves_the_order_alone(client, three, for_guests, path):
    answer = act(client, path.format(three[2]), before=three[0])

    assert answer.status_code == 422
    assert "Only the owner" in answer.json()["error"]
    assert line(client) == three


# ---- changing a run that waits


@pytest.fixture
def change(studio, three):
    """Press Save changes on the form of the first waiting run, but for some changes."""

    def change(**changes):
        head, *fields, _ = fill_from(studio, three[0], edit=True)
        form = dict(zip(FIELDS, fields, strict=True)) | {"length": head["form"]["length"]}
        form |= {"image": head["form"]["image"]} | changes
        ticket = {"visitor": "a" * 32, "client_key": KEY, "edits": three[0]}
        return press(studio, *(form[name] for name in FIELDS), ticket)[0]

    return change


def test_saved_changes_change_the_run_and_make_no_other(change, studio, three):
    before = studio.run(three[0])

    answer = change(prompt="another lamp", seed="7")

    assert answer["saved"]
    assert answer["run"]["id"] == three[0]
    changed = studio.run(three[0])
    assert (changed.prompt, changed.seed) == ("another lamp", 7)
    assert (changed.number, changed.created_at) == (before.number, before.created_at)
    assert len(studio.runs()) == 3


def test_a_wrong_field_is_said_at_that_field_and_the_run_stays(change, studio, three):
    answer = change(seed="seven")

    assert (answer["field"], answer["late"]) == ("seed", False)
    assert studio.run(three[0]).prompt == "run 0"


def test_changes_that_come_too_late_are_refused_with_a_way_out(change, studio, client, three):
    act(client, f"runs/{three[0]}/cancel")

    answer = change(prompt="another lamp")

    assert answer["late"]
    assert "new run" in answer["error"]
    assert studio.run(three[0]).prompt == "run 0"


def test_a_draft_put_aside_comes_back_as_it_was(studio, three):
    draft = clean_form(CARD) | {"prompt": PROMPT, "seed": "7", "steps": 3}

    head, *fields, note = fill_again(studio, draft, three[1])

    assert head["parent"]["id"] == three[1]
    assert head["values"]["prompt"] == "run 1"
    assert head["form"] == draft
    assert dict(zip(FIELDS, fields, strict=True))["prompt"] == PROMPT
    assert note == CARD.note


@pytest.mark.parametrize("form", [None, "x", {}, {"model": "gone"}, {"unknown": 1}])
def test_nothing_that_was_put_aside_leaves_a_clean_form(studio, form):
    head, *_ = fill_again(studio, form, None)

    assert head["parent"] is None
    assert head["form"] == clean_form(CARD)
