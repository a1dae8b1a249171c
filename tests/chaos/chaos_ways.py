"""What several of these tests need: workers on demand, and the whole truth about a data folder."""

import json
import os
import signal
import time
from pathlib import Path
from threading import Event

from marked_runner import FILES, MarkedRunner, mark
from sqlalchemy import select
from sqlalchemy.orm import undefer
from studio_ways import eventually
from ulid import ULID

from storage.files import clean
from storage.records import read_record
from storage.runs import attempts
from storage.tables import Job, Run
from storage.upkeep import examine
from studio.generation import Generation
from studio.workbench import Workbench
from studio.worker import GPU_LOCK, WorkerSettings

KEPT = {*FILES, "run.json", "c2w.npz"}
YEARS = 10 * 365 * 86_400


def worker_settings(settings, runner, **changes):
    """What a worker is told: a name nobody had, and to look often."""
    return WorkerSettings(
        worker=str(ULID()),
        data_folder=str(settings.data_folder),
        model_folder=str(settings.model_folder),
        threads=1,
        runner=runner,
        poll_s=0.01,
        **changes,
    )


class Nursery:
    """Starts workers that are struck at a moment, and tells where each of them was then."""

    def __init__(self, process, settings, runner):
        self._process, self._settings, self._runner = process, settings, runner
        self._alive = None

    def start(self, number=None, **how):
        """A worker that is struck at its n-th moment; its name and process id."""
        order = worker_settings(self._settings, self._runner)
        strike = {"number": number} | how
        line = {"settings": json.loads(order.to_line()), "strike": strike}
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        self._alive = int(self._process.stdout.readline())
        return order.worker, self._alive

    def wait(self):
        """Wait until it has ended; where it was struck, [] if it was not."""
        where = self._process.stdout.readline().split()
        self._alive = None
        return where

    def close(self):
        """Leave no worker behind, be it stopped."""
        if self._alive is not None:
            os.kill(self._alive, signal.SIGKILL)
        self._process.communicate()


class Bench:
    """A worker inside this process."""

    def __init__(self, settings, database, queue):
        self._database, self._queue = database, queue
        self._workbench = Workbench(
            database, settings, open_runner=MarkedRunner, worker="here", threads=1
        )

    def claim(self):
        return self._queue.claim("here")

    def make(self, claim):
        Generation(self._database, self._queue, self._workbench, claim, Event()).make()


def is_stopped(process):
    """Whether a process was told to stop and has not been told to go on."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def lock_holder(database):
    """The process that has the GPU."""
    inode = (database.folder.root / GPU_LOCK).stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if "->" not in fields and fields[5].endswith(f":{inode}"):
            return int(fields[4])
    return None


def parent_of(process):
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def held_by(database, worker):
    """The runs that a worker still holds."""
    with database.read() as session:
        return session.scalars(select(Job.run_id).where(Job.worker == worker)).all()


def all_runs(database):
    with database.read() as session:
        return session.scalars(select(Run).options(undefer("*")).order_by(Run.number)).all()


def all_ended(database):
    with database.read() as session:
        return session.scalar(select(Job.id).limit(1)) is None


def finish_everything(database, nursery):
    """Let an undisturbed worker make what is left."""
    _, process = nursery.start()
    eventually(lambda: all_ended(database))
    os.kill(process, signal.SIGTERM)
    assert nursery.wait() == []


def assert_whole(database):
    """Every row has its files, every file its row, and each says that it belongs to the other."""
    with database.read() as session:
        clean(database.folder, attempts(session), time.time() + YEARS)
    assert examine(database) == []
    runs = all_runs(database)
    assert [run.number for run in runs] == list(range(1, len(runs) + 1))
    assert set(database.folder.runs.iterdir()) <= {database.folder.runs / run.id for run in runs}
    for run in runs:
        folders = list((database.folder.runs / run.id).glob("*"))
        folder = database.folder.attempt(run.id, run.attempt)
        if run.state == "done":
            assert folders == [folder]
            assert {file.name for file in folder.iterdir()} - {"marks.json"} == KEPT
            for name in FILES:
                assert (folder / name).read_bytes() == mark(run.id, run.attempt, run.seed)
            recorded, *_ = read_record(folder / "run.json")
            assert (recorded.id, recorded.attempt) == (run.id, run.attempt)
        else:
            assert [file.name for folder in folders for file in folder.iterdir()] in (
                [],
                ["log.txt"],
            )
    eventually(lambda: not unfinished(database))  # a program that is alive may write right now


def unfinished(database):
    return [*database.folder.root.rglob("*.tmp"), *database.folder.root.rglob("*.part")]
