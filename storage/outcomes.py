"""What becomes of a run: it ends, it waits once more, or its dead worker's job is judged.

Each function writes a run and its job together, inside the transaction of its caller, so that
`Run.state` and the job always agree.
"""

from typing import Any

from sqlalchemy.orm import Session

from storage.runs import touch
from storage.tables import Job, Run

MAX_DEATHS = 2
DIED_TWICE = (
    "The program that draws stopped twice during this run. "
    "The prompt, the picture and the path are kept."
)


def requeue(session: Session, run: Run) -> None:
    """Let a run wait as if it had never been started."""
    run.state, run.stage, run.step, run.total, run.preview = "queued", "", 0, 0, ""
    run.started_at, run.ended_at, run.error = None, None, ""
    run.timings, run.savings = {}, {}
    touch(session, run)


def end(session: Session, run: Run, state: str, **fields: Any) -> None:
    """End a run as done, failed or cancelled."""
    run.state, run.preview = state, ""
    for name, value in fields.items():
        setattr(run, name, value)
    touch(session, run)


def give_up(session: Session, job: Job, run: Run, now: float) -> None:
    """Decide about a job whose worker let go of it: cancelled, failed, or made by another."""
    if job.wish == "cancel":
        session.delete(job)
        end(session, run, "cancelled", ended_at=now, error="Cancelled.")
    elif job.deaths >= MAX_DEATHS:
        session.delete(job)
        end(session, run, "failed", ended_at=now, error=DIED_TWICE)
    else:
        job.worker, job.lease_until, job.wish = None, None, ""
        requeue(session, run)
