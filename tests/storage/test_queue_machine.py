"""Any order of events: no job is lost, leases belong to running runs, tries are limited."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sample_rows import add_assets, make_run
from sqlalchemy import select

from storage.database import Database
from storage.line import waiting
from storage.outcomes import MAX_DEATHS
from storage.queue import Queue
from storage.tables import Job, Run

ENDED = {"done", "failed", "cancelled"}
picks = st.integers(1, 3)  # the newest ones: they are where things happen


@cache
def template():
    """A migrated database with the assets, made once."""
    root = Path(tempfile.mkdtemp())
    database = Database.open(root)
    add_assets(database)
    database.close()
    atexit.register(shutil.rmtree, root)
    return root


class QueueMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        shutil.copy(template() / "app.db", self.root)
        self.database = Database.open(self.root)
        self.now = 1000.0
        self.queue = Queue(self.database, lease_s=10, clock=lambda: self.now)
        self.added, self.claims, self.workers = [], [], 0

    def teardown(self):
        self.database.close()
        shutil.rmtree(self.root)

    def pick(self, values, number):
        return values[-min(number, len(values))] if values else None

    def row(self, run_id):
        with self.database.read() as session:
            return session.get(Run, run_id)

    @initialize()
    def add_first(self):
        self.add()

    @rule()
    def add(self):
        self.added.append(self.queue.add(make_run()).id)

    @rule()
    def claim(self):
        self.workers += 1
        claim = self.queue.claim(f"w{self.workers}")
        if claim:
            self.claims.append(claim)

    @rule(number=picks, step=st.integers(0, 9))
    def report(self, number, step):
        if claim := self.pick(self.claims, number):
            before = self.row(claim.run_id)
            hold = self.queue.report(claim, stage="drawing", step=step, total=9)
            after = self.row(claim.run_id)
            if hold == "lost":
                assert (after.rev, after.step) == (before.rev, before.step)
            else:
                assert (after.state, after.attempt) == ("running", claim.attempt)

    @rule(number=picks, state=st.sampled_from(["done", "failed", "cancelled"]))
    def finish(self, number, state):
        if claim := self.pick(self.claims, number):
            before = self.row(claim.run_id)
            if self.queue.finish(claim, state):
                assert (before.state, before.attempt) == ("running", claim.attempt)
                assert self.row(claim.run_id).state == state
            else:
                assert self.row(claim.run_id).rev == before.rev

    @rule(number=picks)
    def release(self, number):
        if claim := self.pick(self.claims, number):
            self.queue.release(claim)

    @rule(seconds=st.sampled_from([1, 6, 11, 3600, -3600]))
    def time_passes_or_the_clock_is_set(self, seconds):
        self.now += seconds

    @rule(number=picks, before=st.integers(0, 3))
    def move(self, number, before):
        if run_id := self.pick(self.added, number):
            goal = self.pick(self.added, before) if before else None
            waited = self.waiting()
            moved = self.queue.move(run_id, goal)
            assert moved == (run_id in waited and goal in (None, *waited))
            assert sorted(self.waiting()) == sorted(waited)

    @rule(number=picks)
    def edit(self, number):
        if run_id := self.pick(self.added, number):
            waits = run_id in self.waiting()
            assert self.queue.replace(run_id, prompt="another lamp") == waits

    @rule(number=picks)
    def keep(self, number):
        if run_id := self.pick(self.added, number):
            running = self.row(run_id).state == "running"
            assert self.queue.keep(run_id) == running

    @rule(number=picks)
    def a_worker_is_found_dead(self, number):
        if claim := self.pick(self.claims, number):
            self.queue.recover_worker(claim.worker)
            assert self.queue.beat(claim) == "lost"

    @rule(paused=st.booleans())
    def pause(self, paused):
        self.queue.pause(paused)
        if paused:
            assert self.queue.claim("nobody") is None

    def waiting(self):
        with self.database.read() as session:
            return [job.run_id for job in waiting(session)]

    @rule()
    def the_gpu_lock_is_taken(self):
        self.queue.recover()

    @rule(number=picks)
    def cancel(self, number):
        if run_id := self.pick(self.added, number):
            self.queue.cancel(run_id)

    @rule(number=picks)
    def retry(self, number):
        if run_id := self.pick(self.added, number):
            self.queue.retry(run_id)

    @invariant()
    def rows_agree(self):
        with self.database.read() as session:
            runs = {run.id: run for run in session.scalars(select(Run))}
            jobs = {job.run_id: job for job in session.scalars(select(Job))}
        assert set(runs) == set(self.added)  # none is lost
        assert len({job.position for job in jobs.values()}) == len(jobs)
        for run in runs.values():
            job = jobs.get(run.id)
            assert (job is None) == (run.state in ENDED)  # what has not ended will be worked on
            assert (run.ended_at is not None) == (run.state in ENDED)
            if job:
                assert (job.worker is not None) == (run.state == "running")
                assert (job.lease_until is not None) == (run.state == "running")
                assert job.deaths < MAX_DEATHS
                assert job.wish == "" or run.state == "running"
                assert run.attempt == job.attempt


QueueMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestQueueMachine = QueueMachine.TestCase
