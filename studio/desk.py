"""What people do with runs: submit, change, order and stop them.

A run is committed `queued` before `submit` returns. Everything a person can get wrong raises
`InvalidRequestError` with a sentence and the field it belongs to; every method checks whether the
visitor may do what it does. Nothing here generates, and nothing imports torch.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from sanawm.errors import InvalidRequestError
from sanawm.memory_plan import Job
from sanawm.request import check_length
from storage import runs as rows
from storage.database import Database
from storage.errors import StorageError
from storage.line import counts, places
from storage.queue import PAUSED, Queue
from storage.settings import read_setting
from storage.tables import INBOX, Notebook, Run
from studio import submission
from studio.estimate import describe
from studio.identity import Ownership, visitor_id
from studio.media import MediaKeys
from studio.models import ModelShelf
from studio.open_links import OpenLinks
from studio.pace import Line, Pace
from studio.preflight import Machine, memory_of, seconds_of
from studio.run_views import RunPresenter
from studio.views import Draft, EstimateView, LineView, Relation, RunView, StatusView
from studio.workbench import read_worker

TODAY_S = 24 * 3600.0
STARTED = "Run {number} has started. What you changed can be submitted as a new run."
ENDED = "Run {number} does not wait any more. What you changed can be submitted as a new run."
NOT_WAITING = "One of these runs does not wait any more. The order is as it was."
NOT_YOURS = "Only whoever started this run can change it."
NOT_OWNER = "Only the owner of this notebook can change the order of the queue or pause it."
UNKNOWN = "This run is not in the notebook."


class Desk:
    """The queue as the people at the page see it; safe to call from many threads."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        *,
        ownership: Ownership,
        shelf: ModelShelf,
        keys: MediaKeys,
        pace: Pace,
    ) -> None:
        self._database = database  # as far as whoever asks may see it
        self._everything = database
        self._queue = queue
        self._ownership = ownership
        self._shelf = shelf
        self._keys = keys
        self._pace = pace
        self._links = OpenLinks(database, ownership, self._views)

    # ---- reading

    def status(self) -> StatusView:
        """What the worker and the queue are doing, and who waits."""
        with self._everything.read() as session:
            worker, pause = read_worker(session), read_setting(session, PAUSED)
            line, (queued, running) = self._line(session), counts(session)
        paused = bool(pause.get("paused", False))
        return StatusView(
            model=worker.get("state", "starting"),
            sentence=worker.get("sentence", ""),
            queued=queued,
            running=running,
            paused=paused,
            pause_reason=pause.get("reason", "by hand") if paused else "",
            line=self._seen_places(line.waiting),
        )

    def _seen_places(self, places: list[LineView]) -> list[LineView]:
        """The places of runs that may be seen; they count everybody's."""
        if self._database is self._everything or not places:
            return places
        with self._database.read() as session:
            waiting = select(Run.id).where(Run.id.in_([place.id for place in places]))
            seen = set(session.scalars(waiting))
        return [place for place in places if place.id in seen]

    def run(self, run_id: str) -> RunView:
        """One run; raises InvalidRequestError where there is none."""
        with self._database.read() as session:
            return self._views(session, [row_of(session, run_id)])[0]

    def may_come_from(self, run_id: str) -> bool:
        """Whether a draft may name a run as what it comes from: one that may be seen, or that a
        link shows. What is in the latter is only for whoever has the link.
        """
        return self._parent_of(run_id) is not None

    def runs(self, before: str | None = None, limit: int = 30) -> list[RunView]:
        """Newest first; `before` is the id of the last one already shown."""
        with self._database.read() as session:
            return self._views(session, rows.newest(session, before, limit))

    def runs_named(self, run_ids: Sequence[str]) -> list[RunView]:
        """These runs, in no order; one that was deleted for good is left out."""
        with self._database.read() as session:
            found = session.scalars(select(Run).where(Run.id.in_(run_ids))).all()
            return self._views(session, found)

    def queue_runs(self) -> list[RunView]:
        """What runs, what waits in order, and what ended in the last day, the latest first."""
        with self._database.read() as session:
            line = [run for one in places(session) if (run := session.get(Run, one.run_id))]
            ended = rows.ended_since(session, time.time() - TODAY_S)
            return self._views(session, [*line, *ended])

    def changes(self, after_rev: int) -> tuple[int, list[RunView]]:
        """Runs that changed after a revision, newest change first, and the revision that leads to.

        That is the current one, unless more runs changed than one reading may hold: ask again.
        """
        with self._database.read() as session:
            rev, found = rows.current_rev(session), rows.changed(session, after_rev)
            if len(found) == rows.MAX_PAGE:
                rev = found[-1].rev
            return rev, self._views(session, found[::-1])

    def estimate(self, draft: Draft) -> EstimateView:
        """How long the draft would take, learned from past runs, and in how much memory."""
        model, steps = self._shelf.find(draft.model), draft.num_inference_steps
        job = Job(num_frames=draft.num_frames, guided=draft.guidance_scale > 1)
        check_length(job.num_frames, model.card)
        with self._everything.read() as session:
            speed = self._pace.speed(session, model.card.name, job.num_frames, guided=job.guided)
            machine, wait_s = Machine.told_by(read_worker(session)), self._line(session).wait_s
        seconds = speed.total_s(steps) if speed else seconds_of(model, job, steps, machine)
        memory = memory_of(model, job, machine)
        return describe(seconds, wait_s, measured=speed is not None, memory=memory)

    # ---- new runs

    def submit(self, draft: Draft, client_key: str, visitor: str) -> RunView:
        """Queue a run; the same client key gives the same run."""
        return self._submit(draft, client_key, visitor)

    def retry(self, run_id: str, visitor: str) -> RunView:
        """Queue a failed or cancelled run again, with the same seed and settings."""
        self._check_may_change(run_id, visitor)
        with sentences():
            self._queue.retry(run_id, limited=not self.is_owner(visitor))
        return self.run(run_id)

    def _submit(
        self,
        draft: Draft,
        client_key: str,
        visitor: str,
        *,
        behind: str | None = None,
        relation: Relation | None = None,
    ) -> RunView:
        """`behind` names the waiting run to follow, `relation` what no draft can tell."""
        model, limited = self._shelf.find(draft.model), not self.is_owner(visitor)
        with sentences():
            if limited and (known := self._queue.known_or_room(client_key, visitor_id(visitor))):
                return self.run(known)
            run = submission.make_run(
                self._database,
                model,
                draft,
                self._parent_of(draft.parent_id),
                client_key=client_key,
                visitor=visitor_id(visitor),
            )
            run.relation = relation or run.relation
            place = self._place_of(draft, visitor)
            added = self._queue.add(run, limited=limited, behind=behind, notebook_id=place)
        return self.run(added.id)

    def _parent_of(self, run_id: str | None) -> Run | None:
        """The row of a run that a draft may come from; None where it may not, or names none."""
        if not run_id:
            return None
        with self._database.read() as session:
            if seen := session.get(Run, run_id):
                return seen
        return self._links.shown(run_id)

    def _place_of(self, draft: Draft, visitor: str) -> str:
        """The notebook that a visitor's run goes to: one that they may change, else the inbox."""
        if draft.notebook_id == INBOX:
            return INBOX
        with self._database.read() as session:
            notebook = session.get(Notebook, draft.notebook_id)
        if notebook is None or not self._ownership.may_change(notebook.visitor, visitor):
            return INBOX
        return notebook.id

    # ---- changing what waits and stopping what runs

    def edit(self, run_id: str, draft: Draft, visitor: str) -> RunView:
        """Let a waiting run ask for something else; refused with a sentence once it has started."""
        self._check_may_change(run_id, visitor)
        fields = submission.deciding_fields(self._database, self._shelf.find(draft.model), draft)
        with self._database.read() as session:
            own = row_of(session, run_id)
        parent = self._parent_of(own.parent_id)
        if parent or not own.parent_id:  # else its link is withdrawn, and what it was stays so
            fields |= submission.relation_to(parent, fields)
        changed, run = self._queue.replace(run_id, **fields), self.run(run_id)
        if not changed:
            sentence = STARTED if run.state == "running" else ENDED
            raise InvalidRequestError(sentence.format(number=run.number))
        return run

    def cancel(self, run_id: str, visitor: str) -> RunView:
        """Cancel at once where queued, within one step where running; else nothing happens."""
        self._check_may_change(run_id, visitor)
        self._queue.cancel(run_id)
        return self.run(run_id)

    def keep(self, run_id: str, visitor: str) -> RunView:
        """Stop a running run after the step in hand and keep what there is."""
        self._check_may_change(run_id, visitor)
        self._queue.keep(run_id)
        return self.run(run_id)

    # ---- the owner's order

    def move(self, run_id: str, before: str | None, visitor: str) -> None:
        """Let a waiting run be made before another, or last of all."""
        self._check_owner(visitor)
        if not self._queue.move(run_id, before):
            raise InvalidRequestError(NOT_WAITING)

    def run_next(self, run_id: str, visitor: str) -> None:
        """Let a waiting run be the next one."""
        self._check_owner(visitor)
        if not self._queue.move_to_front(run_id):
            raise InvalidRequestError(NOT_WAITING)

    def pause(self, visitor: str) -> None:
        """Start no further run."""
        self._check_owner(visitor)
        self._queue.pause(True)

    def resume(self, visitor: str) -> None:
        """Start queued runs again."""
        self._check_owner(visitor)
        self._queue.pause(False)

    # ---- who may

    def is_owner(self, visitor: str) -> bool:
        """Whether the notebook belongs to whoever sent this key."""
        return self._ownership.is_owner(visitor)

    def _check_owner(self, visitor: str) -> None:
        if not self.is_owner(visitor):
            raise InvalidRequestError(NOT_OWNER)

    def _check_may_change(self, run_id: str, visitor: str) -> None:
        with self._database.read() as session:
            run = row_of(session, run_id)
        if not self._ownership.may_change(run.visitor, visitor):
            raise InvalidRequestError(NOT_YOURS)

    # ---- views

    def _line(self, session: Session) -> Line:
        paused = bool(read_setting(session, PAUSED).get("paused", False))
        able = read_worker(session).get("state") not in ("missing", "stopped")
        return self._pace.line(session, starts=able and not paused)

    def _views(self, session: Session, found: Sequence[Run]) -> list[RunView]:
        lengths = cache(self._lengths)
        if self._database is self._everything:
            line = self._line(session)
        else:
            with self._everything.read() as whole:
                line = self._line(whole)
        return RunPresenter(session, self._keys, line, lengths).views(found)

    def _lengths(self, model: str) -> tuple[int, ...]:
        try:
            return self._shelf.find(model).card.lengths
        except InvalidRequestError:
            return ()


def row_of(session: Session, run_id: str) -> Run:
    """The row of a run, or a sentence."""
    run = session.get(Run, run_id)
    if run is None:
        raise InvalidRequestError(UNKNOWN)
    return run


@contextmanager
def sentences() -> Iterator[None]:
    """What the storage refuses is something the person asked for."""
    try:
        yield
    except StorageError as error:
        raise InvalidRequestError(str(error)) from error
