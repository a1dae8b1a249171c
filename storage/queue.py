"""The queue's statements: who may work on what, and what a person may still change.

Every method is one transaction that takes the write lock first, so two workers never get the same
job. A claim is fenced by (run, worker, attempt): once the job was given to another, the old holder
matches no row and can write nothing. Whoever holds the GPU lock calls `recover` for the jobs of
the dead; a job that killed two workers is failed instead of tried for ever.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from storage import line
from storage.admission import Door
from storage.database import Database
from storage.errors import UnknownRunError
from storage.files import is_whole
from storage.notebooks import add_cell, add_run_cell, open_notebook
from storage.outcomes import end, give_up, requeue
from storage.runs import next_value, touch, touch_parents
from storage.settings import read_setting, write_setting
from storage.tables import INBOX, Cell, Job, Run
from storage.trash import take_back

PAUSED = "queue_paused"

# Put together once: a press on Generate waits for it.
KNOWN = select(Run.id).where(Run.client_key == bindparam("key"))

Hold = Literal["held", "cancel", "keep", "lost"]


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
        max_per_visitor: int = 3,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.lease_s = lease_s
        self._database = database
        self._door = Door(most=max_queued, most_of_one=max_per_visitor)
        self._clock = clock

    # ---- what a person does

    def known_or_room(self, client_key: str, visitor: str) -> str | None:
        """The run a visitor's click already made; else raises where a new one would be refused.

        Asked before anything is prepared, so that what is refused leaves no file; `add` asks again,
        under the lock.
        """
        with self._database.read() as session:
            known = session.scalar(KNOWN, {"key": client_key})
            if known is None:
                self._door.admit(session, visitor)
            return known

    def add(
        self,
        run: Run,
        *,
        limited: bool = False,
        behind: str | None = None,
        notebook_id: str = INBOX,
    ) -> Run:
        """Queue a new run and number it; the run its client key already made, if there is one.

        `limited` counts the visitor's own waiting runs too. `behind` names the waiting run it
        should follow; it goes to the end of the line where that one does not wait. The run gets a
        cell in a notebook, where that is not there in the inbox.
        """
        with self._database.write() as session:
            known = session.scalar(KNOWN, {"key": run.client_key})
            if known is not None:
                return session.get_one(Run, known)
            self._door.admit(session, run.visitor if limited else None)
            self._append(session, run)
            add_run_cell(session, notebook_id, run)
            touch_parents(session, [run])
            if behind and (before := line.follower(session, behind)):
                line.move(session, run.id, before)
        return run

    def add_sweep(
        self,
        runs: Sequence[Run],
        *,
        limited: bool,
        notebook_id: str,
        above: str | None,
        content: dict[str, Any],
    ) -> Cell:
        """Queue many runs at once, all or none, under one cell; the same keys give the same cell.

        `content` is what the cell says besides its runs.
        """
        with self._database.write() as session:
            known = session.scalar(KNOWN, {"key": runs[0].client_key})
            if known is not None:
                return _sweep_of(session, known)
            self._door.admit(session, runs[0].visitor if limited else None, more=len(runs))
            for run in runs:
                self._append(session, run)
            touch_parents(session, runs)
            notebook = open_notebook(session, notebook_id)
            content = content | {"runs": [run.id for run in runs]}
            return add_cell(session, notebook, "sweep", above=above, content=content)

    def _append(self, session: Session, run: Run) -> None:
        run.number = next_value(session, "number")
        run.state, run.created_at = "queued", self._clock()
        run.rev = next_value(session, "rev")
        line.append(session, run, attempt=0)

    def retry(self, run_id: str, *, limited: bool = False) -> bool:
        """Queue a failed or cancelled run again; False where it is in any other state.

        One that lies in the trash comes out of it: what is made must not be purged meanwhile.
        """
        with self._database.write() as session:
            run = _run(session, run_id)
            if run.state not in ("failed", "cancelled"):
                return False
            self._door.admit(session, run.visitor if limited else None)
            line.append(session, run, attempt=run.attempt)
            requeue(session, run)
            if run.deleted_at is not None:
                take_back(session, [run])
        return True

    def replace(self, run_id: str, **fields: Any) -> bool:
        """Change what a waiting run asks for; False where it does not wait any more."""
        with self._database.write() as session:
            run = _run(session, run_id)
            if run.state != "queued":
                return False
            for name, value in fields.items():
                setattr(run, name, value)
            touch(session, run)
        return True

    def move(self, run_id: str, before: str | None) -> bool:
        """Let a waiting run be made before another, or last; False where either does not wait."""
        with self._database.write() as session:
            return line.move(session, run_id, before)

    def move_to_front(self, run_id: str) -> bool:
        """Let a waiting run be the next one; False where it does not wait."""
        with self._database.write() as session:
            jobs = line.waiting(session)
            return bool(jobs) and line.move(session, run_id, jobs[0].run_id)

    def cancel(self, run_id: str) -> Literal["cancelled", "asked", "ended"]:
        """Cancel a queued run now; ask the worker of a running one."""
        with self._database.write() as session:
            run = _run(session, run_id)
            job = session.scalar(select(Job).where(Job.run_id == run_id))
            if job is None:
                return "ended"
            if job.worker is not None:
                job.wish = "cancel"
                touch(session, run)
                return "asked"
            session.delete(job)
            sentence = "Cancelled before it started."
            end(session, run, "cancelled", ended_at=self._clock(), error=sentence)
        return "cancelled"

    def keep(self, run_id: str) -> bool:
        """Ask the worker to stop early and keep what there is; False where nobody works on it."""
        with self._database.write() as session:
            run = _run(session, run_id)
            job = session.scalar(select(Job).where(Job.run_id == run_id))
            if job is None or job.worker is None:
                return False
            job.wish = job.wish or "keep"
            touch(session, run)
        return True

    def pause(self, paused: bool, reason: str = "by hand") -> None:
        """Let no further job be claimed, or let them be claimed again."""
        with self._database.write() as session:
            value = {"paused": paused, "reason": reason if paused else ""}
            write_setting(session, PAUSED, value)

    # ---- what a worker does

    def claim(self, worker: str) -> Claim | None:
        """Take the next job; None where nothing waits or the queue is paused."""
        with self._database.write() as session:
            if read_setting(session, PAUSED).get("paused", False):
                return None
            first = select(Job.run_id).where(Job.worker.is_(None)).order_by(Job.position).limit(1)
            job = session.scalar(
                update(Job)
                .where(Job.run_id == first.scalar_subquery())
                .values(worker=worker, lease_until=self._lease(), attempt=Job.attempt + 1)
                .returning(Job)
            )
            if job is None:
                return None
            while is_whole(self._database.folder.attempt(job.run_id, job.attempt)):
                job.attempt += (
                    1  # a finished run that an older copy of the database knows nothing of
                )
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
        savings: dict[str, float] | None = None,
    ) -> Hold:
        """Renew the lease and show how far the run is; what is None stays as it was."""
        with self._database.write() as session:
            hold = self._renew(session, claim)
            if hold != "lost":
                run = _run(session, claim.run_id)
                run.stage, run.step, run.total = stage, step, total
                run.preview = run.preview if preview is None else preview
                run.timings = run.timings if timings is None else timings
                run.savings = run.savings if savings is None else savings
                touch(session, run)
        return hold

    def finish(self, claim: Claim, state: str, **fields: Any) -> bool:
        """End the run as done, failed or cancelled; False where the job is another's by now."""
        with self._database.write() as session:
            ended = session.scalar(delete(Job).where(*_held(claim)).returning(Job.run_id))
            if ended is None:
                return False
            run = _run(session, claim.run_id)
            end(session, run, state, **({"ended_at": self._clock()} | fields))
        return True

    def release(self, claim: Claim) -> bool:
        """Put the job back for another worker; this attempt does not count as a death."""
        with self._database.write() as session:
            job = session.scalar(select(Job).where(*_held(claim)))
            if job is None:
                return False
            give_up(session, job, _run(session, claim.run_id), self._clock())
        return True

    # ---- what is done about the dead

    def recover(self) -> list[Claim]:
        """Take back every running job and return who held it.

        For whoever has just got the GPU lock: nobody else can be working.
        """
        with self._database.write() as session:
            running = select(Job).where(Job.worker.is_not(None)).order_by(Job.position)
            return self._take_back(session, running)

    def recover_worker(self, worker: str) -> list[Claim]:
        """Take back the jobs of one worker that is known to be dead."""
        with self._database.write() as session:
            return self._take_back(session, select(Job).where(Job.worker == worker))

    def release_worker(self, worker: str) -> None:
        """Put back what a worker held that we stopped ourselves; no death is counted."""
        with self._database.write() as session:
            for job in session.scalars(select(Job).where(Job.worker == worker)).all():
                give_up(session, job, _run(session, job.run_id), self._clock())

    def _take_back(self, session: Session, jobs: Any) -> list[Claim]:
        dead = []
        for job in session.scalars(jobs).all():
            dead.append(Claim(run_id=job.run_id, worker=job.worker or "", attempt=job.attempt))
            job.deaths += 1
            give_up(session, job, _run(session, job.run_id), self._clock())
        return dead

    def _lease(self) -> float:
        return self._clock() + self.lease_s

    def _renew(self, session: Session, claim: Claim) -> Hold:
        renewed = update(Job).where(*_held(claim)).values(lease_until=self._lease())
        wish = session.scalar(renewed.returning(Job.wish))
        if wish is None:
            return "lost"
        return wish or "held"


def _sweep_of(session: Session, run_id: str) -> Cell:
    """The sweep that a run belongs to."""
    cells = session.scalars(select(Cell).where(Cell.kind == "sweep").order_by(Cell.id.desc()))
    for cell in cells:
        if run_id in cell.content.get("runs", ()):
            return cell
    raise UnknownRunError("This sweep is not in the notebook any more.")


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
