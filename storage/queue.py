"""The queue's statements: who may work on what, and what becomes of a run.

Every method is one transaction that takes the write lock first, so two workers never get the same
job. A claim is fenced by (run, worker, attempt): once the job was given to another, the old holder
matches no row and can write nothing. Whoever holds the GPU lock calls `recover` for the jobs of
the dead; a job that killed two workers is failed instead of tried for ever.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from storage.database import Database
from storage.errors import QueueFullError, UnknownRunError
from storage.runs import next_value, touch
from storage.settings import read_setting, write_setting
from storage.tables import Job, Run

MAX_DEATHS = 2
PAUSED = "queue_paused"

Hold = Literal["held", "cancel", "lost"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The right to work on a run, until another attempt is made at it."""

    run_id: str
    worker: str
    attempt: int


class Queue:
    """Runs that wait and runs that are being made."""

    def __init__(
        self,
        database: Database,
        *,
        lease_s: float = 20.0,
        max_queued: int = 50,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.lease_s = lease_s
        self._database = database
        self._max_queued = max_queued
        self._clock = clock

    def add(self, run: Run) -> Run:
        """Queue a new run and number it; the run its client key already made, if there is one."""
        with self._database.write() as session:
            known = session.scalar(select(Run).where(Run.client_key == run.client_key))
            if known is not None and run.client_key is not None:
                return known
            self._admit(session)
            run.number = next_value(session, "number")
            run.state, run.created_at = "queued", self._clock()
            run.rev = next_value(session, "rev")
            session.add(run)
            session.flush()
            session.add(Job(run_id=run.id))
        return run

    def retry(self, run_id: str) -> bool:
        """Queue a failed or cancelled run again; False where it is in any other state."""
        with self._database.write() as session:
            run = _run(session, run_id)
            if run.state not in ("failed", "cancelled"):
                return False
            self._admit(session)
            session.add(Job(run_id=run_id, attempt=run.attempt))
            _requeue(session, run)
        return True

    def claim(self, worker: str) -> Claim | None:
        """Take the next job; None where nothing waits or the queue is paused."""
        with self._database.write() as session:
            if read_setting(session, PAUSED).get("paused", False):
                return None
            first = (
                select(Job.run_id)
                .where(Job.worker.is_(None), Job.cancel.is_(False))
                .order_by(Job.priority.desc(), Job.id)
                .limit(1)
            )
            job = session.scalar(
                update(Job)
                .where(Job.run_id == first.scalar_subquery())
                .values(worker=worker, lease_until=self._lease(), attempt=Job.attempt + 1)
                .returning(Job)
            )
            if job is None:
                return None
            run = _run(session, job.run_id)
            run.state, run.started_at, run.attempt = "running", self._clock(), job.attempt
            touch(session, run)
        return Claim(run_id=run.id, worker=worker, attempt=run.attempt)

    def beat(self, claim: Claim) -> Hold:
        """Renew the lease; tell whether the job is still ours and still wanted."""
        with self._database.write() as session:
            return self._renew(session, claim)

    def report(
        self,
        claim: Claim,
        *,
        stage: str,
        step: int,
        total: int,
        preview: str | None = None,
        timings: dict[str, float] | None = None,
    ) -> Hold:
        """Renew the lease and show how far the run is; what is None stays as it was."""
        with self._database.write() as session:
            hold = self._renew(session, claim)
            if hold != "lost":
                run = _run(session, claim.run_id)
                run.stage, run.step, run.total = stage, step, total
                run.preview = run.preview if preview is None else preview
                run.timings = run.timings if timings is None else timings
                touch(session, run)
        return hold

    def finish(self, claim: Claim, state: str, **fields: Any) -> bool:
        """End the run as done, failed or cancelled; False where the job is another's by now."""
        with self._database.write() as session:
            ended = session.scalar(delete(Job).where(*_held(claim)).returning(Job.run_id))
            if ended is None:
                return False
            run = _run(session, claim.run_id)
            _end(session, run, state, **({"ended_at": self._clock()} | fields))
        return True

    def release(self, claim: Claim) -> bool:
        """Put the job back for another worker; this attempt does not count as a death."""
        with self._database.write() as session:
            job = session.scalar(select(Job).where(*_held(claim)))
            if job is None:
                return False
            self._give_up(session, job, _run(session, claim.run_id))
        return True

    def cancel(self, run_id: str) -> Literal["cancelled", "asked", "ended"]:
        """Cancel a queued run now; ask the worker of a running one."""
        with self._database.write() as session:
            run = _run(session, run_id)
            job = session.scalar(select(Job).where(Job.run_id == run_id))
            if job is None:
                return "ended"
            job.cancel = True
            if job.worker is not None:
                return "asked"
            session.delete(job)
            _end(
                session,
                run,
                "cancelled",
                ended_at=self._clock(),
                error="Cancelled before it started.",
            )
        return "cancelled"

    def recover(self, *, every: bool) -> list[Claim]:
        """Take back the jobs of dead workers and return what they held.

        `every` takes back each running job at once: right for whoever has just got the GPU lock,
        since nobody else can be working. Otherwise only what outlived its lease is taken.
        """
        with self._database.write() as session:
            running = select(Job).where(Job.worker.is_not(None)).order_by(Job.id)
            if not every:
                running = running.where(Job.lease_until < self._clock())
            dead = []
            for job in session.scalars(running).all():
                dead.append(Claim(run_id=job.run_id, worker=job.worker or "", attempt=job.attempt))
                job.deaths += 1
                self._give_up(session, job, _run(session, job.run_id))
        return dead

    def release_worker(self, worker: str) -> None:
        """Put back what a worker held that we stopped ourselves; no death is counted."""
        with self._database.write() as session:
            for job in session.scalars(select(Job).where(Job.worker == worker)).all():
                self._give_up(session, job, _run(session, job.run_id))

    def pause(self, paused: bool) -> None:
        """Let no further job be claimed, or let them be claimed again."""
        with self._database.write() as session:
            write_setting(session, PAUSED, {"paused": paused})

    def is_paused(self) -> bool:
        """Whether the queue is paused."""
        with self._database.read() as session:
            return bool(read_setting(session, PAUSED).get("paused", False))

    def _lease(self) -> float:
        return self._clock() + self.lease_s

    def _renew(self, session: Session, claim: Claim) -> Hold:
        cancel = session.scalar(
            update(Job).where(*_held(claim)).values(lease_until=self._lease()).returning(Job.cancel)
        )
        if cancel is None:
            return "lost"
        return "cancel" if cancel else "held"

    def _admit(self, session: Session) -> None:
        waiting = session.scalar(select(func.count()).where(Job.worker.is_(None))) or 0
        if waiting >= self._max_queued:
            raise QueueFullError(
                f"{waiting} runs are waiting already, and no more fit. "
                "Cancel one, or wait until the next one starts."
            )

    def _give_up(self, session: Session, job: Job, run: Run) -> None:
        """Decide what becomes of a job whose worker let go of it."""
        if job.cancel:
            session.delete(job)
            _end(session, run, "cancelled", ended_at=self._clock(), error="Cancelled.")
        elif job.deaths >= MAX_DEATHS:
            session.delete(job)
            _end(
                session,
                run,
                "failed",
                ended_at=self._clock(),
                error="The program that draws stopped twice during this run. "
                "The prompt, the picture and the path are kept.",
            )
        else:
            job.worker, job.lease_until = None, None
            _requeue(session, run)


def _held(claim: Claim) -> tuple[Any, ...]:
    return (
        Job.run_id == claim.run_id,
        Job.worker == claim.worker,
        Job.attempt == claim.attempt,
    )


def _run(session: Session, run_id: str) -> Run:
    run = session.get(Run, run_id)
    if run is None:
        raise UnknownRunError("This run is not in the notebook.")
    return run


def _requeue(session: Session, run: Run) -> None:
    run.state, run.stage, run.step, run.total, run.preview = "queued", "", 0, 0, ""
    run.started_at, run.ended_at, run.error, run.timings = None, None, "", {}
    touch(session, run)


def _end(session: Session, run: Run, state: str, **fields: Any) -> None:
    run.state, run.preview = state, ""
    for name, value in fields.items():
        setattr(run, name, value)
    touch(session, run)
