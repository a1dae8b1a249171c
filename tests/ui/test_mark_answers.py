"""The routes of marks: what they change, who may, what takes it back, what a page hears of it."""

import pytest
from sample_runs import PROMPT
from test_routes import submit

from studio.identity import Ownership
from ui.forms import FIELDS, clean_form

WM = "/gradio_api/wm"
KEY = "b" * 32
STRANGER = {"X-Wanderbook-Visitor": "d" * 32}


@pytest.fixture
def run(studio, client):
    return submit(studio, client).id


@pytest.fixture
def for_guests(monkeypatch):
    """The same notebook where the page is not on the owner's own computer."""
    monkeypatch.setattr(Ownership, "is_owner", lambda self, key: False)


@pytest.fixture
def form(studio, client):
    example = client.get(f"{WM}/session").json()["examples"][0]["id"]
    sha256 = client.post(f"{WM}/examples/{example}").json()["sha256"]
    camera = {"source": {"kind": "preset", "preset": "push-in"}}
    return clean_form(studio.card()) | {
        "image": {"sha256": sha256, "example": "red-room", "url": "an address of yesterday"},
        "prompt": PROMPT,
        "camera": camera,
    }


def post(client, path, **body):
    return client.post(f"{WM}/{path}", json=body)


def told(client, path, **body):
    answer = post(client, path, **body)
    assert answer.is_success, answer.text
    return answer.json()


def heard(client, studio, rev):
    """What an open page hears of a run after a revision."""
    runs = client.get(f"{WM}/changes", params={"after": rev}).json()["runs"]
    return {cell["id"]: cell for cell in runs}


def test_stars_and_notes_are_kept_and_every_page_hears_of_them(client, studio, run):
    rev = studio.rev()

    assert told(client, f"runs/{run}/rate", stars=4)["run"]["rating"] == 4
    noted = told(client, f"runs/{run}/note", text="The *lamp* drifts. <b>")["run"]
    assert noted["note"] == "The *lamp* drifts. <b>"
    assert noted["note_nodes"] == [["p", {}, "The ", ["em", {}, "lamp"], " drifts. <b>"]]
    cell = heard(client, studio, rev)[run]
    assert (cell["rating"], cell["note"]) == (4, noted["note"])
    assert told(client, f"runs/{run}/rate", stars=0)["run"]["rating"] == 0


def test_what_is_no_rating_changes_nothing(client, studio, run):
    for stars in (None, "4", 6, -1, True, 2.5, [4]):
        assert post(client, f"runs/{run}/rate", stars=stars).status_code == 422, stars
    assert studio.run(run).rating == 0


def test_tags_change_together_and_go_back_to_what_each_run_had(client, studio):
    first, second = (submit(studio, client, prompt=f"run {index}").id for index in range(2))
    told(client, "tags", runs=[first], add=["lamp"])

    before = told(client, "tags", runs=[first, second], add=["#warm light", "mist"], drop=["lamp"])
    assert before == {"before": {first: ["lamp"], second: []}}
    assert studio.run(first).tags == studio.run(second).tags == ["warm-light", "mist"]
    told(client, "tags", runs=[second], drop=["mist"])
    known = client.get(f"{WM}/tags").json()["tags"]
    assert known == [{"tag": "warm-light", "count": 2}, {"tag": "mist", "count": 1}]

    told(client, "tags/set", tags=before["before"])
    assert (studio.run(first).tags, studio.run(second).tags) == (["lamp"], [])


def test_what_is_no_tag_is_refused_with_a_sentence(client, studio, run):
    for tags in (["a,b"], "lamp", [7], [""]):
        answer = post(client, "tags", runs=[run], add=tags)
        assert answer.status_code == 422, tags
        assert answer.json()["error"].endswith(".")
    assert studio.run(run).tags == []


def test_a_run_goes_to_the_trash_and_comes_back(client, studio, run):
    assert post(client, "trash", runs=[run]).status_code == 422  # it still waits
    told(client, f"runs/{run}/cancel")
    rev = studio.rev()

    assert told(client, "trash", runs=[run]) == {"runs": [run]}
    assert heard(client, studio, rev)[run]["deleted"]
    assert told(client, "restore", runs=[run]) == {"runs": [run]}
    assert not heard(client, studio, rev)[run]["deleted"]


def test_only_its_owner_marks_a_run(studio, client, run, for_guests):
    told(client, f"runs/{run}/rate", stars=2)
    client.headers.update(STRANGER)
    attempts = [
        (f"runs/{run}/rate", {"stars": 3}),
        (f"runs/{run}/note", {"text": "mine now"}),
        ("tags", {"runs": [run], "add": ["mine"]}),
        ("tags/set", {"tags": {run: ["mine"]}}),
        ("trash", {"runs": [run]}),
        ("restore", {"runs": [run]}),
    ]

    for path, body in attempts:
        answer = post(client, path, **body)
        assert answer.status_code == 422, path
        assert answer.json()["error"] == "This run is not in the notebook."
    kept = studio.run(run)
    assert (kept.rating, kept.note, kept.tags, kept.deleted) == (2, "", [], False)


def test_a_draft_is_kept_for_its_visitor_alone_and_its_picture_has_a_fresh_address(
    client, form, run
):
    assert client.get(f"{WM}/draft").json() == {"draft": None}
    told(client, "draft", form=form | {"prompt": "half a sen", "nonsense": 1}, parent_id=run)

    kept = client.get(f"{WM}/draft").json()["draft"]
    assert kept["parent_id"] == run
    assert set(kept["form"]) == set(FIELDS)
    assert kept["form"]["prompt"] == "half a sen"
    assert kept["form"]["image"]["example"] == "red-room"
    assert client.get(kept["form"]["image"]["url"]).is_success
    assert client.get(f"{WM}/draft", headers=STRANGER).json() == {"draft": None}


def test_a_draft_outlives_its_picture_and_its_parent(client, form):
    told(client, "draft", form=form | {"image": {"sha256": "0" * 64}}, parent_id="01NOTHERE")

    kept = client.get(f"{WM}/draft").json()["draft"]
    assert (kept["form"]["image"], kept["parent_id"]) == (None, None)
    assert kept["form"]["prompt"] == PROMPT


def test_what_is_no_draft_is_refused(client):
    for body in ({}, {"form": []}, {"form": {"prompt": "x" * 70_000}}):
        assert post(client, "draft", **body).status_code == 422


def test_a_sweep_is_one_cell_with_a_run_for_every_combination(client, studio, form):
    paths = [{"kind": "preset", "preset": name} for name in ("hold", "truck-left")]
    answer = told(
        client,
        "sweeps",
        form=form,
        parent_id=None,
        seeds=[3, 14],
        paths=paths,
        prompts=["one", "two"],
        client_key=KEY,
        above=None,
        notebook_id="inbox",
    )

    cell = answer["cell"]
    runs = [studio.run(run_id) for run_id in cell["runs"]]
    made = [(run.prompt, run.path_source["preset"], run.seed) for run in runs]
    wanted = [
        (prompt, preset, seed)
        for prompt in ("one", "two")
        for preset in ("hold", "truck-left")
        for seed in (3, 14)
    ]
    assert cell["kind"] == "sweep"
    assert made == wanted
    assert [run["id"] for run in answer["runs"]] == cell["runs"]


def test_a_sweep_that_cannot_be_made_queues_nothing(client, studio, form):
    wrong = [
        {"seeds": list(range(37))},
        {"seeds": [1.5]},
        {"seeds": ["7"]},
        {"seeds": [-1]},
        {"seeds": [10**30]},
        {"paths": ["hold"]},
        {"paths": [{"kind": "preset", "preset": "moonwalk"}]},
        {"prompts": [7]},
        {"client_key": "short"},
        {"form": None},
    ]

    for choice in wrong:
        body = {"form": form, "client_key": KEY, "seeds": [3], "paths": [], "prompts": []}
        answer = post(client, "sweeps", **body | choice)
        assert answer.status_code == 422, choice
        assert answer.json()["error"].endswith(".")
    assert studio.runs(None, 10) == []
