"""The page below a path of its own, behind a proxy; and the owner's address."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx
import pytest
from browsing import PAINTED_APP, PATIENCE_MS, RunningApp, wait_until
from sample_runs import make_model

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PREFIX = "/book"


class Proxy(BaseHTTPRequestHandler):
    """Shows a page below PREFIX, and tells it less than it might."""

    goal = ""

    def do_GET(self):
        if not self.path.startswith(f"{PREFIX}/"):
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kept = {"host", "connection", "accept-encoding"}
        headers = {name: text for name, text in self.headers.items() if name.lower() not in kept}
        line = http.client.HTTPConnection(self.goal, timeout=60)
        try:
            more = {"Host": self.goal, "X-Forwarded-For": "203.0.113.5"}
            line.request(self.command, self.path[len(PREFIX) :], body, headers | more)
            self.hand_on(line.getresponse())
        except (ConnectionError, TimeoutError):
            pass  # the browser went away, or the test is over
        finally:
            line.close()

    do_POST = do_GET

    def hand_on(self, answer):
        self.send_response(answer.status)
        for name, text in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection"):
                self.send_header(name, text)
        self.end_headers()
        while data := answer.read1(65536):
            self.wfile.write(data)
            self.wfile.flush()

    def log_message(self, *words):
        pass


@pytest.fixture
def proxy():
    handler = type("ProxyToApp", (Proxy,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server, handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def app(tmp_path, proxy):
    server, handler = proxy
    public = f"http://127.0.0.1:{server.server_port}{PREFIX}"
    model = make_model(tmp_path / "model")
    app = RunningApp(
        PAINTED_APP,
        tmp_path,
        model,
        "--host",
        "0.0.0.0",
        PUBLIC_URL=public,
        GRADIO_ROOT_PATH=PREFIX,
    )
    handler.goal = urlsplit(app.url).netloc
    app.start()
    app.public = public
    yield app
    assert app.stop() == 0


def test_the_owners_address_opens_a_page_behind_a_proxy_and_a_run_is_made(app, browser):
    def said():
        lines = (app.folder / "app.log").read_text().splitlines()
        return next((line for line in lines if line.startswith("Owner's address: ")), "")

    address = wait_until(said, 60).removeprefix("Owner's address: ")
    assert address.startswith(f"{app.public}/#owner=")
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    missing = []
    page.on("response", lambda answer: answer.status >= 400 and missing.append(answer.url))

    page.goto(address, wait_until="domcontentloaded")
    page.locator("#wb-first-frame .ex button").first.click()
    page.wait_for_selector("#wb-first-frame .ff img")
    page.locator("#wb-generate:not([disabled])").click()
    page.wait_for_selector(".cell[data-state=done]")

    assert page.url == f"{app.public}/#/"
    assert [url for url in missing if not url.endswith("/favicon.ico")] == []
    page.evaluate("location.hash = '#/settings'")
    page.wait_for_selector("#wb-settings .part")
    page.goto(f"{app.public}/#owner=not-the-owners-key", wait_until="domcontentloaded")
    page.get_by_text("not the owner's any more").wait_for()
    assert page.evaluate("localStorage.getItem('wanderbook.owner')") is None
    context.close()
    key = address.rpartition("=")[2]
    assert (app.folder / "data" / "owner.key").read_text() == key
    assert key not in httpx.get(f"{app.url}/config").text
