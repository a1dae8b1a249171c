"""Script in everything a person can write, looked at in a browser; and another site's page."""

import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
from attack_ways import OWNER_KEY, ended, make_run, png, send_image
from browsing import PATIENCE_MS

EVIL = (
    '"><img src=x onerror="window.pwned=1"></title></textarea></script>'
    "<script>window.pwned=1</script><svg onload=window.pwned=1>"
    "[a](javascript:window.pwned=1) ${window.pwned=1} {{window.pwned=1}}"
)
READING = "() => [window.pwned, document.querySelectorAll('[href^=javascript]').length]"
pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def evil(bert):
    """A run of Bert's that says something evil wherever it can, in a notebook that does, shared."""
    image = send_image(bert, png(), "lamp.png").json()["sha256"]
    run = make_run(bert, image, EVIL[:400])["id"]
    assert ended(bert, run)["state"] == "done"
    bert.post(f"runs/{run}/note", {"text": f"# {EVIL}\n\n- {EVIL}\n\n`{EVIL}`"})
    bert.post("tags", {"runs": [run], "add": ["<img onerror=alert(1)>"], "drop": []})
    book = bert.post("books", {"title": EVIL[:120]}).json()["notebook"]["id"]
    bert.post(f"books/{book}", {"description": EVIL})
    bert.post(f"books/{book}/cells", {"kind": "run", "run": run})
    bert.post(f"books/{book}/cells", {"kind": "text", "text": f"# {EVIL}\n\n{EVIL}"})
    links = [
        bert.post("shares", body).json()["link"] for body in ({"run": run}, {"notebook": book})
    ]
    return {"run": run, "book": book, "links": links}


@pytest.fixture
def page(browser):
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    yield page
    context.close()


def here(besieged, url):
    return besieged.url + url[url.index("/gradio_api") :]


def test_words_are_words_on_every_page_of_a_link(besieged, evil, page, tmp_path, bert):
    for link in evil["links"]:
        for address in (link["url"], link["embed"]):
            answer = page.goto(here(besieged, address))
            if answer.status == 200:
                assert page.evaluate(READING) == [None, 0], address
                assert "<img src=x" in page.content() or "&lt;img src=x" in page.content()
    for body in ({"runs": [evil["run"]]}, {"notebook": evil["book"]}):
        file = tmp_path / "bundle.zip"
        file.write_bytes(bert.http.get(bert.post("bundles", body).json()["url"]).content)
        with zipfile.ZipFile(file) as bundle:
            bundle.extractall(tmp_path / "bundle")
        for offline in (tmp_path / "bundle").rglob("index.html"):
            page.goto(offline.as_uri())
            page.wait_for_selector("h1")
            assert page.evaluate(READING) == [None, 0], body


def test_words_are_words_on_the_owners_page(besieged, evil, page):
    page.goto(f"{besieged.url}/#owner={quote(OWNER_KEY)}")
    page.wait_for_selector("#wb-first-frame .ex button", state="attached")
    assert OWNER_KEY not in page.url
    views = ("", f"run/{evil['run']}", f"n/{evil['book']}", "gallery", "queue", "settings")
    for view in (*views, f"family/{evil['run']}", EVIL, f"run/{EVIL}", f"gallery?q={EVIL}"):
        page.evaluate("view => location.hash = `#/${view}`", view)
        page.wait_for_timeout(1500)
        assert page.evaluate(READING) == [None, 0], view
    page.goto(f"{besieged.url}/?remix={quote(EVIL)}&run={quote(EVIL)}&__theme={quote(EVIL)}")
    page.wait_for_selector("#wb-first-frame .ex button", state="attached")
    assert page.evaluate(READING) == [None, 0]


ATTACK = """async (url) => {
  const json = JSON.stringify({ data: [], fn_index: 14, session_hash: "x" });
  const form = new FormData();
  form.append("files", new Blob(["<script>"]), "evil.html");
  const ways = [
    fetch(`${url}/config`),
    fetch(`${url}/gradio_api/upload`, { method: "POST", body: form }),
    fetch(`${url}/gradio_api/queue/join`, { method: "POST", body: json, credentials: "include" }),
    fetch(`${url}/gradio_api/wm/session`, { headers: { "x-wanderbook-visitor": "a" } }),
    fetch(`${url}/gradio_api/wm/books`, { method: "POST", body: '{"title": "evil"}' }),
  ];
  const read = await Promise.all(ways.map((way) => way.then(() => "read", () => "refused")));
  await fetch(`${url}/gradio_api/upload`, { method: "POST", body: form, mode: "no-cors" });
  return read;
}"""


@pytest.fixture
def site():
    """Another site on this computer; gives the address of a page with this body."""
    bodies = {}

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(bodies.get(self.path, "").encode())

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def site(body):
        bodies["/page"] = body
        return f"http://127.0.0.1:{server.server_port}/page"

    yield site
    server.shutdown()
    thread.join()
    server.server_close()


def test_another_site_can_neither_read_nor_send_nor_frame(besieged, evil, page, owner, site):
    passing = besieged.folder / "gradio"
    before = owner.get("books").json(), sorted(passing.rglob("*"))
    frames = f'<iframe src="{besieged.url}/"></iframe>'
    frames += f'<iframe src="{here(besieged, evil["links"][0]["url"])}"></iframe>'
    page.goto(site(frames), wait_until="domcontentloaded")

    assert set(page.evaluate(ATTACK, besieged.url)) == {"refused"}
    page.wait_for_timeout(1000)
    for frame in page.frames[1:]:
        assert "Wanderbook" not in frame.content()
    assert (owner.get("books").json(), sorted(passing.rglob("*"))) == before


def test_the_player_of_a_link_may_be_framed_by_anybody(besieged, evil, page, site):
    embed = here(besieged, evil["links"][0]["embed"])
    page.context.set_default_timeout(20_000)
    page.goto(site(f'<iframe src="{embed}"></iframe>'), wait_until="domcontentloaded")

    page.frame_locator("iframe").locator("video").wait_for(state="attached")
    assert "frame-ancestors *" in page.request.get(embed).headers["content-security-policy"]
