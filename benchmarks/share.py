"""What a link costs whoever opens it, and what a bundle costs in time and memory.

`python benchmarks/share.py [--json] [--repeat N]`. Fifty finished runs, each with a real mp4 of 60
seconds at 1280 x 720, the real app and Chromium, on two cores. Medians.

    share_page_ms     the page of a link to one run, from the request until its last byte
    notebook_page_ms  the page of a link to a notebook of fifty runs
    known_ms          a video the browser has already: asked for again, not sent again
    seek_ms           in the player on that page: from the jump until the frame there is shown
    range_ms          a quarter of a megabyte from anywhere in the video, at the server alone
    write_s           the bundle of the fifty runs written to a file, every file hashed
    read_s            the same looked at, checked and brought into another notebook
    bundle_mb         how large it is
    peak_mb           how much memory the process that wrote and read it took more than before
"""

import sys

# Run as a program, this file's folder comes first in the search, and `queue.py` in it would be
# taken for the standard library's. Drop it before anything else is imported.
if __name__ == "__main__":
    del sys.path[0]

import argparse
import http.client
import json
import multiprocessing
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(1, f"{sys.path[0]}/scripts")

import environment
import live_page

from sanawm.video import Frame, write_mp4
from storage.database import Database
from storage.queue import Queue
from storage.records import write_record
from storage.tables import Asset, Run
from studio.settings import Settings
from studio.studio import Studio
from studio.views import Draft
from ui.offline_page import page_of

CORES = 2
RUNS, SECONDS, FPS = 50, 60, 16
WIDTH, HEIGHT = 1280, 720
PIECE = 256 * 1024
VISITOR = "b" * 32
TARGETS = {"share_page_ms": 50.0, "seek_ms": 100.0}
SEEK = """(second) => new Promise((done) => {
  const film = document.querySelector("video");
  const begin = performance.now();
  film.requestVideoFrameCallback(() => done(performance.now() - begin));
  film.currentTime = second;
})"""


def frames() -> Iterator[Frame]:
    """Soft colours that wander, so that every frame differs from the one before."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) / 160
    turns = 48
    held = []
    for turn in range(turns):
        angle = 2 * np.pi * turn / turns
        waves = [np.sin(x + angle + phase) * np.cos(y - angle) for phase in (0, 1, 2)]
        held.append((127.5 + 100 * np.stack(waves, axis=-1)).astype(np.uint8))
    for index in range(SECONDS * FPS):
        yield held[index % turns]


def fill(root: Path, clip: Path) -> tuple[list[str], str]:
    """A notebook of finished runs that share one clip: their ids and the notebook's."""
    database = Database.open(root)
    studio = Studio(Settings(data_folder=root), database, local_owner=True)
    still = root / "still.png"
    Image.fromarray(next(frames())).save(still)
    image, card = studio.store_image(still), studio.card()
    book = studio.book.create("Fifty walks", VISITOR)
    runs = []
    for number in range(RUNS):
        draft = Draft(
            image_sha256=image.sha256,
            prompt=f"walk {number}",
            path_source={"kind": "preset", "preset": "push-in"},
            num_frames=card.num_frames,
            num_inference_steps=card.num_inference_steps,
            guidance_scale=card.guidance_scale,
            notebook_id=book.id,
        )
        runs.append(finish(database, studio.submit(draft, f"{number:032}", VISITOR).id, clip))
    database.close()
    return runs, book.id


def finish(database: Database, run_id: str, clip: Path) -> str:
    """Let a waiting run be done, with the clip as its video."""
    queue, folder = Queue(database), database.folder
    claim = queue.claim("benchmark")
    assert claim is not None
    assert claim.run_id == run_id
    attempt = folder.attempt(run_id, claim.attempt)
    attempt.mkdir(parents=True)
    shutil.copyfile(clip, attempt / "video.mp4")
    for name, kind in (("poster.jpg", "JPEG"), ("thumb.webp", "WEBP")):
        Image.fromarray(next(frames())).save(attempt / name, kind)
    queue.finish(claim, "done", ended_at=time.time(), record={}, timings={})
    with database.read() as session:
        run = session.get_one(Run, run_id)
        image, path = (session.get_one(Asset, key) for key in (run.image_sha256, run.path_sha256))
        shutil.copyfile(folder.asset(path.sha256, path.extension), attempt / "c2w.npz")
        write_record(attempt, run, image, path)
    return run_id


def median_ms(action: Callable[[], Any], repeat: int) -> float:
    """How long it takes, once it has been done before."""
    action()
    taken = []
    for _ in range(repeat):
        begin = time.perf_counter()
        action()
        taken.append(1000 * (time.perf_counter() - begin))
    return statistics.median(taken)


class Server:
    """One connection to the app, as a browser keeps one."""

    def __init__(self, address: str) -> None:
        self._address = urlsplit(address)
        self._connection = http.client.HTTPConnection(self._address.netloc)

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, str, bytes]:
        """Status, ETag and body of the answer to a request."""
        data = None if body is None else json.dumps(body)
        sent = {"Content-Type": "application/json", "X-Wanderbook-Visitor": VISITOR, **headers}
        self._connection.request("GET" if data is None else "POST", path, data, sent)
        answer = self._connection.getresponse()
        return answer.status, answer.getheader("ETag", ""), answer.read()

    def link(self, **what: str) -> str:
        """A new link's path."""
        _, _, content = self.ask("/gradio_api/wm/shares", what)
        return urlsplit(str(json.loads(content)["link"]["url"])).path


def links(address: str, run: str, book: str, size: int, repeat: int) -> dict[str, float]:
    """What opening links costs."""
    server = Server(address)
    one, many = server.link(run=run), server.link(notebook=book)
    video = f"{one}/{run}/video.mp4"
    _, etag, _ = server.ask(video, Range="bytes=0-9")

    def piece() -> None:
        start = random.randrange(size - PIECE)
        status, _, _ = server.ask(video, Range=f"bytes={start}-{start + PIECE - 1}")
        assert status == 206

    return {
        "share_page_ms": median_ms(lambda: server.ask(one), 10 * repeat),
        "notebook_page_ms": median_ms(lambda: server.ask(many), 10 * repeat),
        "known_ms": median_ms(lambda: server.ask(video, **{"If-None-Match": etag}), 10 * repeat),
        "range_ms": median_ms(piece, 10 * repeat),
        "seek_ms": seek_ms(f"{address.rstrip('/')}{one}", 4 * repeat),
    }


def seek_ms(address: str, repeat: int) -> float:
    """Jumps to and fro in the player of a link's page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=environment.find_browser(), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        page.goto(address)
        page.wait_for_function("document.querySelector('video').readyState >= 1")
        page.evaluate("document.querySelector('video').preload = 'auto'")
        page.evaluate(SEEK, 1.0)
        seconds = [random.uniform(2, SECONDS - 2) for _ in range(repeat)]
        return statistics.median(float(page.evaluate(SEEK, second)) for second in seconds)


def bundle(root: str, runs: list[str], answers: Any) -> None:
    """Write and read a bundle in this process, which does nothing else."""
    database = Database.open(Path(root))
    studio = Studio(Settings(data_folder=Path(root)), database, local_owner=True)
    with tempfile.TemporaryDirectory() as elsewhere:
        other = Database.open(Path(elsewhere))
        reader = Studio(Settings(data_folder=Path(elsewhere)), other, local_owner=True)
        Path("/proc/self/clear_refs").write_text("5")  # the most so far is what it holds now
        before, file = memory_mb("VmRSS"), Path(elsewhere) / "fifty.wanderbook.zip"
        begin = time.perf_counter()
        with file.open("wb") as stream:
            for chunk in studio.bundles.of_runs(runs, page_of(studio)).chunks():
                stream.write(chunk)
        written = time.perf_counter()
        reader.bundles.inspect(file, VISITOR)
        brought = reader.bundles.bring_in(file, VISITOR)
        read = time.perf_counter()
        assert len(brought.added) == len(runs), brought
        answers.put(
            {
                "write_s": written - begin,
                "read_s": read - written,
                "bundle_mb": file.stat().st_size / 2**20,
                "peak_mb": memory_mb("VmHWM") - before,
            }
        )


def memory_mb(name: str) -> float:
    """What Linux says of this process's memory: VmRSS is what it holds, VmHWM the most it held."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def measure(repeat: int) -> dict[str, float]:
    """Every figure, by name."""
    with tempfile.TemporaryDirectory() as folder:
        clip, root = Path(folder) / "clip.mp4", Path(folder) / "data"
        write_mp4(frames(), clip, FPS, {})
        runs, book = fill(root, clip)
        with live_page.notebook(root) as address:
            figures = links(address, runs[0], book, clip.stat().st_size, repeat)
        fresh = multiprocessing.get_context("spawn")
        answers = fresh.Queue()
        process = fresh.Process(target=bundle, args=(str(root), runs, answers))
        process.start()
        figures |= answers.get()
        process.join()
    return figures


def main() -> None:
    """Measure, print the table and, if asked, the same as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--repeat", type=int, default=5, help="of each question (default 5)")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    figures = measure(options.repeat)
    for name, value in figures.items():
        target = f"target {TARGETS[name]:g}" if name in TARGETS else ""
        print(f"{name:18}{value:8.1f}  {target}".rstrip())
    if options.json:
        print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
