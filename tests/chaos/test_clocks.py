"""The wall clock jumps by an hour, either way: no run is lost, none is worked on twice for long."""

import threading
import time

import pytest
from chaos_ways import Bench, all_ended, all_runs, assert_whole, finish_everything
from sqlalchemy import select
from studio_ways import eventually

from storage.queue import Queue
from storage.tables import Job

HOUR_S = 3600.0


class Clock:
    """The wall clock, which somebody sets."""

    ahead = 0.0
    true = staticmethod(time.time)

    def __call__(self):
        return self.true() + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def queue(database, clock):
    return Queue(database, clock=clock)


@pytest.fixture
def start_making(settings, database, queue, submit):
    """A run, and a thread that has begun to make it."""

    def start_making():
        run = submit("slowly, a lamp")
        bench = Bench(settings, database, queue)
        thread = threading.Thread(target=bench.make, args=(bench.claim(),))
        thread.start()
        eventually(lambda: all_runs(database)[0].stage == "drawing")
        return run, thread

    return start_making


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
def test_a_jump_while_a_run_is_made_changes_nothing(database, clock, start_making, jump_s):
    _, thread = start_making()
    clock.ahead = jump_s
    thread.join()
    [run] = all_runs(database)
    assert (run.state, run.attempt) == ("done", 1)
    assert_whole(database)


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
def test_where_a_run_is_taken_back_after_a_jump_only_the_new_attempt_counts(
    settings, database, queue, clock, start_making, jump_s
):
    run, thread = start_making()
    clock.ahead = jump_s
    assert [claim.run_id for claim in queue.recover()] == [run.id]
    thread.join()
    assert all_runs(database)[0].state == "queued"
    bench = Bench(settings, database, queue)
    bench.make(bench.claim())
    [run] = all_runs(database)
    assert (run.state, run.attempt) == ("done", 2)
    assert_whole(database)


def test_a_lease_far_in_the_future_does_not_keep_a_dead_worker_s_run(
    database, clock, queue, submit, nursery
):
    clock.ahead = HOUR_S
    run = submit()
    assert queue.claim("dead").run_id == run.id
    finish_everything(database, nursery)
    [run] = all_runs(database)
    assert (run.state, run.attempt) == ("done", 2)


def test_a_supervisor_whose_clock_jumps_leaves_a_working_worker_alone(
    database, clock, submit, start_worker, monkeypatch
):
    submit("until told, a lamp")
    supervisor = start_worker(lease_s=3)
    eventually(lambda: lease(database))
    process = supervisor.pid
    monkeypatch.setattr(time, "time", clock)
    for jump_s in (HOUR_S, -HOUR_S):
        clock.ahead = jump_s
        for _ in range(2):
            before = lease(database)
            eventually(lambda old=before: lease(database) != old)
    (database.folder.root / "go").touch()
    eventually(lambda: all_ended(database))
    assert supervisor.pid == process
    assert [(run.state, run.attempt) for run in all_runs(database)] == [("done", 1)]


def lease(database):
    """Until when the running job is its worker's; None where none runs."""
    with database.read() as session:
        return session.scalar(select(Job.lease_until))
