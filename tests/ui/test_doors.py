"""The doors alone, before a small application; tests/attacks stands before the whole one."""

import asyncio
import json
import subprocess
import sys

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ui import bodies
from ui.doors import Doors, doors_first, is_open
from ui.floods import Floods
from ui.hosts import Hosts, name_of, public_names

JOIN, IMAGES, UPLOAD = "/gradio_api/queue/join", "/gradio_api/wm/images", "/gradio_api/upload"
# Each route Gradio has, by what becomes of it; one that is in no list is one nobody has looked at.
OPEN = {
    *("/", "/config", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json"),
    *("/static/{path:path}", "/assets/{path:path}", "/gradio_api/info", "/gradio_api/queue/data"),
    *("/gradio_api/startup-events", "/gradio_api/heartbeat/{session_hash}", JOIN, UPLOAD),
    *("/gradio_api/cancel", "/gradio_api/reset", "/gradio_api/reset/"),
    *(f"/gradio_api/{way}/{{api_name}}" for way in ("api", "run", "call", "call/v2")),
    *(f"/gradio_api/{way}/{{api_name}}/" for way in ("api", "run", "call", "call/v2")),
    *(f"/gradio_api/{way}/{{api_name}}/{{event_id}}" for way in ("call", "call/v2")),
}
SHUT = {
    *("/openapi.json", "/login/", "/login", "/logout", "/svelte/{path:path}", "/config/"),
    *("/pwa_icon/{size}", "/pwa_icon", "/monitoring", "/monitoring/summary", "/monitoring/{key}"),
    *(f"/gradio_api/{name}{end}" for name in ("user", "login_check", "token") for end in ("", "/")),
    *(f"/gradio_api/{name}{end}" for name in ("app_id", "runs") for end in ("", "/")),
    *("/gradio_api/deep_link", "/gradio_api/dev/reload", "/gradio_api/info/"),
    *(f"/gradio_api/run-history/{name}" for name in ("connect", "buckets", "records")),
    "/gradio_api/run-history/records/{endpoint}/{record_id}/assets/{asset_id}",
    *("/gradio_api/openapi.json", "/gradio_api/theme.css", "/gradio_api/upload_progress"),
    "/gradio_api/custom_component/{id}/{environment}/{type}/{file_name}",
    *("/gradio_api/proxy={url_path:path}", "/gradio_api/file={path_or_url:path}"),
    *("/gradio_api/file/{path:path}", "/gradio_api/process_recording"),
    *("/gradio_api/stream/{event_id}", "/gradio_api/stream/{event_id}/close"),
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file",
    *("/gradio_api/component_server/", "/gradio_api/component_server", "/gradio_api/queue/status"),
    *(f"/gradio_api/{undo}vibe-edit{end}" for undo in ("", "undo-") for end in ("", "/")),
    *(f"/gradio_api/vibe-{name}{end}" for name in ("code", "starter-queries") for end in ("", "/")),
}  # fmt: skip


ROUTES = """
import json
import gradio
def every(routes):
    for route in routes:
        if hasattr(route, "path"):
            yield route.path, sorted(route.methods)
        else:
            yield from every(route.original_router.routes)
with gradio.Blocks(analytics_enabled=False) as page:
    gradio.Textbox()
print(json.dumps(list(every(gradio.routes.App.create_app(page).routes))))
"""


def test_each_route_of_gradio_is_open_or_shut_because_somebody_said_so():
    command = [sys.executable, "-c", ROUTES]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = dict.fromkeys((OPEN | SHUT), False)

    for path, methods in json.loads(listed.splitlines()[-1]):
        assert path in found, f"{path} is new: may others reach it?"
        asked = path.replace("{", "").replace("}", "").replace(":path", "/etc/passwd")
        found[path] = found[path] or any(is_open(method, asked) for method in methods)

    assert {path for path, is_reached in found.items() if is_reached} == OPEN


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/wm",
        "/gradio_api/wm/../file=/etc/passwd",
        "/gradio_api/wm/media/../../media.key",
        "/static/../../../etc/passwd",
        "/assets/..\\..\\secret",
        "/gradio_api/wm/\x00",
        "//etc/passwd",
        "/gradio_api//file=/etc/passwd",
        "/static//etc/passwd",
        "/gradio_api/wm/r//token",
        "/gradio_api/call/a/b/c",
    ],
)
def test_no_way_leads_around_the_list(path):
    assert not any(is_open(method, path) for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"))


@pytest.fixture
def asked():
    """How many bytes the application behind the doors was handed, request by request."""
    return []


@pytest.fixture
def application(asked):
    async def take(request):
        asked.append(len(await request.body()))
        return PlainTextResponse("taken")

    def embed(request):
        return PlainTextResponse("a player", headers={"Content-Security-Policy": "default-src *"})

    routes = [
        *(Route(path, take, methods=["GET", "POST"]) for path in ("/config", JOIN, IMAGES, UPLOAD)),
        Route("/gradio_api/queue/data", take),
        Route("/gradio_api/wm/embed/token", embed),
        Route("/gradio_api/file=/etc/passwd", take),
    ]
    reading = Middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)
    return Starlette(routes=routes, middleware=[reading])


@pytest.fixture
def open_door(application, tmp_path):
    """Opens the application behind doors; gives a client that says which host it asks."""
    clients = []

    def open_door(name="127.0.0.1:7860", frames="", **hosts):
        application.router.lifespan_context = doors_first(
            lambda app: Doors(
                app, hosts=Hosts(**hosts), floods=Floods(tmp_path / "passing"), frames=frames
            )
        )
        client = TestClient(application, base_url=f"http://{name}")
        clients.append(client.__enter__())
        return client

    yield open_door
    for client in clients:
        client.__exit__(None, None, None)


def test_no_other_site_may_read_or_frame_an_answer_or_guess_its_type(open_door):
    client = open_door()

    for answer in (
        client.get("/config", headers={"Origin": "https://evil.example"}),
        client.get("/config"),
        client.get("/gradio_api/file=/etc/passwd"),
        client.get("/nothing"),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("frame-ancestors 'self';")
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = client.options(JOIN, headers=preflight)
    assert answer.status_code == 404
    assert "access-control-allow-origin" not in answer.headers


def test_a_space_may_be_framed_where_it_is_shown_and_a_player_says_so_itself(open_door):
    client = open_door("a-b.hf.space", frames="https://huggingface.co", any_name=True)

    policy = client.get("/config").headers["Content-Security-Policy"]
    assert policy.startswith("frame-ancestors 'self' https://huggingface.co;")
    player = client.get("/gradio_api/wm/embed/token")
    assert player.headers["Content-Security-Policy"] == "default-src *"


def test_what_is_not_in_the_list_is_not_there_though_the_application_has_it(open_door, asked):
    client = open_door()

    assert client.get("/gradio_api/file=/etc/passwd").status_code == 404
    assert client.put("/config").status_code == 404
    assert client.get("/config").text == "taken"
    assert asked == [0]


KNOWN = {
    "local": {"127.0.0.1:7860", "localhost", "[::1]:7860"},
    "open": {"192.168.1.7:7860", "wanderbox:7860", "wanderbox.local", "wander.example.org"},
}


@pytest.mark.parametrize("place", ["local", "open"])
def test_the_page_answers_to_its_own_names_only(place):
    hosts = Hosts(local=place == "local", public=frozenset({"wander.example.org"}))
    foreign = {"evil.example", "wander.example.org.evil.example", "127.0.0.1.evil.example"}
    broken = {"", "a b", "127.0.0.1:x", "x@127.0.0.1", "127.0.0.1/..", "[::1", "::1", "host:999999"}

    known = KNOWN["local"] | (KNOWN["open"] if place == "open" else set())
    for name in KNOWN["local"] | KNOWN["open"] | foreign | broken:
        assert hosts.knows(name) == (name in known), name


def test_a_tunnel_opens_after_the_page_and_is_known_from_then_on():
    address = [None]
    hosts = Hosts(share_url=lambda: address[0])
    assert not hosts.knows("abc.gradio.live")

    address[0] = "https://abc.gradio.live"

    assert hosts.knows("abc.gradio.live")
    assert hosts.owns("https://abc.gradio.live")
    assert not hosts.knows("other.gradio.live")


def test_public_names_come_from_the_environment():
    found = public_names(
        {"PUBLIC_URL": "https://Wander.example.org/book", "SPACE_HOST": "A.hf.space"}
    )

    assert found == {"wander.example.org", "a.hf.space"}
    assert public_names({}) == frozenset()
    assert name_of("LOCALHOST.:7860") == "localhost"


def test_what_another_page_sends_is_refused_and_what_a_proxy_renames_is_not(open_door):
    client = open_door("10.0.0.7:7860", public=frozenset({"wander.example.org"}))

    def status(**headers):
        return client.post(UPLOAD, headers=headers, content=b"x").status_code

    assert status() == 200  # a program
    assert status(Origin="http://10.0.0.7:7860") == 200
    assert status(Origin="https://wander.example.org") == 200
    assert status(Origin="https://evil.example") == 403
    assert status(Origin="null") == 403
    assert status(Origin="https://wander.example.org", **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert status(**{"Sec-Fetch-Site": "same-site"}) == 403


def test_a_page_of_this_computer_alone_is_not_shown_through_a_proxy(open_door):
    client = open_door(local=True)

    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
        answer = client.get("/config", headers={name: "203.0.113.7"})
        assert answer.status_code == 403
        assert "PUBLIC_URL" in answer.text
    assert client.get("/config", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/config").status_code == 200


def test_a_body_is_counted_whatever_it_says_of_itself(open_door, asked):
    client = open_door()
    limit = bodies.JSON_BYTES

    def chunks(size):
        yield b"x" * (size // 2)
        yield b"x" * (size - size // 2)

    assert client.post(JOIN, content=b"x" * limit).status_code == 200
    assert client.post(JOIN, content=b"x" * (limit + 1)).status_code == 413
    assert client.post(JOIN, content=chunks(limit)).status_code == 200
    too_long = client.post(JOIN, content=chunks(limit + 1))
    assert too_long.status_code == 413
    assert "Up to 1 MB" in too_long.json()["error"]
    assert client.post(IMAGES, content=chunks(limit + 1)).status_code == 200
    for length in ("-1", "9" * 30, "\N{SUPERSCRIPT TWO}"):
        sent = client.post(JOIN, content=b"", headers={"Content-Length": length.encode("latin-1")})
        assert sent.status_code in (400, 413)
    assert asked == [limit, limit, limit + 1]


def ask(door, path, messages):
    """Send messages to a door as a server would; what it answered."""
    sent, left = [], list(messages)

    async def receive():
        if not left:
            await asyncio.Event().wait()  # a line that stays silent
        return left.pop(0)

    async def send(message):
        sent.append(message)

    host = (b"host", b"127.0.0.1")
    scope = {"type": "http", "method": "POST", "path": path, "headers": [host], "client": None}
    asyncio.run(door(scope, receive, send))
    return sent


@pytest.mark.parametrize("parts", [0, 1, 40])
def test_a_body_that_stops_coming_ends_the_request(application, tmp_path, monkeypatch, parts):
    monkeypatch.setattr(bodies.Body.__init__, "__defaults__", (0.05,))
    door = Doors(application, hosts=Hosts(), floods=Floods(tmp_path))
    part = {"type": "http.request", "body": b"x", "more_body": True}

    start, body = ask(door, JOIN, [part] * parts)

    assert start["status"] == 408
    assert "too slowly" in json.loads(body["body"])["error"]
