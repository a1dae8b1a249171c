"""A worker that sleeps through the end of its lease: when it wakes up, the run is another's."""

import os
import signal

import pytest
from chaos_ways import Bench, all_ended, all_runs, assert_whole, is_stopped
from studio_ways import eventually

from storage.queue import Queue


@pytest.fixture
def sleeper(database, submit, nursery):
    """A worker that stops at a moment of its first run, which is then taken back from it."""

    def sleeper(moment):
        run = submit()
        _, process = nursery.start(moment, inside="make", stop=True)
        eventually(lambda: is_stopped(process))
        [lost] = Queue(database).recover()
        assert (lost.run_id, lost.attempt) == (run.id, 1)
        return process

    return sleeper


@pytest.fixture
def wake(database, submit, nursery):
    """Wake a worker; once it has made another run, end it."""

    def wake(process):
        other = submit()
        os.kill(process, signal.SIGCONT)
        eventually(lambda: all_runs(database)[-1].state == "done")
        os.kill(process, signal.SIGTERM)
        nursery.wait()
        assert all_runs(database)[-1].id == other.id

    return wake


@pytest.mark.parametrize("moment", [1, 7, 17, 26])
def test_a_worker_that_slept_too_long_does_not_touch_what_another_has_made(
    database, settings, sleeper, wake, moment
):
    process = sleeper(moment)
    bench = Bench(settings, database, Queue(database))
    bench.make(bench.claim())
    [made] = columns(database)
    wake(process)
    assert columns(database)[0] == made
    assert (made["attempt"], made["state"]) == (2, "done")
    assert_whole(database)


@pytest.mark.parametrize("moment", [3, 12, 22, 30])
def test_a_worker_that_slept_too_long_does_not_touch_what_another_is_making(
    database, settings, sleeper, wake, moment
):
    process = sleeper(moment)
    bench = Bench(settings, database, Queue(database))
    claim = bench.claim()
    [begun] = columns(database)
    wake(process)
    assert columns(database)[0] == begun
    bench.make(claim)
    assert [(run.state, run.attempt) for run in all_runs(database)] == [("done", 2), ("done", 1)]
    assert_whole(database)


@pytest.mark.parametrize("prompt", ["stall, a lamp", "stall with the lock, a lamp"])
def test_a_supervisor_replaces_a_worker_that_stopped_breathing(
    database, submit, start_worker, prompt
):
    submit(prompt)
    submit()
    supervisor = start_worker(lease_s=1)
    stalled = eventually(lambda: supervisor.pid)
    eventually(lambda: all_ended(database))
    assert supervisor.pid != stalled
    assert [(run.state, run.attempt) for run in all_runs(database)] == [("done", 2), ("done", 1)]
    assert_whole(database)


def columns(database):
    """Every run's row."""
    runs = all_runs(database)
    return [{c.key: getattr(run, c.key) for c in run.__table__.columns} for run in runs]
