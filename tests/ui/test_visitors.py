"""What the page's routes tell two visitors of one notebook that belongs to neither."""

import json
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from test_routes import submit

from storage.tables import Run, Share
from studio.identity import Ownership, visitor_id
from studio.views import Draft
from ui.filling import fill_again

WM = "/gradio_api/wm"
ANNA, BERTA = "a" * 32, "d" * 32
AS_BERTA = {"X-Wanderbook-Visitor": BERTA}


@pytest.fixture
def hers(studio, client, monkeypatch):
    """A run of Anna's, on a page that is not on the owner's own computer."""
    monkeypatch.setattr(Ownership, "is_owner", lambda self, key: False)
    return submit(studio, client, prompt="of Anna")


def test_each_hears_of_their_own_runs_alone(client, studio, hers):
    def heard(headers):
        told = client.get(f"{WM}/changes", params={"after": 0}, headers=headers).json()
        return [run["id"] for run in told["runs"]], [cell["run"] for cell in told["cells"]], told

    runs, cells, told = heard({})
    assert (runs, cells) == ([hers.id], [hers.id])
    assert [place["id"] for place in told["state"]["line"]] == [hers.id]
    assert told["runs"][0]["visitor"] == visitor_id(ANNA)[:8]

    runs, cells, told = heard(AS_BERTA)
    assert (runs, cells, told["state"]["line"]) == ([], [], [])
    assert told["state"]["queued"] == 1  # that others wait is no secret: it says how long one will


def test_an_event_stream_belongs_to_one_visitor(client, studio, hers):
    def events(headers):
        address = urlsplit(client.get(f"{WM}/session", headers=headers).json()["events"])
        return address.path, dict(parse_qsl(address.query))

    path, mine = events({})
    _, theirs = events(AS_BERTA)
    assert mine["v"] == visitor_id(ANNA)
    assert (mine["e"], mine["v"], mine["s"]) != (theirs["e"], theirs["v"], theirs["s"])
    assert studio.follower(**capability(mine)).runs()
    assert not studio.follower(**capability(theirs)).runs()
    for forged in (theirs | {"v": mine["v"]}, theirs | {"v": ""}, theirs | {"e": "9999999999"}):
        assert client.get(path, params=forged).status_code == 403, forged


def capability(query):
    return {"visitor": query["v"], "expires": query["e"], "signature": query["s"]}


def test_a_remix_of_a_shared_run_says_so_and_names_nothing(client, studio, database, hers):
    link = Share(token="t", kind="run", run_id=hers.id, visitor=hers.visitor, created_at=0.0)
    with database.write() as session:
        session.add(link)
        session.get_one(Run, hers.id).state = "done"  # what is not cannot be shared
    draft = Draft(
        image_sha256=hers.image_sha256,
        prompt="of Berta",
        path_source=hers.path_source,
        num_frames=hers.num_frames,
        num_inference_steps=hers.steps,
        guidance_scale=hers.guidance,
        parent_id=hers.id,
    )
    child = studio.seen_by(BERTA).submit(draft, "k" * 32, BERTA)

    cell = client.get(f"{WM}/runs/{child.id}", headers=AS_BERTA).json()["run"]
    page = client.get(f"{WM}/runs/{child.id}/page", headers=AS_BERTA).json()
    assert cell["relation"] == {"text": "remix of a run that is not here", "id": "", "number": None}
    assert cell["changes"] == []
    assert (page["parent"], page["kin"]) == ("", 1)
    # The id alone tells nothing.
    drafted = fill_again(studio.seen_by(BERTA), {"seed": "5"}, hers.id)
    assert drafted[0]["parent"]["id"] == hers.id
    assert "of Anna" not in json.dumps(drafted, default=str)
    studio.seen_by(BERTA).edit(child.id, replace(draft, prompt="changed"), BERTA)
    assert studio.run(child.id).relation == "remix"
    owners = studio.run(child.id)
    assert (owners.parent_id, owners.parent_number) == (hers.id, hers.number)


def test_a_record_that_names_anothers_run_gives_no_way_to_it(client, studio, hers):
    record = {"schema": "wanderbook.run/1", "id": hers.id, "prompt": "guessed", "seed": 3}
    headers = {"X-File-Name": "run.json"}

    def dropped(headers):
        content = json.dumps(record | {"image": {"sha256": hers.image_sha256}})
        return client.post(f"{WM}/recipes", content=content, headers=headers).json()

    mine, theirs = dropped(headers), dropped(headers | AS_BERTA)
    assert (mine["parent_id"], mine["form"]["prompt"]) == (hers.id, "guessed")
    assert (theirs["parent_id"], theirs["form"]["seed"]) == (None, "3")
