"""Reading runs: pages of the notebook, what changed, what past runs took.

Pages go by key, never by offset, so a page stays the same while new runs arrive above it. Every
write to a run takes the next value of the "rev" counter; a page that knows a revision asks for
everything after it.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session, defer

from storage.files import Attempt
from storage.tables import Asset, Counter, Run

MAX_PAGE = 200
COUNTERS = Counter.metadata.tables["counters"]
ADVANCE = (  # part of every change, so it is put together once
    insert(COUNTERS)
    .values(name=bindparam("counter"), value=1)
    .on_conflict_do_update(index_elements=[COUNTERS.c.name], set_={"value": COUNTERS.c.value + 1})
    .returning(COUNTERS.c.value)
)


def next_value(session: Session, counter: str) -> int:
    """Advance a counter and return its new value."""
    value = session.connection().scalar(ADVANCE, {"counter": counter})
    assert isinstance(value, int)
    return value


def touch(session: Session, run: Run) -> None:
    """Mark a run as changed now."""
    run.rev = next_value(session, "rev")


def touch_parents(session: Session, runs: Iterable[Run]) -> None:
    """Tell pages of the parents of some runs anew: they have more children, or fewer."""
    for parent in parents(session, runs).values():
        touch(session, parent)


def current_rev(session: Session) -> int:
    """The revision of the newest change; 0 in a fresh notebook."""
    return session.scalar(select(Counter.value).where(Counter.name == "rev")) or 0


def newest(session: Session, before: str | None, limit: int) -> Sequence[Run]:
    """A page of runs, newest first, older than the run `before`; none in the trash."""
    query = select(Run).where(Run.deleted_at.is_(None)).order_by(Run.id.desc())
    query = query.limit(max(1, min(limit, MAX_PAGE)))
    if before is not None:
        query = query.where(Run.id < before)
    return session.scalars(query).all()


def changed(session: Session, after_rev: int) -> Sequence[Run]:
    """Runs written after a revision, oldest change first, as many as one reading may hold."""
    query = select(Run).where(Run.rev > after_rev).order_by(Run.rev)
    return session.scalars(query.limit(MAX_PAGE)).all()


def ended_since(session: Session, moment: float) -> Sequence[Run]:
    """Runs that ended after a moment, the latest first."""
    query = select(Run).where(Run.ended_at > moment, Run.deleted_at.is_(None))
    query = query.order_by(Run.ended_at.desc())
    return session.scalars(query.limit(MAX_PAGE)).all()


def parents(session: Session, runs: Iterable[Run]) -> dict[str, Run]:
    """The parents of the runs that have one, by id."""
    ids = {run.parent_id for run in runs if run.parent_id}
    if not ids:
        return {}
    return {run.id: run for run in session.scalars(select(Run).where(Run.id.in_(ids)))}


def images(session: Session, runs: Iterable[Run]) -> dict[str, Asset]:
    """The first frames of the runs, by hash."""
    hashes = {run.image_sha256 for run in runs}
    return {
        asset.sha256: asset
        for asset in session.scalars(select(Asset).where(Asset.sha256.in_(hashes)))
    }


def finished(session: Session, model: str, limit: int = 20) -> Sequence[Run]:
    """The latest finished runs of a model, newest first: what estimates are learned from."""
    query = select(Run).where(*_done(model)).options(defer(Run.path_points))
    return session.scalars(query.order_by(Run.ended_at.desc()).limit(limit)).all()


def newest_finish(session: Session, model: str) -> float:
    """When the latest finished run of a model ended; 0 where there is none."""
    return session.scalar(select(func.max(Run.ended_at)).where(*_done(model))) or 0.0


def _done(model: str) -> tuple[ColumnElement[bool], ...]:
    return Run.model == model, Run.state == "done"


def attempts(session: Session) -> dict[str, Attempt]:
    """Every run's current attempt, by run id."""
    rows = session.execute(select(Run.id, Run.attempt, Run.state))
    return {
        run_id: Attempt(number, log_only=state in ("failed", "cancelled"))
        for run_id, number, state in rows
    }
