"""A notebook of its own, the app on it, and pages that listen: for programs that measure the queue.

The notebook is seen from the measuring process like from a second app without a worker: what it
submits and cancels is in the rows that the app serves. Linux only: processes are read from /proc.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import environment
import live_page

from storage.database import Database
from storage.queue import Queue
from storage.tables import Run
from studio.settings import Settings
from studio.studio import Studio
from studio.views import Draft, RunView

SCRIPTS = environment.ROOT / "scripts"
LIGHT_APP, REAL_APP = SCRIPTS / "light_app.py", environment.ROOT / "app.py"
PATIENCE_S = 60.0
MOST_WAITING = 1000  # this process queues more runs than a page may

Heard = list[tuple[float, int, dict[str, str]]]  # UNIX seconds, revision, {run id: state}


class Notebook:
    """A data folder, and the runs this process puts there."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data_folder=folder)
        self.database = Database.open(folder)
        self.queue = Queue(self.database, max_queued=MOST_WAITING)
        self.studio = Studio(self.settings, self.database, local_owner=True)
        example = self.studio.examples()[0]
        self._image = self.studio.use_example(example.id).sha256
        self._clicks = itertools.count()

    def draft(self, step_s: float, steps: int = 100) -> Draft:
        """A run of so many steps that take so long each."""
        return Draft(
            image_sha256=self._image,
            prompt=f"{step_s} s a step",
            path_source={"kind": "preset", "preset": "push-in"},
            num_frames=17,
            num_inference_steps=steps,
            guidance_scale=1.0,
        )

    def click(self) -> str:
        """A client key nobody used yet."""
        return f"benchmark-{next(self._clicks)}"

    def submit(self, step_s: float, steps: int = 100) -> RunView:
        """What a press on Generate does."""
        return self.studio.submit(self.draft(step_s, steps), self.click(), "benchmark")

    def cancel(self, run: RunView) -> None:
        """What a press on Cancel does."""
        self.studio.cancel(run.id, "benchmark")

    def wait_for(self, run: RunView, condition: Callable[[Run], bool]) -> Run:
        """The run's row as soon as it is so; looked at every other millisecond."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with self.database.read() as session:
                row = session.get_one(Run, run.id)
            if condition(row):
                return row
            if time.monotonic() > deadline:
                raise RuntimeError(f"run {row.number} is {row.state}, attempt {row.attempt}")
            time.sleep(0.002)


@contextmanager
def notebook() -> Iterator[Notebook]:
    """A fresh data folder."""
    with tempfile.TemporaryDirectory() as folder:
        book = Notebook(Path(folder))
        try:
            yield book
        finally:
            book.database.close()


@contextmanager
def served(book: Notebook, program: Path = LIGHT_APP) -> Iterator[tuple[str, int]]:
    """The app on a notebook: its address and its process."""
    before = children(os.getpid())
    settings = {
        "WANDERBOOK_DATA": str(book.settings.data_folder),
        "PYTHONPATH": os.pathsep.join([str(environment.ROOT), str(SCRIPTS)]),
    }
    with live_page.serve([str(program)], settings) as (address, _):
        [process] = children(os.getpid()) - before
        yield address, process


class Pages:
    """Open pages in a process of their own."""

    def __init__(self, address: str, count: int, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPTS / "listeners.py"), address, str(count), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError("the pages could not be opened")

    def heard(self, rev: int) -> list[Heard]:
        """Close them once they know a revision; for each page, when it heard of which."""
        answer, _ = self._process.communicate(f"{rev}\n")
        streams: list[Heard] = json.loads(answer)
        return streams


def children(process: int) -> set[int]:
    """The processes a process has started and not buried."""
    found = set()
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:  # ended while we looked
            continue
        if int(fields[1]) == process:
            found.add(int(file.parent.name))
    return found


def cpu_seconds(process: int) -> float:
    """What a process has used so far, all its threads together."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
