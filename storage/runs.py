"""Reading runs: pages of the notebook, what changed, who waits, what past runs took.

Pages go by key, never by offset, so a page stays the same while new runs arrive above it. Every
write to a run takes the next value of the "rev" counter; a page that knows a revision asks for
everything after it.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from storage.tables import Asset, Counter, Job, Run

MAX_PAGE = 200


def next_value(session: Session, counter: str) -> int:
    """Advance a counter and return its new value."""
    statement = insert(Counter).values(name=counter, value=1)
    value = session.scalar(
        statement.on_conflict_do_update(
            index_elements=[Counter.name], set_={"value": Counter.value + 1}
        ).returning(Counter.value)
    )
    assert isinstance(value, int)
    return value


def touch(session: Session, run: Run) -> None:
    """Mark a run as changed now."""
    run.rev = next_value(session, "rev")


def current_rev(session: Session) -> int:
    """The revision of the newest change; 0 in a fresh notebook."""
    return session.scalar(select(Counter.value).where(Counter.name == "rev")) or 0


def newest(session: Session, before: str | None, limit: int) -> Sequence[Run]:
    """A page of runs, newest first, older than the run `before`."""
    query = select(Run).order_by(Run.id.desc()).limit(max(1, min(limit, MAX_PAGE)))
    if before is not None:
        query = query.where(Run.id < before)
    return session.scalars(query).all()


def changed(session: Session, after_rev: int) -> Sequence[Run]:
    """Runs written after a revision, and all that wait or run, since their place may change."""
    active = select(Job.run_id)
    query = select(Run).where((Run.rev > after_rev) | Run.id.in_(active)).order_by(Run.rev.desc())
    return session.scalars(query.limit(MAX_PAGE)).all()


def by_client_key(session: Session, client_key: str) -> Run | None:
    """The run a click already made."""
    return session.scalar(select(Run).where(Run.client_key == client_key))


def parents(session: Session, runs: Iterable[Run]) -> dict[str, Run]:
    """The parents of the runs that have one, by id."""
    ids = {run.parent_id for run in runs if run.parent_id}
    return {run.id: run for run in session.scalars(select(Run).where(Run.id.in_(ids)))}


def images(session: Session, runs: Iterable[Run]) -> dict[str, Asset]:
    """The first frames of the runs, by hash."""
    hashes = {run.image_sha256 for run in runs}
    return {
        asset.sha256: asset
        for asset in session.scalars(select(Asset).where(Asset.sha256.in_(hashes)))
    }


def line(session: Session) -> Sequence[Run]:
    """Runs in the order they will be made: what runs now, then what waits."""
    return session.scalars(
        select(Run)
        .join(Job, Job.run_id == Run.id)
        .order_by(Job.worker.is_(None), Job.priority.desc(), Job.id)
    ).all()


def counts(session: Session) -> tuple[int, int]:
    """How many runs wait and how many are being made."""
    workers = session.scalars(select(Job.worker)).all()
    running = sum(worker is not None for worker in workers)
    return len(workers) - running, running


def finished(session: Session, model: str, limit: int = 20) -> Sequence[Run]:
    """The latest finished runs of a model, newest first: what estimates are learned from."""
    query = select(Run).where(Run.model == model, Run.state == "done")
    return session.scalars(query.order_by(Run.id.desc()).limit(limit)).all()


def attempts(session: Session) -> dict[str, int]:
    """Every run's current attempt, by run id."""
    return {
        run_id: attempt for run_id, attempt in session.execute(select(Run.id, Run.attempt)).tuples()
    }
