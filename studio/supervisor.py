"""Keeps one worker process alive beside the page.

The worker is a program of its own, not a fork: it shares no threads, no locks and no device with
the page, and a crash of it costs one attempt at one run. It is told to stop by a signal, and by the
end of its standard input where this process dies without a word.

A worker that hangs is killed: one that gives no sign of life for as long as a lease lasts, and one
that was asked to cancel and does not come to the end of its step (`studio.watchdog`). The jobs of
another program's worker that seems dead are taken back; should it wake, its claim is lost.
"""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from storage.database import Database
from storage.errors import DatabaseUnavailableError
from storage.queue import Queue
from studio.remains import bury
from studio.watchdog import CANCEL_PATIENCE_S, Watchdog
from studio.workbench import report_worker, worker_state
from studio.worker import WorkerSettings

FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 60.0
HEALTHY_S = 60.0  # a worker that lived so long starts the delays anew
GRACE_S = 5.0  # to end the step in hand; then it is dropped, and made again another time
LOOK_S = 0.1
KEPT_LOGS = 10

logger = logging.getLogger(__name__)


class Supervisor:
    """Starts the worker, starts it again when it dies, and stops it."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        next_settings: Callable[[], WorkerSettings],
        *,
        first_delay_s: float = FIRST_DELAY_S,
        cancel_patience_s: float = CANCEL_PATIENCE_S,
    ) -> None:
        self._database = database
        self._queue = queue
        self._next_settings = next_settings
        self._first_delay_s = first_delay_s
        self._cancel_patience_s = cancel_patience_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._worker = ""

    @property
    def pid(self) -> int | None:
        """The worker's process id, None where none runs."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self) -> None:
        """Start the worker and watch over it."""
        assert self._thread is None, "a supervisor starts once"
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the worker end its step and put its job back; kill it where that takes too long."""
        self._stopping.set()
        if self._thread is None:
            return
        self._thread.join()
        try:
            self._queue.release_worker(self._worker)
            self._mark("stopped")
        except DatabaseUnavailableError:  # the next program finds the job and counts a death
            logger.exception("the end of the worker could not be written down")

    def _supervise(self) -> None:
        delay_s = self._first_delay_s
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                code = self._run_worker()
                if self._stopping.is_set():
                    return
                logger.warning("the worker ended with code %s and is started again", code)
                self._mark("starting")
            except Exception:  # no memory, a locked database: nothing may end this thread
                logger.exception("no worker could be kept running; another try follows")
            if time.monotonic() - began > HEALTHY_S:
                delay_s = self._first_delay_s
            self._stopping.wait(delay_s)
            delay_s = min(2 * delay_s, LONGEST_DELAY_S)

    def _run_worker(self) -> int:
        """Start a worker and wait for its end, which comes soon after `stop`."""
        settings = self._next_settings()
        self._worker = settings.worker
        self._drop_old_logs()
        log = self._database.folder.worker_log(settings.worker)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "studio.worker"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        self._process = process
        assert process.stdin is not None
        with process.stdin as lifeline, suppress(BrokenPipeError):
            lifeline.write(settings.to_line())
            lifeline.flush()
            self._watch(process, settings)
            _end(process)
        self._take_back(settings.worker)
        return process.wait()

    def _watch(self, process: subprocess.Popen[bytes], settings: WorkerSettings) -> None:
        """Until the worker ends, or is to end; kill it where it hangs."""
        watchdog = Watchdog(
            self._database, settings.worker, settings.lease_s, self._cancel_patience_s
        )
        while process.poll() is None and not self._stopping.wait(LOOK_S):
            verdict = watchdog.look()
            for stranger in verdict.strangers:
                logger.warning("the jobs of worker %s, which seems dead, are taken back", stranger)
                bury(self._database, self._queue.recover_worker(stranger))
            if verdict.complaint:
                logger.warning("the worker is killed: %s", verdict.complaint)
                process.kill()

    def _take_back(self, worker: str) -> None:
        """What a worker held when it died need not wait until the next one has started."""
        if not self._stopping.is_set():
            bury(self._database, self._queue.recover_worker(worker))

    def _drop_old_logs(self) -> None:
        """Worker names grow, so their logs sort by age."""
        for log in sorted(self._database.folder.logs.glob("worker-*.log"))[:-KEPT_LOGS]:
            log.unlink(missing_ok=True)

    def _mark(self, state: str) -> None:
        """Tell the pages, unless the worker of another program has spoken since."""
        if worker_state(self._database).get("worker") == self._worker:
            report_worker(self._database, self._worker, state)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a worker that still runs to end after its step; kill it where that takes too long."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
