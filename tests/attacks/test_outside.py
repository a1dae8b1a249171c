"""Somebody without a key, or another web page, at the doors of the running page."""

import itertools
import sqlite3
from urllib.robotparser import RobotFileParser

import httpx
import pytest
from attack_ways import BERT, OWNER_KEY, SECRET, WM, png

EVIL = "https://evil.example"
GRADIO = "/gradio_api/"
FILES = (
    "/etc/passwd",
    "app.py",
    "{data}/app.db",
    "{data}/media.key",
    "{data}/owner.key",
    "{data}/runs/{run}/a1/video.mp4",
    "{folder}/gradio",
    "http://127.0.0.1:{port}/config",
    "http://169.254.169.254/latest/meta-data",
    "https://example.org/",
    "../../../../etc/passwd",
)
READERS = ("file=", "file/", "proxy=", "stream/")


@pytest.fixture(scope="module")
def raw(besieged):
    """Asks with a path as it is: a usual client would put `..` right before it sends it."""
    with httpx.Client(base_url=besieged.url, timeout=60) as client:

        def raw(path, **options):
            url = client.base_url.copy_with(raw_path=path.encode())
            return client.request(options.pop("method", "GET"), url, **options)

        yield raw


def test_no_file_and_no_address_is_fetched_for_anybody(besieged, hers, raw):
    data = besieged.folder / "data"
    known = {"data": data, "folder": besieged.folder, "run": hers.run, "port": besieged.port}
    for file, reader in itertools.product(FILES, READERS):
        for head in (GRADIO, "/"):
            answer = raw(f"{head}{reader}{file.format(**known)}")
            assert answer.status_code == 404, (reader, file)
            assert len(answer.content) < 100


def test_no_path_leads_out_of_what_is_served(besieged, hers, raw, anna):
    static = "/gradio_api/wm/static/v/"
    ups = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..\\", "..%5c", "....//")
    heads = (static, "/static/", "/assets/", WM + "media/", WM + "r/", "/gradio_api/wm/")
    for head, up in itertools.product(heads, ups):
        for goal in ("etc/passwd", "media.key", "app.db", "routes.py"):
            answer = raw(f"{head}{up * 6}{goal}")
            assert answer.status_code in (400, 403, 404), (head, up, goal)
            assert b"root:" not in answer.content
    for path in ("/static//etc/passwd", "/assets//etc/passwd", f"{WM}r//x", "//config"):
        assert "There is nothing at this address." in raw(path).text, path
    for name in ("app.db", "media.key", "owner.key", "settings.json", "runs"):
        query = hers.media["video"].partition("?")[2]
        assert raw(f"{WM}media/{name}?{query}").status_code == 404


def test_nothing_that_is_a_link_out_of_the_folder_is_served(besieged, hers, anna):
    folder = besieged.folder / "data" / "runs" / hers.run / "a1"
    outside = besieged.folder / "outside.txt"
    outside.write_text(SECRET)
    poster = folder / "poster.jpg"
    kept = poster.read_bytes()
    poster.unlink()
    poster.symlink_to(outside)

    try:
        answer = anna.http.get(hers.media["poster"])
        assert SECRET not in answer.text
    finally:
        poster.unlink()
        poster.write_bytes(kept)
    assert anna.http.get(hers.media["poster"]).status_code == 200


@pytest.mark.parametrize(
    "path", ["/openapi.json", "/monitoring", "/monitoring/summary", "/gradio_api/runs", "/docs"]
)
def test_gradios_own_pages_about_the_program_are_not_there(raw, path):
    assert raw(path).status_code == 404


def test_what_everybody_may_know_holds_no_secret(besieged, hers, raw):
    for path in ("/", "/config", "/gradio_api/info", f"{WM}static/v/page.js"):
        answer = raw(path)
        assert answer.status_code == 200
        for secret in (SECRET, OWNER_KEY, str(besieged.folder), hers.run):
            assert secret not in answer.text, (path, secret)


POSTS = (
    ("/gradio_api/queue/join", {"data": [], "fn_index": 14, "session_hash": "x"}),
    ("/gradio_api/run/list_runs", {"data": [None, 20]}),
    ("/gradio_api/call/list_runs", {"data": [None, 20]}),
    ("/gradio_api/upload", None),
    (f"{WM}books", {"title": "evil"}),
    (f"{WM}images", None),
    (f"{WM}import", None),
    (f"{WM}settings", {"keep_stage1": True}),
)


@pytest.mark.parametrize(
    "said",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": f"{EVIL}:7860", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://["},
        {"Origin": "http://127.0.0.1:99999"},
    ],
)
def test_another_page_does_nothing_in_somebodys_name(besieged, caller, said):
    owner = caller(OWNER_KEY)
    before = owner.get("books").json()
    passing = besieged.folder / "gradio"
    files = sorted(passing.rglob("*"))

    for path, body in POSTS:
        sent = {"json": body} if body else {"files": {"files": ("x.png", png())}}
        answer = owner.http.post(path, headers=said, **sent)
        assert answer.status_code == 403, path
        assert not [name for name in answer.headers if name.startswith("access-control")]
        ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a"}
        preflight = owner.http.options(path, headers=said | ask)
        assert preflight.status_code == 404
        assert "access-control-allow-origin" not in preflight.headers
    assert owner.get("books").json() == before
    assert sorted(passing.rglob("*")) == files


def test_no_answer_may_be_read_or_framed_by_another_page(besieged, hers, raw):
    for path in ("/", "/config", f"{WM}session", hers.media["video"], hers.link["url"]):
        answer = raw(path.removeprefix(hers.link["url"].partition(WM)[0]), headers={"Origin": EVIL})
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors" in answer.headers["content-security-policy"]
        assert "*" not in answer.headers["content-security-policy"]
        assert "set-cookie" not in answer.headers


def test_json_routes_take_json_and_nothing_a_form_could_send(anna):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        headers = {"Content-Type": kind} if kind else {}
        answer = anna.http.post(f"{WM}books", content=b'{"title": "x"}', headers=headers)
        assert answer.status_code == 422
        assert "takes JSON" in answer.text


def test_the_page_is_open_under_its_own_names_only(besieged, raw):
    for host in ("evil.example", f"evil.example:{besieged.port}", "127.0.0.1.evil.example", "a b"):
        for path in ("/", "/config", "/gradio_api/info", f"{WM}session", f"{WM}r/x"):
            assert raw(path, headers={"Host": host}).status_code == 400
    for host in (f"localhost:{besieged.port}", "192.168.7.7:7860", "wanderbox", "wanderbox.local"):
        assert raw("/config", headers={"Host": host}).status_code == 200


def test_a_claimed_host_reaches_no_address(besieged, hers, anna):
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    headers |= {"Forwarded": "host=evil.example", "X-Original-Host": "evil.example"}
    headers |= {"X-Gradio-Server": "http://evil.example"}

    page = anna.http.get(f"/gradio_api{_path_of(hers)}", headers=headers)
    run = anna.http.post(f"{GRADIO}run/get_run", json={"data": [hers.run]}, headers=headers)

    assert page.status_code == run.status_code == 200
    assert "evil.example" not in page.text + run.text
    for path in ("/", "/config", f"{WM}session"):
        answer = anna.http.get(path, headers=headers)
        assert answer.status_code == 200
        assert "evil.example" not in answer.text, path


def _path_of(hers):
    return hers.link["url"].partition("/gradio_api")[2]


def test_crawlers_that_obey_read_what_links_show_and_nothing_else(besieged, hers, raw):
    obeyed = RobotFileParser()
    obeyed.parse(raw("/robots.txt").text.splitlines())

    shared = f"/gradio_api{_path_of(hers)}"
    for path in (shared, f"{shared}/{hers.second}/poster.jpg", shared.replace("/r/", "/embed/")):
        assert obeyed.can_fetch("Chatbot", f"{besieged.url}{path}")
        assert raw(path).status_code == 200
    assert obeyed.can_fetch("Chatbot", f"{besieged.url}{WM}static/v/sharepage.css")
    for path in ("/", "/config", f"{WM}session", f"{WM}media/x", "/gradio_api/info"):
        assert not obeyed.can_fetch("Chatbot", f"{besieged.url}{path}")


def test_a_method_nobody_needs_does_nothing(anna, hers):
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND"):
        for path in ("/", f"{WM}runs/{hers.run}", hers.media["video"]):
            assert anna.http.request(method, path).status_code in (404, 405)


def test_the_secrets_of_the_folder_are_the_owners_alone(besieged, hers):
    data = besieged.folder / "data"
    key = data / "media.key"

    assert key.stat().st_mode & 0o077 == 0
    with sqlite3.connect(f"file:{data / 'app.db'}?mode=ro", uri=True) as database:
        dump = "\n".join(database.iterdump())
    database.close()
    assert SECRET in dump
    for secret in (OWNER_KEY, BERT, "a" * 32):
        assert secret not in dump  # keys are kept as hashes
    for file in data.rglob("*"):
        if file.is_file() and not file.is_symlink() and file.stat().st_size < 10_000_000:
            assert OWNER_KEY.encode() not in file.read_bytes(), file


def test_who_guesses_at_the_owners_key_is_stopped(besieged, owner):
    answers = []
    with httpx.Client(base_url=besieged.url, timeout=60) as http:
        http.headers["X-Forwarded-For"] = "203.0.113.9"  # as a proxy on this computer would say
        for number in range(200):
            headers = {"X-Wanderbook-Visitor": f"the owner's guess {number}"}
            answers.append(http.get(f"{WM}settings", headers=headers).status_code)
        known = {"X-Wanderbook-Visitor": OWNER_KEY}
        late = http.get(f"{WM}settings", headers=known).status_code
    assert set(answers) == {200, 429}
    assert answers == sorted(answers)
    assert late == 429  # the right guess comes too late as well
    assert owner.get("settings").json()["owner"] is True
