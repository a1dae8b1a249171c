"""A worker that sleeps through the end of its lease: when it wakes up, the run is another's."""

import os
import signal
import time

import pytest
from chaos_ways import Bench, all_ended, all_runs, assert_whole, is_stopped
from studio_ways import eventually

from storage.queue import Queue

HOUR_S = 3600.0


@pytest.mark.parametrize("moment", [1, 3, 7, 12, 17, 22, 26, 30])
def test_a_worker_that_slept_too_long_writes_nothing_and_works_on(
    database, settings, submit, nursery, moment
):
    run = submit()
    _, process = nursery.start(moment, inside="make", stop=True)
    eventually(lambda: is_stopped(process))
    later = Queue(database, clock=lambda: time.time() + HOUR_S)
    [lost] = later.recover(every=False)
    assert (lost.run_id, lost.attempt) == (run.id, 1)
    Bench(settings, database, queue=later).make_next()
    [made] = columns(database)
    os.kill(process, signal.SIGCONT)
    submit()
    eventually(lambda: [run.state for run in all_runs(database)] == ["done", "done"])
    os.kill(process, signal.SIGTERM)
    nursery.wait()
    assert columns(database)[0] == made
    assert (made["attempt"], made["state"]) == (2, "done")
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
