import json

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sanawm.catalogue import STREAMING
from sanawm.sizes import size_words
from storage.disk_use import Use
from storage.tables import Run
from studio.settings import Settings
from studio.studio import Studio
from studio.views import Draft
from ui.routes import build_routes
from ui.settings_answers import KINDS, temporary_folder, went_words

WM = "/gradio_api/wm"
OWNER_KEY = "the owner's own words"
OWNER = {"X-Wanderbook-Visitor": OWNER_KEY}
REQUESTS = [
    ("POST", "settings", {"keep_stage1": True}),
    ("POST", "settings/clean", {"kind": "text"}),
    ("GET", "settings/diagnostics", None),
]


@pytest.fixture(autouse=True)
def passing_files(settings, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(settings.data_folder / "gradio"))
    assert temporary_folder() == settings.data_folder / "gradio"


@pytest.fixture
def shared(settings, database):
    """A page others can see, and a client of a visitor there."""
    own = Settings(
        data_folder=settings.data_folder, model_folder=settings.model_folder, owner_key=OWNER_KEY
    )
    studio = Studio(own, database)
    app = Starlette(routes=build_routes(studio))
    headers = {"X-Wanderbook-Visitor": "v" * 32}
    with TestClient(app, base_url="http://127.0.0.1:7860", headers=headers) as client:
        yield client
    studio.stop()


def submit(studio, client):
    example = client.get(f"{WM}/session").json()["examples"][0]["id"]
    image = client.post(f"{WM}/examples/{example}").json()
    draft = Draft(
        image_sha256=image["sha256"],
        prompt="a lamp",
        path_source={"kind": "preset", "preset": "push-in"},
        num_frames=9,
        num_inference_steps=4,
        guidance_scale=2.0,
    )
    return studio.submit(draft, "b" * 32, "a" * 32)


def entry(settings, kind="text"):
    file = settings.data_folder / "cache" / kind / "9.safetensors"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(3000))
    return file


def rooms(page):
    return {room["kind"]: room for part in page["parts"].values() for room in part}


def test_the_owner_sees_every_kind_with_words_for_it(client):
    page = client.get(f"{WM}/settings").json()

    assert page["owner"]
    assert not page["by_key"]
    assert set(rooms(page)) == set(KINDS) - {"trash"}
    for room in rooms(page).values():
        assert room["title"]
        assert room["text"]
        assert bool(room["says"]) == (room["kind"] not in ("videos", "database"))
    assert {room.get("found") for room in page["parts"]["caches"]} == {"Not needed yet."}
    assert page["cost"].endswith("for a clip of 2 s by Painted rooms.")
    assert page["models"][0]["title"] == "Painted rooms"


def test_models_are_listed_with_what_is_here_what_is_not_whole_and_how_to_fetch(
    client, tmp_path, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path))
    folder = tmp_path / "wanderbook" / "sana-wm-streaming"
    folder.mkdir(parents=True)
    commit = "0123abcd" * 5
    sources = {"sources": [{"repo": "someone/something", "revision": commit}]}
    (folder / "fetched.json").write_text(json.dumps(sources))
    (folder / "wanderbook.json").write_text(json.dumps(STREAMING.card.to_dict()))

    listed = {model["name"]: model for model in client.get(f"{WM}/settings").json()["models"]}

    assert list(listed) == [
        "painted",
        "tiny",
        "tiny-streaming",
        "sana-wm-streaming",
        "sana-wm",
    ]
    assert (listed["tiny"]["state"], listed["tiny"]["command"]) == ("", "")
    assert listed["tiny"]["needs"] == "Runs on the processor; needs no graphics card."
    broken = listed["sana-wm-streaming"]
    assert (broken["state"], broken["problem"]) == ("Not whole", "model_index.json is missing.")
    assert broken["sources"] == [f"someone/something at {commit[:12]}"]
    missing = listed["sana-wm"]
    assert (missing["state"], missing["folder"], missing["revision"]) == ("Not fetched", "", "")
    assert (missing["size"], missing["command"]) == (
        "about 12 GB",
        "python -m sanawm models fetch sana-wm",
    )
    assert "Gemma" in missing["license"]


def test_a_visitor_learns_only_that_they_are_one(shared, settings):
    file = entry(settings)

    assert shared.get(f"{WM}/settings").json() == {"owner": False, "can_own": True}
    for method, path, body in REQUESTS:
        answer = shared.request(method, f"{WM}/{path}", json=body)
        assert answer.status_code == 422
        assert "owner" in answer.json()["error"]
    assert file.exists()
    assert not shared.get(f"{WM}/settings", headers=OWNER).json()["preferences"]["keep_stage1"]


def test_who_sends_the_owners_key_is_the_owner(shared, settings):
    file = entry(settings)

    for method, path, body in REQUESTS:
        assert shared.request(method, f"{WM}/{path}", json=body, headers=OWNER).is_success
    assert not file.exists()
    assert shared.get(f"{WM}/settings", headers=OWNER).json()["preferences"]["keep_stage1"]


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
def test_without_a_key_or_from_another_page_nothing_is_answered(
    anonymous, client, method, path, body
):
    headers = {"Origin": "https://evil.example"}
    if method == "POST":
        assert client.request(method, f"{WM}/{path}", json=body, headers=headers).status_code == 403
    del anonymous.headers["X-Wanderbook-Visitor"]
    assert anonymous.request(method, f"{WM}/{path}", json=body).status_code == 403


def test_a_clean_up_says_what_it_freed_and_shows_the_page_as_it_is_now(client, settings):
    entry(settings)
    before = rooms(client.get(f"{WM}/settings").json())

    answer = client.post(f"{WM}/settings/clean", json={"kind": "text"}).json()

    after = rooms(answer)
    assert (before["text"]["size"], before["text"]["frees"]) == ("2.9 KB", "2.9 KB")
    assert answer["said"] == "1 file is gone, 2.9 KB free again."
    assert (after["text"]["size"], after["text"]["frees"]) == ("nothing", "")


def test_passing_files_elsewhere_have_no_clean_up(client, monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "elsewhere"))

    room = rooms(client.get(f"{WM}/settings").json())["temporary"]

    assert (room["says"], room["frees"]) == ("", "")
    assert "other programs" in room["text"]


def test_what_was_thrown_away_is_shown_once_there_is_some(client, settings):
    (settings.data_folder / "trash").mkdir()
    (settings.data_folder / "trash" / "video.mp4").write_bytes(bytes(10))

    assert rooms(client.get(f"{WM}/settings").json())["trash"]["frees"] == "10 bytes"


def test_the_hit_rate_and_what_it_saved_is_said(client, studio, database):
    run = submit(studio, client)
    with database.write() as session:
        row = session.get_one(Run, run.id)
        row.state = "done"
        row.record = {"caches": {"text": {"hit": True, "saved_s": 75.0}, "latents": {"hit": False}}}

    found = rooms(client.get(f"{WM}/settings").json())

    assert found["text"]["found"] == "Found 1 of 1 times, 1 min 15 s saved."
    assert found["latents"]["found"] == "Found 0 of 1 times."


@pytest.mark.parametrize("kind", ["videos", "everything", None, ["text"]])
def test_what_cannot_be_cleaned_is_refused_with_a_sentence(client, kind):
    answer = client.post(f"{WM}/settings/clean", json={"kind": kind})

    assert answer.status_code == 422
    assert answer.json()["error"].endswith(".")


def test_choices_are_kept_and_wrong_ones_refused(client, studio):
    good = client.post(
        f"{WM}/settings",
        json={"after_unclean_stop": "continue", "cache_limit_mb": {"text": 20}},
    ).json()

    assert good["preferences"]["cache_limit_mb"]["text"] == 20
    assert studio.preferences().after_unclean_stop == "continue"
    for bad in (
        {"after_unclean_stop": "panic"},
        {"keep_stage1": "yes"},
        {"cache_limit_mb": {"text": -1}},
        {"cache_limit_mb": {"text": 1.5}},
        {"cache_limit_mb": {"videos": 1}},
        {"cache_limit_mb": 5},
        {"owner_key": "mine"},
        {"visitor": "mine"},
    ):
        answer = client.post(f"{WM}/settings", json=bad)
        assert answer.status_code == 422, bad
        assert answer.json()["error"].endswith(".")
    assert studio.preferences().cache_limit_mb["text"] == 20


def test_sizes_are_said_as_people_say_them():
    said = [size_words(size) for size in (0, 812, 4 << 10, 3_250_586, 1023 << 20, 46 << 30)]

    assert said == ["nothing", "812 bytes", "4.0 KB", "3.1 MB", "1,023 MB", "46 GB"]
    assert went_words(Use()) == "There was nothing to remove."
    assert went_words(Use(files=1200, size=4096)) == "1,200 files are gone, 4.0 KB free again."
