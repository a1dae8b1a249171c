"""The app in a process of its own, and a browser that looks at it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import environment
import httpx

ROOT = Path(__file__).parents[2]
PAINTED_APP = ROOT / "tests" / "ui" / "painted_app.py"
CHROMIUM = environment.find_browser()
BROWSER_ARGUMENTS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
PATIENCE_MS = 240_000  # a loaded machine with two cores; nothing waits this long unless it fails
IGNORED = "Failed to load resource: the server responded with a status of 422"  # a refusal we test


class RunningApp:
    """One program on one data folder and one port, which may be killed and started again."""

    def __init__(self, program, folder, model, *arguments, **environment):
        self.program, self.folder, self.model = program, folder, model
        self.arguments, self.environment = arguments, environment
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        self.folder.mkdir(exist_ok=True)
        environment = os.environ | {
            "WANDERBOOK_DATA": str(self.folder / "data"),
            "WANDERBOOK_MODEL": str(self.model),
            "PYTHONPATH": str(ROOT),
            "GRADIO_TEMP_DIR": str(self.folder / "gradio"),
            **self.environment,
        }
        with (self.folder / "app.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(self.program), "--port", str(self.port), *self.arguments],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(self.answers, 240)
        except AssertionError:
            self.kill()
            raise
        return self

    def answers(self):
        assert self.process.poll() is None, (self.folder / "app.log").read_text()
        try:
            return httpx.get(f"{self.url}/config", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """End it politely and give back its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.1)
    return value


class Visit:
    """One tab: what it complained about, what it asked other hosts for, what it shows."""

    def __init__(self, browser, url, width=1280, height=900, **context):
        self.url = url
        self.context = browser.new_context(viewport={"width": width, "height": height}, **context)
        self.context.set_default_timeout(PATIENCE_MS)
        self.complaints, self.foreign = [], []
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._listen)
        self.page.on("request", self._watch)
        self.open()

    def _listen(self, message):
        if message.type == "error" and not message.text.startswith(IGNORED):
            self.complaints.append(message.text)

    def _watch(self, request):
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.foreign.append(request.url)

    def open(self):
        """Load the page and wait until its scripts have drawn it."""
        self.page.goto(self.url, wait_until="domcontentloaded")
        self.page.wait_for_selector("#wb-first-frame .ex button", state="attached")
        self.page.wait_for_selector("#wb-camera .map", state="attached")
        return self

    def choose(self, file):
        """Choose a file as the first frame."""
        self.page.locator("#wb-first-frame input[type=file]").first.set_input_files(file)

    def fill(self, prompt):
        self.page.locator("#wb-prompt textarea").fill(prompt)

    def generate(self, file, prompt):
        """Fill the form and press Generate; the number of the new run."""
        self.choose(file)
        self.page.wait_for_selector("#wb-first-frame .ff img")
        self.fill(prompt)
        known = self.numbers()
        self.page.locator("#wb-generate:not([disabled])").click()
        return wait_until(lambda: max(self.numbers() - known, default=None), 240)

    def numbers(self):
        """The numbers of the runs in the notebook."""
        return {int(text) for text in self.page.locator(".cell > .num").all_text_contents()}

    def cell(self, number, state=""):
        """The cell of a run, once it is in a state."""
        label = re.compile(rf"^Run {number}\b")
        found = self.page.locator(".cell").filter(has=self.page.get_by_role("link", name=label))
        if state:
            found = found.and_(self.page.locator(f"[data-state={state}]"))
        found.wait_for()
        return found

    def scrolls_sideways(self):
        return self.page.evaluate("document.documentElement.scrollWidth > innerWidth")

    def close(self):
        self.context.close()


def plays(cell):
    """Press Play; true once frames arrive and time passes."""
    cell.get_by_role("button", name="Play run").click()
    video = cell.locator("video")
    video.wait_for(state="attached")
    return wait_until(
        lambda: video.evaluate("v => v.readyState >= 2 && v.videoWidth > 0 && v.currentTime > 0"),
        60,
    )
