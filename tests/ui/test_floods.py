"""How much at once, for one address and for all, and how slowly it may come."""

import asyncio
import os
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.testclient import TestClient

from sanawm.errors import InvalidRequestError
from ui import bodies, floods, uploads
from ui.doors import Doors
from ui.floods import Floods
from ui.hosts import Hosts

IMAGES, UPLOAD = "/gradio_api/wm/images", "/gradio_api/upload"
EVENTS, BEATS = "/gradio_api/wm/events", "/gradio_api/heartbeat/x"
KINDS = {
    EVENTS: (floods.MOST_EVENTS, floods.EVENTS_OF_ONE),
    BEATS: (floods.MOST_STREAMS, floods.STREAMS_OF_ONE),
    IMAGES: (floods.MOST_UPLOADS, floods.UPLOADS_OF_ONE),
}


def scope_of(address="10.0.0.1", port=5000, method="POST"):
    return {"type": "http", "method": method, "headers": [], "client": (address, port)}


@pytest.fixture
def held(tmp_path):
    """Opens so many requests at once as one address may; says how many were let in."""
    with ExitStack() as stack:

        def held(doors, path, count, address="10.0.0.1", port=5000):
            for number in range(count):
                scope = scope_of(address.format(number=number), port)
                if asyncio.run(doors.refusal(scope, path)):
                    return number
                stack.enter_context(doors.open(scope, path))
            return count

        yield held


def test_so_many_streams_are_open_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(floods, "MOST_STREAMS", 0)
    doors = Doors(Starlette(), hosts=Hosts(), floods=Floods(tmp_path))
    client = TestClient(doors, base_url="http://127.0.0.1")

    assert client.get("/gradio_api/queue/data").status_code == 503
    assert client.get("/config").status_code == 404  # the application's own answer


@pytest.mark.parametrize("path", KINDS)
def test_one_address_has_a_share_and_leaves_the_rest_to_others(tmp_path, held, path):
    doors, (most, of_one) = Floods(tmp_path), KINDS[path]

    assert held(doors, path, most) == of_one < most
    assert held(doors, path, of_one, "10.0.0.2") == of_one
    assert held(doors, path, most, "10.1.0.{number}") == most - 2 * of_one
    assert held(doors, path, 1, "127.0.0.1") == 0


def test_what_ended_leaves_its_place(tmp_path):
    doors = Floods(tmp_path)
    with ExitStack() as stack:
        for _ in range(floods.UPLOADS_OF_ONE):
            stack.enter_context(doors.open(scope_of(), IMAGES))
        assert asyncio.run(doors.refusal(scope_of(), IMAGES))[0] == 503

    assert asyncio.run(doors.refusal(scope_of(), IMAGES)) is None


@pytest.mark.parametrize(
    ("address", "port", "proxied"),
    [
        ("127.0.0.1", 5000, False),  # this computer, or a proxy on it that says nothing
        ("::1", 5000, True),
        ("10.0.0.1", 5000, True),  # a proxy elsewhere: everybody
        ("172.17.0.1", 0, False),  # a proxy on this computer names the next one
        ("unknown", 0, True),
    ],
)
def test_where_all_may_come_from_one_address_there_are_no_shares(
    tmp_path, held, address, port, proxied
):
    doors = Floods(tmp_path, proxied=proxied)

    for path, (most, _) in KINDS.items():
        assert held(doors, path, most + 1, address, port) == most


def test_whom_a_proxy_on_this_computer_names_has_a_share(tmp_path, held):
    doors = Floods(tmp_path, proxied=True)

    assert held(doors, IMAGES, 9, "9.9.9.9", 0) == floods.UPLOADS_OF_ONE


def test_the_addresses_of_one_household_are_one(tmp_path, held):
    doors = Floods(tmp_path)

    assert held(doors, IMAGES, 9, "2001:db8::{number}") == floods.UPLOADS_OF_ONE
    assert held(doors, IMAGES, 9, "2001:db8:0:1::{number}") == floods.UPLOADS_OF_ONE
    assert floods.neighbourhood("::ffff:10.0.0.1") == "10.0.0.1"
    assert floods.neighbourhood("testclient") == "testclient"


def test_files_nobody_took_fill_their_folder_only_so_far(tmp_path, monkeypatch):
    monkeypatch.setattr(floods, "PASSING_BYTES", 100)
    doors = Floods(tmp_path)
    scope = {"type": "http", "method": "POST", "headers": [], "client": ("10.0.0.1", 1)}
    old, new = tmp_path / "hash" / "old.png", tmp_path / "hash" / "new.png"
    old.parent.mkdir()
    old.write_bytes(b"x" * 99)
    new.write_bytes(b"x" * 99)

    assert asyncio.run(doors.refusal(scope, UPLOAD))[0] == 503
    monkeypatch.setattr(floods.time, "time", lambda: old.stat().st_mtime + floods.PASSING_S + 60)
    new.touch()
    os.utime(new, (new.stat().st_atime, old.stat().st_mtime + floods.PASSING_S))
    assert asyncio.run(doors.refusal(scope, UPLOAD)) is None
    assert not old.exists()
    assert new.exists()


def test_files_nobody_took_go_when_anybody_asks_for_anything(tmp_path):
    now = [0.0]
    doors = Floods(tmp_path, clock=lambda: now[0])
    asyncio.run(doors.refusal(scope_of(), "/config"))
    old = tmp_path / "old.png"
    old.write_bytes(b"x")
    os.utime(old, (0, 0))

    asyncio.run(doors.refusal(scope_of(), "/config"))
    assert old.exists()  # it looks now and then only
    now[0] = floods.SWEEP_S
    asyncio.run(doors.refusal(scope_of(), "/config"))
    assert not old.exists()


def test_programs_bring_no_files_where_the_disk_is_nearly_full(tmp_path, monkeypatch):
    doors = Floods(tmp_path / "not" / "made yet")
    assert asyncio.run(doors.refusal(scope_of(), UPLOAD)) is None
    left = SimpleNamespace(free=floods.SPARE_BYTES - 1)
    monkeypatch.setattr(floods.shutil, "disk_usage", lambda folder: left)

    assert "nearly full" in asyncio.run(doors.refusal(scope_of(), UPLOAD))[1]
    assert asyncio.run(doors.refusal(scope_of(), "/config")) is None


def test_an_address_brings_only_so_many_new_visitors_a_minute(tmp_path):
    now = [0.0]
    doors = Floods(tmp_path, clock=lambda: now[0])

    def admits(key, address="10.0.0.1"):
        headers = [(b"x-wanderbook-visitor", key.encode())] if key else []
        scope = {"type": "http", "method": "GET", "headers": headers, "client": (address, 1)}
        return asyncio.run(doors.refusal(scope, "/config")) is None

    assert all(admits(f"guess {number}") for number in range(floods.NEW_VISITORS))
    assert not admits("one more")
    assert admits("guess 0")
    assert admits("")
    assert admits("one more", "10.0.0.2")
    now[0] = floods.MINUTE_S + 1
    assert admits("one more")


def test_who_comes_all_the_time_is_not_forgotten_for_newcomers(tmp_path, monkeypatch):
    monkeypatch.setattr(floods, "KNOWN", 2)
    monkeypatch.setattr(floods, "NEW_VISITORS", 1)
    now = [0.0]
    doors = Floods(tmp_path, clock=lambda: now[0])

    def admits(key):
        scope = scope_of() | {"headers": [(b"x-wanderbook-visitor", key.encode())]}
        return asyncio.run(doors.refusal(scope, "/config")) is None

    assert admits("owner")
    for number in range(5):
        now[0] += floods.MINUTE_S + 1
        assert admits(f"newcomer {number}")
        assert admits("owner")


# ---- bodies


def test_who_is_slow_for_long_has_to_be_quicker(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(bodies.time, "monotonic", lambda: now[0])
    body = bodies.Body(None, 65 * bodies.MB)

    def slowest(size):
        body._size = size
        return body._time_left()

    assert slowest(0) == bodies.PATIENCE_S
    assert slowest(bodies.SLOW_BYTES) == bodies.PATIENCE_S + 120
    assert slowest(64 * bodies.MB) < 40 * 60
    now[0] = 40 * 60
    assert slowest(64 * bodies.MB) == 0


@pytest.mark.parametrize("says", [True, False])
def test_a_large_file_is_not_written_where_the_disk_is_nearly_full(tmp_path, monkeypatch, says):
    left = SimpleNamespace(free=uploads.SPARE_BYTES + uploads.LARGE_BYTES - 1)
    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda folder: left)
    file = tmp_path / "film.mp4"

    def send(size):
        parts = [{"type": "http.request", "body": b"x" * size, "more_body": False}]
        headers = [(b"content-length", str(size).encode())] if says else []

        async def receive():
            return parts.pop(0)

        request = Request(scope_of() | {"headers": headers}, receive)
        asyncio.run(uploads.write_body(request, file, 2 * size))

    send(1000)
    assert file.stat().st_size == 1000
    file.unlink()
    with pytest.raises(InvalidRequestError, match=r"nearly full, so film\.mp4 does not fit"):
        send(uploads.LARGE_BYTES)
    assert not file.exists() or file.stat().st_size == 0
