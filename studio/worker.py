"""The worker process: owns the model and the GPU lock, and makes one run after another.

    python -m studio.worker     (its settings, one line of JSON, come on standard input)

SIGTERM lets the step in hand end. Standard input stays open as a lifeline: when the program that
started the worker is gone, however it went, the line ends and so does the worker. Either way the
job in hand goes back into the queue and counts no death. What the kernel kills outright is found by
the program that started it, or by the next worker, which gets the lock the moment it is free.
"""

import faulthandler
import json
import logging
import os
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import BinaryIO

from filelock import FileLock, Timeout

from storage.database import Database
from storage.errors import DatabaseUnavailableError
from storage.files import clean
from storage.queue import Claim, Queue
from storage.runs import attempts
from studio.generation import Generation
from studio.remains import bury
from studio.settings import Settings
from studio.workbench import Workbench, report_worker

GPU_LOCK = "gpu0.lock"
LOCKED_S = 5.0  # until a database that could not be written is tried again
GRACE_S = 1.0  # to end the step in hand after the lifeline has gone; nothing is lost by less

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerSettings:
    """What the program that starts a worker tells it."""

    worker: str  # a name no other worker ever had
    data_folder: str
    model_folder: str
    threads: int
    runner: str = "studio.runner:PipelineRunner"
    lease_s: float = 20.0
    poll_s: float = 0.2

    def to_line(self) -> bytes:
        """One line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @property
    def settings(self) -> Settings:
        """What the worker needs of the program's settings."""
        return Settings(data_folder=Path(self.data_folder), model_folder=Path(self.model_folder))


def main() -> None:
    """Work until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    faulthandler.enable()
    settings = WorkerSettings(**json.loads(sys.stdin.buffer.readline()))
    stopping = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl C is for the program, which then stops us
    set_at_sigterm(stopping)
    database = Database.open(Path(settings.data_folder))
    queue = Queue(database, lease_s=settings.lease_s)
    line = (sys.stdin.buffer, stopping, queue, settings.worker)
    threading.Thread(target=_watch_lifeline, args=line, daemon=True).start()
    lock = FileLock(database.folder.root / GPU_LOCK)
    if _acquire(lock, stopping):
        tidy(database, queue)
        work(settings, database, queue, stopping)
        lock.release()
    database.close()


def set_at_sigterm(event: threading.Event) -> None:
    """Let SIGTERM set the event, by way of a thread. A handler runs in the main thread, which may
    be inside this very event and hold its lock: setting it there could wait for itself forever.
    """
    told, telling = os.pipe()

    def wait() -> None:
        os.read(told, 1)
        event.set()

    threading.Thread(target=wait, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: os.write(telling, b"."))


def tidy(database: Database, queue: Queue) -> None:
    """Take back the jobs of the dead, keep what they said last, and remove what they left."""
    bury(database, queue.recover())
    with database.read() as session:
        current = attempts(session)
    clean(database.folder, current, time.time())


def work(
    settings: WorkerSettings, database: Database, queue: Queue, stopping: threading.Event
) -> None:
    """Open the model, then make what is queued until told to stop."""
    bench = Workbench(
        database,
        settings.settings,
        open_runner=resolve_name(settings.runner),
        worker=settings.worker,
        threads=settings.threads,
    )
    bench.prepare()
    while not stopping.is_set():
        claim = _claim(queue, settings.worker)
        if claim is None:
            stopping.wait(settings.poll_s)
        elif isinstance(claim, DatabaseUnavailableError):
            logger.error("no job could be claimed: %s", claim)
            stopping.wait(LOCKED_S)
        else:
            logger.info("run %s, attempt %d", claim.run_id, claim.attempt)
            Generation(database, queue, bench, claim, stopping).make()
    report_worker(database, settings.worker, "stopped")


def _claim(queue: Queue, worker: str) -> Claim | DatabaseUnavailableError | None:
    """The next job, or why there is none: another program may keep the database locked."""
    try:
        return queue.claim(worker)
    except DatabaseUnavailableError as error:
        return error


def _acquire(lock: FileLock, stopping: threading.Event) -> bool:
    """Wait for the GPU: another program on the same data folder may hold it."""
    while not stopping.is_set():
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            continue
        return True
    return False


def _watch_lifeline(
    lifeline: BinaryIO, stopping: threading.Event, queue: Queue, worker: str
) -> None:
    """End with the program that started us: after the step in hand, else at once."""
    while lifeline.read(1):
        pass
    stopping.set()
    time.sleep(GRACE_S)  # a worker that stops in time takes this thread with it
    try:
        queue.release_worker(worker)
    finally:
        os._exit(0)  # also where the database is locked: nobody may be left with the GPU lock


if __name__ == "__main__":
    main()
