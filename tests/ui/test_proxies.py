"""What a proxy before the page tells or keeps to itself, and names that requests only claim."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from sanawm.errors import InvalidRequestError
from ui.doors import Doors
from ui.floods import Floods
from ui.hosts import Hosts, host_of, name_of
from ui.serving import Place

ROOT = Path(__file__).parents[2]
PUBLIC = frozenset({"wander.example.org"})
FAR = "https://wander.example.org"
JOIN = "/gradio_api/queue/join"


@pytest.fixture
def page(tmp_path):
    """A page behind doors, which answers with the headers that it was handed."""

    def page(name="127.0.0.1:7860", **hosts):
        async def take(request):
            return JSONResponse(request.headers.items())

        ways = {"methods": ["GET", "POST"]}
        paths = ("/", "/config", JOIN, "/gradio_api/wm/r/token")
        app = Starlette(routes=[Route(path, take, **ways) for path in paths])
        doors = Doors(app, hosts=Hosts(**hosts), floods=Floods(tmp_path))
        return TestClient(doors, base_url=f"http://{name}")

    return page


@pytest.mark.parametrize(
    "address", ["wander.example.org", "ftp://x.org", "http://", "http://[", " "]
)
def test_a_public_address_that_nobody_could_open_is_refused(address):
    with pytest.raises(InvalidRequestError, match="with https:// or http:// in front"):
        Place.choose(None, None, False, {"PUBLIC_URL": address})


def test_the_program_does_not_start_under_an_address_that_nobody_could_open(tmp_path):
    said = {"PUBLIC_URL": "wander.example.org", "WANDERBOOK_DATA": str(tmp_path)}
    command = [sys.executable, "app.py", "--port", "1"]

    ended = subprocess.run(
        command, cwd=ROOT, env=os.environ | said, capture_output=True, text=True, timeout=120
    )

    assert (ended.returncode, list(tmp_path.iterdir())) == (2, [])
    assert ended.stderr.startswith("PUBLIC_URL must be the whole address")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("address", [FAR, "HTTP://wander.example.org:80/a", "http://127.0.0.1:8/a"])
def test_where_a_public_address_is_named_nobody_is_the_owner_unasked(address):
    assert not Place.choose(None, None, False, {"PUBLIC_URL": address}).is_local


@pytest.mark.parametrize(
    "name", ["Via", "X-Forwarded-Proto", "X-Forwarded-Server", "CF-Connecting-IP"]
)
def test_a_proxy_is_noticed_by_what_it_adds(page, name):
    answer = page(local=True).get("/config", headers={name: "x"})

    assert answer.status_code == 403
    assert "PUBLIC_URL" in answer.text


@pytest.mark.parametrize("site", ["same-origin", "none", None])
def test_a_proxy_that_adds_nothing_is_noticed_by_what_the_browser_says(page, site):
    client = page(local=True)
    said = {"Sec-Fetch-Site": site} if site else {}

    for far in (
        {"Origin": FAR},
        {"Referer": f"{FAR}/"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ):
        for answer in (
            client.get("/config", headers=said | far),
            client.post(JOIN, headers=said | far),
        ):
            assert answer.status_code == 403, far
            assert "PUBLIC_URL" in answer.text


def test_a_page_of_this_computer_goes_on_for_this_computer(page):
    client = page(local=True)

    for name in ("127.0.0.1:7860", "localhost:7860", "[::1]:7860"):
        near = {"Host": name, "Origin": f"http://{name}", "Referer": f"http://{name}/"}
        for said in ({}, {"Sec-Fetch-Site": "same-origin"}):
            assert client.get("/config", headers=near | said).status_code == 200
            assert client.post(JOIN, headers=near | said).status_code == 200
    assert client.post(JOIN).status_code == 200


@pytest.mark.parametrize("path", ["/", "/gradio_api/wm/r/token"])
def test_a_link_on_another_site_leads_to_the_page(page, path):
    client = page(local=True)
    far = {"Referer": "https://elsewhere.example/"}

    assert client.get(path, headers=far | {"Sec-Fetch-Site": "cross-site"}).status_code == 200
    assert client.get(path, headers=far).status_code == 200  # a browser of the years before 2020
    assert client.get(path, headers={"Sec-Fetch-Site": "none"}).status_code == 200
    sent = client.post(JOIN, headers={"Origin": FAR, "Sec-Fetch-Site": "cross-site"})
    assert sent.status_code == 403
    assert "another page" in sent.text


def test_only_names_of_the_page_itself_reach_gradio(page):
    shared = "https://abc.gradio.live"
    client = page("10.0.0.7:7860", public=PUBLIC, share_url=lambda: shared)

    def told(claimed):
        headers = {"X-Forwarded-Host": claimed, "X-Forwarded-Proto": "https"}
        headers |= {"X-Gradio-Server": "http://evil.example", "Forwarded": "host=evil.example"}
        found = dict(client.get("/config", headers=headers).json())
        assert found["x-forwarded-proto"] == "https"
        assert not {"x-gradio-server", "forwarded"} & found.keys()
        return found.get("x-forwarded-host")

    assert told("wander.example.org") == "wander.example.org"
    assert told("wander.example.org:8443, evil.example") == "wander.example.org:8443"
    assert told("abc.gradio.live") == "abc.gradio.live"
    for claimed in ("evil.example", "evil.example, wander.example.org", "10.0.0.7", "", "a/b"):
        assert told(claimed) is None


def test_each_of_several_claimed_names_is_looked_at(page):
    client = page("10.0.0.7:7860", public=PUBLIC)
    both = [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Host", "wander.example.org")]

    found = client.get("/config", headers=both).json()

    assert [text for name, text in found if name == "x-forwarded-host"] == ["wander.example.org"]


def test_what_is_no_address_names_nobody(page):
    client = page("10.0.0.7:7860", public=PUBLIC)

    for broken in ("http://[", "http://[::::]", "http://wander.example.org:99999", "//", ""):
        assert client.post(JOIN, headers={"Origin": broken}).status_code == 403
        assert host_of(broken) == ""
    assert name_of("[::::]") == name_of("wanderbox:99999") == ""
    assert name_of("[::1]:7860") == "::1"
