"""The line of jobs: who is made next, and how its order is changed.

Positions only have to rise; a new job takes the one after the last. Changing the order gives the
waiting jobs their own positions anew, so a job that is being made keeps its place in front.
"""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.runs import next_value
from storage.tables import Job, Run

LAST = select(func.max(Job.position))


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What decides how long a run in the line will take; read without the rest of its row."""

    run_id: str
    running: bool
    attempt: int
    model: str
    num_frames: int
    steps: int
    guided: bool  # each step predicts twice
    stage: str
    step: int
    total: int  # steps of its stage; of drawing more than `steps`, where it is drawn in parts
    started_at: float | None
    timings: dict[str, float]  # seconds of the stages behind it
    wish: str  # what a person asked of it while it is being made: "", cancel, keep

    def drawing_s(self, now: float) -> float:
        """Seconds it has been drawing, as far as the clocks agree."""
        if self.started_at is None or self.stage != "drawing":
            return 0.0
        return max(0.0, now - self.started_at - sum(self.timings.values()))


def places(session: Session) -> list[Place]:
    """The line in the order it will be made: what runs now, then what waits."""
    columns = (
        Run.id,
        Job.worker.is_not(None),
        Job.attempt,
        Run.model,
        Run.num_frames,
        Run.num_inference_steps,
        Run.guidance_scale > 1,
        Run.stage,
        Run.step,
        Run.total,
        Run.started_at,
        Run.timings,
        Job.wish,
    )
    query = select(*columns).join(Job, Job.run_id == Run.id)
    rows = session.execute(query.order_by(Job.worker.is_(None), Job.position))
    names = Place.__slots__
    return [Place(**dict(zip(names, row, strict=True))) for row in rows]


def waiting(session: Session) -> list[Job]:
    """The jobs nobody works on, next one first."""
    return list(session.scalars(select(Job).where(Job.worker.is_(None)).order_by(Job.position)))


def counts(session: Session) -> tuple[int, int]:
    """How many runs wait and how many are being made."""
    workers = session.scalars(select(Job.worker)).all()
    running = sum(worker is not None for worker in workers)
    return len(workers) - running, running


def waiting_of(session: Session, visitor: str) -> int:
    """How many runs of one visitor wait."""
    query = select(func.count()).select_from(Job).join(Run, Run.id == Job.run_id)
    return session.scalar(query.where(Job.worker.is_(None), Run.visitor == visitor)) or 0


def append(session: Session, run: Run, attempt: int) -> None:
    """A job at the end of the line, for a run that may be new itself."""
    last = session.scalar(LAST) or 0
    session.add(run)
    session.flush()  # the job's row names the run's
    session.add(Job(run_id=run.id, attempt=attempt, position=last + 1))


def move(session: Session, run_id: str, before: str | None) -> bool:
    """Put a waiting job before another, or at the end; False where either does not wait."""
    jobs = waiting(session)
    places = {job.run_id: place for place, job in enumerate(jobs)}
    if run_id not in places or (before is not None and before not in places):
        return False
    positions = [job.position for job in jobs]
    moved = jobs[places[run_id]]
    others = [job for job in jobs if job is not moved]
    goal = next((place for place, job in enumerate(others) if job.run_id == before), len(others))
    if before == run_id:
        goal = places[run_id]
    for job, position in zip([*others[:goal], moved, *others[goal:]], positions, strict=True):
        job.position = position
    next_value(session, "rev")
    return True


def follower(session: Session, run_id: str) -> str | None:
    """The run that waits right behind another one; None at the end, or where it does not wait."""
    ids = [job.run_id for job in waiting(session)]
    if run_id not in ids[:-1]:
        return None
    return ids[ids.index(run_id) + 1]
