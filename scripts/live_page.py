"""The real app on a data folder of its own, and a Chromium that looks at it.

For the programs that measure the page or take its picture. Seconds are wall-clock; sizes are CSS
pixels. Needs the development tools and a Chromium.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import environment
from playwright.sync_api import Locator, Page, sync_playwright

ROOT = environment.ROOT
QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
START_TIMEOUT_S = 120.0
PATIENCE_S = 120.0  # for anything on the page but a whole run
RUN_TIMEOUT_S = 600.0


@contextmanager
def serve(program: Sequence[str], environment: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    """Run a web program until the block ends; its address, and the seconds until it answered.

    The program takes its port from GRADIO_SERVER_PORT. What it prints is shown if it dies.
    """
    port = _free_port()
    settings = {**os.environ, **QUIET, **environment, "GRADIO_SERVER_PORT": str(port)}
    with tempfile.TemporaryFile("w+") as log:
        begin = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *program], cwd=ROOT, env=settings, stdout=log, stderr=log
        )
        try:
            address = f"http://127.0.0.1:{port}"
            while not _answers(address):
                if process.poll() is not None or time.monotonic() - begin > START_TIMEOUT_S:
                    log.seek(0)
                    raise RuntimeError(f"{program} does not answer:\n{log.read()}")
                time.sleep(0.02)
            yield address, time.monotonic() - begin
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def notebook(data_folder: Path) -> Iterator[str]:
    """The app's address, on a data folder of its own and the bundled model."""
    with serve(["app.py"], {"WANDERBOOK_DATA": str(data_folder)}) as (address, _):
        yield address


@contextmanager
def look_at(
    address: str, *, width: int = 1280, height: int = 900, dark: bool = False
) -> Iterator[Page]:
    """A Chromium page on an address, twice as sharp as its size, without animations."""
    browser_file = environment.find_browser()
    if browser_file is None:
        sys.exit("There is no Chromium here; on Debian, `apt install chromium`.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_file,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        page = browser.new_page(
            viewport={"width": width, "height": height},
            device_scale_factor=2,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        page.set_default_timeout(PATIENCE_S * 1000)
        page.goto(address, wait_until="domcontentloaded")
        yield page
        browser.close()


def take_example(page: Page, index: int) -> None:
    """Take one of the bundled first frames, with its prompt."""
    examples = page.get_by_role("group", name="Example first frames").get_by_role("button")
    examples.nth(index).click()
    page.locator("#wb-first-frame .pic img").wait_for()
    page.locator("#wb-generate:not([disabled])").wait_for()


def generate(page: Page) -> Locator:
    """Press Generate and wait for the run's video to be playable; its cell."""
    number = page.locator("article.cell").count() + 1
    page.locator("#wb-generate").click()
    cell = page.locator("article.cell").filter(has=page.locator(f"a.num:text-is('{number}')"))
    ended = cell.and_(page.locator("[data-state=done], [data-state=failed]"))
    ended.wait_for(timeout=RUN_TIMEOUT_S * 1000)
    if cell.get_attribute("data-state") == "failed":
        raise RuntimeError(cell.inner_text())
    cell.get_by_role("button", name=f"Play run {number}").click()
    video = cell.locator("video").element_handle()
    page.wait_for_function("video => video.readyState >= 2 && video.videoWidth > 0", arg=video)
    return cell


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=START_TIMEOUT_S) as response:
            return bool(response.read())
    except (URLError, ConnectionError):
        return False
