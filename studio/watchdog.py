"""Notices that a worker hangs: it gives no sign of life, or does not heed a cancel.

A sign of life is a renewed lease, or the worker's log being touched, which it does at every beat
even while another program keeps the database locked. What is seen is compared with what was seen
before, and how long that has lasted is taken from a steady clock: a wall clock that is set makes no
worker look dead.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Row, select

from storage.database import Database
from storage.errors import DatabaseUnavailableError
from storage.tables import Job

CANCEL_PATIENCE_S = 60.0  # the longest step we wait for once a person wants the run gone
LOOKS_PER_LEASE = 20

Sign = tuple[object, ...]
JobRow = Row[str, int, str, float | None, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look has shown."""

    complaint: str = ""  # why our own worker should be killed
    strangers: list[str] = field(default_factory=list)  # workers of other programs that seem dead


class Watchdog:
    """Watches whoever works; ask `look` as often as you like."""

    def __init__(
        self,
        database: Database,
        worker: str,
        lease_s: float,
        cancel_patience_s: float = CANCEL_PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._worker = worker
        self._lease_s = lease_s
        self._cancel_patience_s = cancel_patience_s
        self._clock = clock
        self._looked = float("-inf")
        self._since: dict[Sign, float] = {}  # when each sign was first seen

    def look(self) -> Verdict:
        """Judge every worker that has a job."""
        now = self._clock()
        if now - self._looked < self._lease_s / LOOKS_PER_LEASE:
            return Verdict()
        self._looked = now
        jobs = self._jobs()
        signs = {job.worker: self._signs(job) for job in jobs}
        seen = {sign for found in signs.values() for sign in found}
        self._since = {sign: self._since.get(sign, now) for sign in seen}
        complaints = {worker: self._complaint(found, now) for worker, found in signs.items()}
        own = complaints.pop(self._worker, "")
        return Verdict(own, [worker for worker, complaint in complaints.items() if complaint])

    def _complaint(self, signs: dict[Sign, float], now: float) -> str:
        for sign, patience_s in signs.items():
            if now - self._since[sign] > patience_s:
                return f"nothing but {sign} for over {patience_s:g} s"
        return ""

    def _jobs(self) -> list[JobRow]:
        query = select(Job.run_id, Job.attempt, Job.worker, Job.lease_until, Job.wish)
        try:
            with self._database.read() as session:
                return list(session.execute(query.where(Job.worker.is_not(None))))
        except DatabaseUnavailableError:  # a busy database says nothing about a worker
            return []

    def _signs(self, job: JobRow) -> dict[Sign, float]:
        """What must not stay the same for longer than so many seconds."""
        run_id, attempt, worker, lease_until, wish = job
        signs: dict[Sign, float] = {}
        signs["life", run_id, attempt, lease_until, self._touched(worker)] = self._lease_s
        if wish == "cancel":
            signs["cancel", run_id, attempt] = self._cancel_patience_s
        return signs

    def _touched(self, worker: str) -> int:
        log = self._database.folder.worker_log(worker)
        return log.stat().st_mtime_ns if log.is_file() else 0
