"""The endpoints for programs, asked by Gradio's own client on a page that others can see."""

import itertools
import json
import re
import sqlite3
import subprocess
import sys
from types import SimpleNamespace

import httpx
import pytest
from browsing import ROOT, RunningApp, wait_until
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from sample_runs import CARD, PROMPT, make_model

from sanawm.camera.presets import PRESETS
from ui.addresses import Addresses
from ui.api import Endpoints

PAINTED_APP = ROOT / "tests" / "ui" / "painted_app.py"
DOCS = ROOT / "docs" / "api.md"
OWNER_KEY = "the owner's own words"
ENDPOINTS = ["/submit", "/status", "/cancel", "/get_run", "/list_runs"]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    model = make_model(folder / "model")
    app = RunningApp(
        PAINTED_APP, folder, model, "--host", "0.0.0.0", WANDERBOOK_OWNER_KEY=OWNER_KEY
    ).start()
    yield app
    assert app.stop() == 0


@pytest.fixture(scope="module")
def client_of(app):
    """A client for each visitor; the nameless one sends no key."""
    clients = {}

    def client_of(visitor):
        if visitor not in clients:
            headers = {"x-wanderbook-visitor": visitor} if visitor else {}
            clients[visitor] = Client(
                app.url, headers=headers, verbose=False, analytics_enabled=False
            )
        return clients[visitor]

    yield client_of
    for client in clients.values():
        client.close()


_visitors = itertools.count()


@pytest.fixture
def anna():
    """Whoever asks in a test; a new visitor in each, since only so many runs of one may wait."""
    return f"anna {next(_visitors)}"


@pytest.fixture
def ask(client_of, anna):
    def ask(endpoint, visitor=anna, **values):
        return client_of(visitor).predict(**values, api_name=endpoint)

    return ask


@pytest.fixture
def submit(ask, photo, anna):
    def submit(visitor=anna, **values):
        return ask("/submit", visitor, **{"image": handle_file(photo), **values})

    return submit


@pytest.fixture
def blocked(submit, ask):
    """While this run is drawn, others wait."""
    run = submit("blocker", prompt="forever")
    yield run
    ask("/cancel", "blocker", run=run["id"])


def ended(ask, run):
    def ended():
        status = ask("/status", run=run["id"])
        return status if status["state"] in ("done", "failed", "cancelled") else None

    return wait_until(ended, 120)


# ---- what is on offer


def test_five_endpoints_are_offered_and_each_of_their_parameters_is_explained(app):
    info = httpx.get(f"{app.url}/gradio_api/info").json()

    assert list(info["named_endpoints"]) == ENDPOINTS
    assert info["unnamed_endpoints"] == {}
    for endpoint in info["named_endpoints"].values():
        assert endpoint["description"]
        for value in endpoint["parameters"] + endpoint["returns"]:
            assert value["python_type"]["description"]
            assert value["python_type"]["type"] not in ("", "Any")
    [found] = info["named_endpoints"]["/list_runs"]["returns"]
    assert {"id", "seed", "video"} <= set(found["type"]["items"]["properties"])


def test_the_client_prints_what_it_may_ask(client_of):
    printed = client_of("anna").view_api(print_info=False, return_format="str")

    assert 'predict(run, api_name="/status")' in printed
    assert "a preset such as push-in" in printed


def test_the_page_in_the_docs_does_what_it_says(app, photo, tmp_path):
    [program] = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.S)
    photo.rename(tmp_path / "photo.jpg")
    program = program.replace("http://127.0.0.1:7860", app.url)

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert re.search(r"Run \d+, seed 7, took \d+\.\d s: clip.mp4", done.stdout)
    assert (tmp_path / "clip.mp4").read_bytes()[4:8] == b"ftyp"


def test_the_page_in_the_docs_names_every_endpoint_and_preset():
    words = set(re.findall(r"`([^`\n]+)`", DOCS.read_text("utf-8")))

    assert {*ENDPOINTS, *(preset.id for preset in PRESETS)} <= words


# ---- submitting and following


def test_what_is_left_out_is_as_the_models_card_advises(submit, ask):
    run = submit()

    assert (run["state"], run["prompt"], run["camera"]) == ("queued", "", "Push in")
    assert run["frames"] == CARD.num_frames
    assert (run["steps"], run["guidance"]) == (CARD.num_inference_steps, CARD.guidance_scale)
    assert 0 <= run["seed"] < 1_000_000
    assert run["video"] == ""
    assert ended(ask, run)["state"] == "done"


def test_what_is_said_is_what_is_made(submit, ask, app):
    asked = {"prompt": PROMPT, "frames": 9, "seed": 0, "steps": 3, "guidance": 1.5}
    run = submit(camera="w-4,dw-4", negative_prompt="fog", model="painted", **asked)

    assert run.items() >= asked.items()
    assert run["camera"] == "w-4,dw-4"
    assert run["negative_prompt"] == "fog"
    assert ended(ask, run)["state"] == "done"
    made = ask("/get_run", run=run["id"])
    assert made.items() >= asked.items()
    assert made["took_s"] > 0
    assert made["stopped_at"] is None
    assert isinstance(made["savings"], dict)
    assert made["video"].startswith(app.url)
    for name in ("video", "poster", "first_frame"):
        assert httpx.get(made[name]).status_code == 200


def test_the_first_frame_of_a_run_can_be_used_again_without_its_file(submit, ask):
    first = submit()
    second = ask("/submit", image=first["image"])

    assert second["id"] != first["id"]
    assert second["image"] == first["image"]


def test_the_same_key_of_the_same_visitor_is_one_run(submit, blocked):
    first, again = (submit(client_key="hall 1", prompt="a hall") for _ in range(2))
    other = submit("berta", client_key="hall 1", prompt="another hall")

    assert again["id"] == first["id"]
    assert other["id"] != first["id"]
    assert other["prompt"] == "another hall"


def test_runs_come_newest_first_a_page_at_a_time(submit, ask, blocked):
    numbers = [submit(prompt=f"run {index}")["number"] for index in range(3)]

    newest = ask("/list_runs", limit=2)
    rest = ask("/list_runs", before=newest[-1]["id"], limit=1)

    assert [run["number"] for run in newest + rest] == numbers[::-1]
    assert len(ask("/list_runs", limit=0)) == 1


def test_a_run_that_waits_says_its_place_and_one_that_failed_says_why(submit, ask, blocked):
    status = ask("/status", run=submit()["id"])

    assert status["state"] == "queued"
    assert status["queue_position"] >= 0
    ask("/cancel", "blocker", run=blocked["id"])
    failed = ended(ask, submit(prompt="sentence"))
    assert failed["state"] == "failed"
    assert failed["error"].startswith("Not enough memory.")


# ---- who may


def test_a_visitor_cancels_what_is_theirs_and_nothing_else(submit, ask, blocked):
    run = submit(prompt="mine")

    for stranger in ("berta", ""):
        for endpoint in ("/cancel", "/status", "/get_run"):
            with pytest.raises(AppError, match="not in the notebook"):
                ask(endpoint, stranger, run=run["id"])
        listed = ask("/list_runs", stranger)
        assert all(one["id"] != run["id"] for one in listed)
    assert ask("/status", run=run["id"])["state"] == "queued"
    assert ask("/cancel", run=run["id"])["state"] == "cancelled"
    assert "Cancelled" in ended(ask, run)["error"]


def test_the_owner_cancels_everything(submit, ask, blocked):
    run = submit()

    assert ask("/cancel", OWNER_KEY, run=run["id"])["state"] == "cancelled"


def test_a_nameless_program_is_asked_for_a_key_and_sees_nothing(submit, ask, blocked):
    with pytest.raises(AppError, match="x-wanderbook-visitor"):
        submit("")
    assert ask("/list_runs", "") == []


def test_only_so_many_runs_of_a_visitor_may_wait_and_as_many_of_the_owner_as_fit(
    submit, ask, blocked
):
    for index in range(3):
        submit("a crowd", prompt=f"run {index}")

    with pytest.raises(AppError, match="of your runs are waiting already"):
        submit("a crowd", prompt="one more")
    runs = [submit(OWNER_KEY, prompt=f"run {index}") for index in range(4)]
    assert {run["state"] for run in runs} == {"queued"}


def test_a_page_elsewhere_cannot_ask_through_somebodys_browser(submit, blocked, app, ask):
    run = submit()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = httpx.post(
            f"{app.url}/gradio_api/run/cancel",
            json={"data": [run["id"]]},
            headers=headers | {"x-wanderbook-visitor": OWNER_KEY},
        )
        assert "comes from another page" in answer.text
    assert ask("/status", run=run["id"])["state"] == "queued"


def test_addresses_begin_where_others_reach_the_page(studio, photo):
    addresses = Addresses(public_url="https://example.org/book")
    request = SimpleNamespace(headers={}, request=SimpleNamespace(headers={}))
    image = studio.store_image(photo).sha256

    run = Endpoints(studio, addresses).submit(image, request)

    assert run["first_frame"].startswith("https://example.org/book/gradio_api/wm/media/")


# ---- what cannot be done


@pytest.mark.parametrize("endpoint", ["/status", "/get_run", "/cancel"])
@pytest.mark.parametrize("run", ["01NOTHERE", "", "../../app.db"])
def test_a_run_that_is_not_there_is_never_done(ask, endpoint, run):
    with pytest.raises(AppError, match="This run is not in the notebook"):
        ask(endpoint, run=run)


WRONG = [
    ({"frames": 10}, "9, 17 or 33 frames, not 10"),
    ({"frames": "many"}, "Choose a length"),
    ({"seed": -1}, "A seed is a whole number"),
    ({"seed": 2**40}, "seed must be a whole number from 0"),
    ({"seed": "9" * 5000}, "A seed is a whole number"),
    ({"steps": 1000}, "from 1 to 100"),
    ({"guidance": 0.5}, "Guidance must be from 1"),
    ({"guidance": "much"}, "guidance must be a number"),
    ({"camera": "q-4"}, '"q-4" is not an action'),
    ({"camera": "w-40"}, "40 steps"),
    ({"camera": {"kind": "preset"}}, "The camera must be text."),
    ({"prompt": 7}, "The prompt must be text."),
    ({"prompt": "long " * 1000}, "4,999 characters"),
    ({"negative_prompt": ["fog"]}, "The negative prompt must be text."),
    ({"model": "huge"}, "The model huge is not on this computer."),
    ({"client_key": "k" * 201}, "up to 200 characters"),
    ({"image": "photo.jpg"}, "must be a picture file"),
    ({"image": "0" * 64}, "Choose a first frame"),
    ({"image": None}, "must be a picture file"),
    ({"image": 7}, "must be a picture file"),
    ({"image": {"path": "/etc/passwd"}}, "must be a picture file"),
    ({"image": {"path": "\0"}}, "must be a picture file"),
]


@pytest.mark.parametrize(("values", "said"), WRONG)
def test_what_cannot_be_run_is_refused_with_a_sentence(submit, ask, values, said):
    before = [run["id"] for run in ask("/list_runs", limit=1)]

    with pytest.raises(AppError, match=re.escape(said)):
        submit(**values)
    assert [run["id"] for run in ask("/list_runs", limit=1)] == before


@pytest.mark.parametrize(
    ("endpoint", "values"),
    [
        ("/status", {"run": 7}),
        ("/get_run", {"run": None}),
        ("/cancel", {"run": ["a"]}),
        ("/status", {"run": "\ud800"}),
        ("/list_runs", {"limit": "all"}),
        ("/list_runs", {"before": "01NOTHERE"}),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_with_a_sentence(app, endpoint, values):
    asked = httpx.post(
        f"{app.url}/gradio_api/call/v2{endpoint}",
        content=json.dumps(values),
        headers={"Content-Type": "application/json"},
    )
    event = asked.json()["event_id"]
    answer = httpx.get(f"{app.url}/gradio_api/call{endpoint}/{event}").text

    assert "event: error" in answer
    assert re.search(r"must be text|must be a whole number|not in the notebook", answer)


def test_a_picture_that_is_none_is_refused_by_name(ask, tmp_path):
    file = tmp_path / "notes.png"
    file.write_text("Dear diary")

    with pytest.raises(AppError, match=r"notes\.png"):
        ask("/submit", image=handle_file(file))


def test_no_file_of_this_computer_can_be_taken_for_a_picture(app, photo):
    picture = next((app.folder / "model" / "examples").glob("*.png"))
    rest = ["", "push-in", None, None, None, None, "", "", ""]

    def send(path, **extra):
        sent = {"data": [{"path": str(path), **extra}, *rest]}
        key = {"x-wanderbook-visitor": "a program"}
        return httpx.post(f"{app.url}/gradio_api/run/submit", json=sent, headers=key)

    marked = {"meta": {"_type": "gradio.FileData"}}
    for path in (picture, f"{app.folder}/gradio/../model/examples/{picture.name}"):
        assert "must be a picture file" in send(path).text
        assert send(path, **marked).status_code != 200
    with photo.open("rb") as file:
        [uploaded] = httpx.post(f"{app.url}/gradio_api/upload", files={"files": file}).json()
    assert send(uploaded, **marked).status_code == 200


def test_no_private_event_changes_what_belongs_to_others(app, submit, ask, blocked, photo):
    """Every event is called by number, as anyone can, with all that might pass for its values."""
    runs = [submit(prompt=f"hers {index}") for index in range(2)]
    page = httpx.get(f"{app.url}/config").json()
    events = [event for event in page["dependencies"] if event["backend_fn"]]
    private = [event for event in events if event["api_visibility"] == "private"]
    assert private
    before = state(app)

    for event in private:
        for value in (runs[0]["id"], {"id": runs[0]["id"]}, ticket(runs[0]["id"]), None):
            body = {
                "data": [value] * len(event["inputs"]),
                "fn_index": event["id"],
                "session_hash": "stranger",
                "event_data": {"id": runs[0]["id"], "form": {}, "parent_id": runs[0]["id"]},
            }
            httpx.post(f"{app.url}/gradio_api/queue/join", json=body)
            httpx.post(f"{app.url}/gradio_api/run/predict", json=body)
            httpx.post(f"{app.url}/gradio_api/call/{event['api_name']}", json=body)

    assert state(app) == before


def test_the_form_of_a_waiting_run_can_be_saved_by_whoever_submitted_it_alone(
    app, submit, ask, blocked
):
    hers = "anna" * 8
    run = submit(hers, prompt="hers")
    page = httpx.get(f"{app.url}/config").json()
    inner = [event for event in page["dependencies"] if event["api_visibility"] == "private"]
    [generate] = [event for event in inner if event["backend_fn"] and len(event["inputs"]) == 10]

    def save(visitor):
        path = {"source": {"kind": "preset", "preset": "hold"}}
        form = [{"sha256": run["image"]}, "taken", path, 9, "", "", 4, 2.0, "painted"]
        sent = {"data": [*form, ticket(run["id"], visitor)], "fn_index": generate["id"]}
        return httpx.post(f"{app.url}/gradio_api/run/predict", json=sent).json()["data"][0]

    assert "not in the notebook" in save("berta" * 8)["error"]
    assert ask("/get_run", hers, run=run["id"])["prompt"] == "hers"
    assert "error" not in save(hers)
    assert ask("/get_run", hers, run=run["id"])["prompt"] == "taken"


def ticket(run, visitor="stranger" * 4):
    """What the page's script sends with a press on Generate, to change a run that waits."""
    return {"visitor": visitor, "client_key": "k" * 32, "parent_id": None, "edits": run}


def state(app):
    """The runs and choices as the database has them, but for how far the running one is."""
    with sqlite3.connect(app.folder / "data" / "app.db") as connection:
        columns = "id, prompt, num_frames, seed, path_sha256, image_sha256, client_key"
        runs = connection.execute(f"SELECT {columns}, state = 'cancelled' FROM runs").fetchall()
        jobs = connection.execute("SELECT run_id, position, wish FROM jobs").fetchall()
        settings = connection.execute("SELECT * FROM settings WHERE key != 'worker'").fetchall()
    connection.close()
    return sorted(runs), sorted(jobs), sorted(settings)
