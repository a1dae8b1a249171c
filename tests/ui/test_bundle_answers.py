import json
import os
import re
import threading
import time
import zipfile
from dataclasses import replace
from io import BytesIO

import anyio
import pytest
from painting_runner import PaintingRunner
from sample_runs import make_model
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.testclient import TestClient

from sanawm.errors import InvalidRequestError
from storage.database import Database
from storage.queue import Queue
from studio.bundle_writing import Contents
from studio.bundles import Bundles
from studio.generation import Generation
from studio.settings import Settings
from studio.studio import Studio
from studio.views import Draft
from studio.workbench import Workbench
from ui import bundle_answers
from ui.offline_page import page_of
from ui.routes import build_routes

WM = "/gradio_api/wm"
OTHER = {"X-Wanderbook-Visitor": "b" * 32}
BODY = {"Content-Type": "application/octet-stream", "X-File-Name": "rooms.wanderbook.zip"}
PROMPT = "A red room <script>alert(1)</script> & more"


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    return Settings(
        data_folder=folder / "data",
        model_folder=make_model(folder / "model"),
        owner_key="the owner's long key",
    )


@pytest.fixture(scope="module")
def database(settings):
    database = Database.open(settings.data_folder)
    yield database
    database.close()


@pytest.fixture(scope="module")
def studio(settings, database):
    studio = Studio(settings, database, local_owner=True)
    yield studio
    studio.stop()


@pytest.fixture(scope="module")
def run(studio, settings, database):
    """A finished run of the visitor, with words that must not become markup."""
    image = studio.use_example("red-room.png")
    draft = Draft(
        image_sha256=image.sha256,
        prompt=PROMPT,
        path_source={"kind": "preset", "preset": "orbit-left"},
        num_frames=9,
        num_inference_steps=2,
        guidance_scale=2.0,
    )
    made = studio.submit(draft, "one", "a" * 32)
    bench = Workbench(database, settings, open_runner=PaintingRunner, worker="w", threads=1)
    queue = Queue(database)
    Generation(database, queue, bench, queue.claim("w"), threading.Event()).make()
    studio.marks.write_note(made.id, "</style><img src=x onerror=alert(1)>", "a" * 32)
    return studio.run(made.id)


@pytest.fixture
def packed(client, run):
    return client.get(client.post(f"{WM}/bundles", json={"runs": [run.id]}).json()["url"]).content


@pytest.fixture
def public(settings, database):
    """The same notebook on a page where nobody is the owner by being there."""
    studio = Studio(settings, database)
    with TestClient(Starlette(routes=build_routes(studio)), base_url="http://127.0.0.1:1") as http:
        yield http


def test_a_bundle_comes_by_an_address_that_needs_no_key(client, anonymous, run):
    answer = client.post(f"{WM}/bundles", json={"runs": [run.id]}).json()
    del anonymous.headers["X-Wanderbook-Visitor"]

    head, got = anonymous.head(answer["url"]), anonymous.get(answer["url"])

    assert int(head.headers["content-length"]) == len(got.content) == answer["size"]
    assert got.headers["content-disposition"] == f'attachment; filename="{answer["name"]}"'
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["cache-control"] == "no-store"
    assert zipfile.ZipFile(BytesIO(got.content)).testzip() is None
    for url in (f"{WM}/bundles/x", f"{WM}/bundles/..%2F..%2Fapp.db", answer["url"] + "x"):
        assert anonymous.get(url).status_code == 404


def test_an_address_ends_with_the_hour(client, studio, run, monkeypatch):
    url = client.post(f"{WM}/bundles", json={"notebook": "inbox"}).json()["url"]
    assert client.get(url).status_code == 200

    now = studio.tickets._clock()
    monkeypatch.setattr(studio.tickets, "_clock", lambda: now + 3601)

    assert client.get(url).status_code == 404


def test_the_page_in_a_bundle_holds_words_as_words(packed):
    with zipfile.ZipFile(BytesIO(packed)) as archive:
        page = archive.read("index.html").decode()

    assert PROMPT not in page
    assert "A red room &lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert page.count("</style>") == page.count("<script>") == 1
    assert "<img src=x" not in page
    assert "not filmed" in page
    assert "http" not in page.replace("http-equiv", "")  # it asks nobody for anything


def test_each_run_of_a_notebook_is_told_of_in_full_once(studio, run):
    sweep, other = replace(run, id="s", number=7, parent_id=run.id), replace(run, id="o", number=8)
    cells = [
        {"kind": "compare", "content": {"runs": ["o", run.id]}},
        {"kind": "run", "run": run.id},
        {"kind": "sweep", "content": {"runs": ["s", "o"]}},
    ]
    book = {"title": "Rooms", "description": "", "newest_first": False, "cells": cells}
    images = {run.image_sha256: "assets/first.png"}
    page = page_of(studio)(Contents(runs=[run, sweep, other], notebook=book, images=images))

    places = re.findall(r'<(\w+) id="(run-\d+)"', page)
    assert places == [("figure", "run-8"), ("article", f"run-{run.number}"), ("figure", "run-7")]
    assert page.count("<details>") == page.count('class="note"') == 3
    links = re.findall(r'href="#(run-\d+)"', page)
    assert sorted(links) == sorted([f"run-{run.number}"] * 2 + ["run-8"])


def test_what_is_asked_for_must_be_there(client, run):
    for body, why in (
        ({}, "Choose the runs"),
        ({"runs": []}, "Choose the runs"),
        ({"runs": [3]}, "Choose the runs"),
        ({"runs": ["01ARZ3NDEKTSV4RRFFQ69G5FAV"]}, "Nothing here is done"),
        ({"runs": ["x"] * 501}, "Up to 500 runs fit"),
        ({"notebook": "elsewhere"}, "not there any more"),
        ({"notebook": 3}, "Name a notebook"),
    ):
        answer = client.post(f"{WM}/bundles", json=body)
        assert answer.status_code == 422
        assert why in answer.json()["error"]


def test_a_bundle_is_looked_at_and_then_taken_over(client, studio, run, packed, tmp_path):
    studio.marks.trash([run.id], "a" * 32)
    studio.marks.purge([run.id], "a" * 32)

    found = client.post(f"{WM}/import", content=packed, headers=BODY).json()
    assert found["name"] == "rooms.wanderbook.zip"
    assert (found["new"], found["here"], found["notebook"]) == ("one run", "", "")
    assert found["prompts"] == [PROMPT]
    assert client.get(f"{WM}/runs").json()["runs"] == []  # nothing is taken over yet

    done = client.post(f"{WM}/import/{found['ticket']}", json={}).json()
    assert done["sentence"] == "One run brought in."
    assert client.get(f"{WM}/runs/{run.id}").json()["run"]["prompt"] == PROMPT
    assert client.post(f"{WM}/import/{found['ticket']}", json={}).status_code == 422

    again = client.post(f"{WM}/import", content=packed, headers=BODY).json()
    assert again["nothing_new"]
    assert client.post(f"{WM}/import/{again['ticket']}/cancel", json={}).json() == {}
    assert list((studio.settings.data_folder / "imports").iterdir()) == []


def test_whoever_leaves_while_a_bundle_is_checked_leaves_nothing(studio, packed):
    said = iter([{"type": "http.request", "body": packed}, {"type": "http.disconnect"}])
    scope = {"type": "http", "method": "POST", "headers": [(b"x-wanderbook-visitor", b"a" * 32)]}

    async def receive():
        return next(said)

    with pytest.raises(InvalidRequestError, match="Nobody waits"):
        anyio.run(bundle_answers.receive, studio, Request(scope, receive))

    assert list((studio.settings.data_folder / "imports").iterdir()) == []


def test_what_nobody_took_over_goes_when_the_next_bundle_comes(client, studio, packed):
    _left, used = (
        client.post(f"{WM}/import", content=packed, headers=BODY).json()["ticket"] for _ in "ab"
    )
    imports, long_ago = studio.settings.data_folder / "imports", time.time() - 3700
    staged = imports / "0123456789abcdef"  # of an import that goes on
    staged.mkdir()
    for path in (*imports.glob("*/*"), *imports.glob("*")):
        os.utime(path, (long_ago, long_ago))
    studio.bundles.kept(used)

    ticket, _ = studio.bundles.make_room()

    assert {path.name for path in imports.iterdir()} == {ticket, used, staged.name}
    for kept in (ticket, used):
        studio.bundles.forget(kept)
    staged.rmdir()


def test_what_is_no_bundle_leaves_nothing(client, studio, packed):
    for content, why in (
        (b"", "is empty"),
        (b"PK\5\6" + b"\0" * 18, "manifest.json is missing"),
        (packed[:-10], "no bundle, or was not saved whole"),
        (b"<html>", "no bundle, or was not saved whole"),
    ):
        answer = client.post(f"{WM}/import", content=content, headers=BODY)
        assert answer.status_code == 422
        assert why in answer.json()["error"]
    assert list((studio.settings.data_folder / "imports").iterdir()) == []


def test_nobody_but_the_owner_sends_a_byte(public, packed, monkeypatch):
    def no_room(bundles):
        raise AssertionError("the body was read")

    make_room = Bundles.make_room
    monkeypatch.setattr(Bundles, "make_room", no_room)
    for path in ("import", f"import/{'a' * 32}", f"import/{'a' * 32}/cancel"):
        answer = public.post(f"{WM}/{path}", content=packed, headers=BODY | OTHER)
        assert answer.status_code == 422
        assert "Only the owner" in answer.json()["error"]
    monkeypatch.setattr(Bundles, "make_room", make_room)
    owner = {"X-Wanderbook-Visitor": "the owner's long key"}
    assert public.post(f"{WM}/import", content=packed, headers=BODY | owner).status_code == 200


def test_a_full_disk_is_found_before_it_is_full(client, packed, monkeypatch):
    class Full:
        free = 600 * 2**20

    monkeypatch.setattr("ui.bundle_answers.shutil.disk_usage", lambda folder: Full)
    large = {**BODY, "Content-Length": str(200 * 2**20)}

    answer = client.post(f"{WM}/import", content=packed, headers=large)

    assert answer.json()["error"] == (
        "The bundle needs 400 MB and 600 MB is free on the disk. Make room and send it again."
    )


@pytest.mark.parametrize("ticket", ["..", "%2E%2E", "a" * 31, "A" * 32, "../" * 3 + "app.db"])
def test_a_ticket_names_no_other_folder(client, studio, run, ticket):
    for path in (f"import/{ticket}", f"import/{ticket}/cancel"):
        client.post(f"{WM}/{path}", json={})

    assert studio.settings.data_folder.joinpath("app.db").is_file()
    assert json.loads(client.get(f"{WM}/runs").text)["runs"]
