"""Claims are given once, fenced, and survive the death of whoever held them."""

import threading

import pytest
from sqlalchemy import select

from storage.database import Database
from storage.errors import QueueFullError
from storage.queue import Queue
from storage.tables import Job, Run


def state_of(database, run_id):
    with database.read() as session:
        return session.get(Run, run_id).state


@pytest.fixture
def queue(database):
    return Queue(database)


def test_runs_are_made_in_the_order_they_were_queued(queue, new_run):
    ids = [queue.add(new_run()).id for _ in range(3)]
    assert [queue.claim("w").run_id for _ in ids] == ids
    assert queue.claim("w") is None


def test_runs_are_numbered_from_one(queue, new_run):
    assert [queue.add(new_run()).number for _ in range(3)] == [1, 2, 3]


def test_threads_with_engines_of_their_own_claim_distinct_jobs(database, new_run):
    queue = Queue(database, max_queued=100)
    ids = {queue.add(new_run()).id for _ in range(60)}
    claimed, start = [], threading.Barrier(6)

    def work(name):
        own = Database.open(database.folder.root)
        start.wait()
        while claim := Queue(own).claim(name):
            claimed.append(claim.run_id)
        own.close()

    threads = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == 60
    assert set(claimed) == ids


def test_the_same_click_makes_one_run(queue, database, new_run):
    first, second = queue.add(new_run(client_key="k")), queue.add(new_run(client_key="k"))
    assert first.id == second.id
    with database.read() as session:
        assert len(session.scalars(select(Job)).all()) == 1


def test_clicks_of_many_threads_with_one_key_make_one_run(database, queue, new_run):
    runs = [new_run(client_key="k") for _ in range(8)]
    ids = set()
    threads = [threading.Thread(target=lambda run=run: ids.add(queue.add(run).id)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 1


def test_a_full_queue_refuses_with_a_sentence(database, new_run):
    queue = Queue(database, max_queued=2)
    queue.add(new_run())
    queue.add(new_run(client_key="again"))
    with pytest.raises(QueueFullError, match="2 runs are waiting already"):
        queue.add(new_run())
    assert queue.add(new_run(client_key="again")).number == 2  # the same click is no new run
    queue.claim("w")
    assert queue.add(new_run()).state == "queued"


def test_a_dead_worker_s_job_becomes_attempt_two(queue, new_run):
    run = queue.add(new_run())
    first = queue.claim("w1")
    assert queue.recover() == [first]
    second = queue.claim("w2")
    assert (second.run_id, second.attempt) == (run.id, 2)
    assert queue.finish(second, "done")


def test_a_job_that_killed_two_workers_fails_and_keeps_a_sentence(queue, database, new_run):
    run = queue.add(new_run())
    for worker in ("w1", "w2"):
        queue.claim(worker)
        queue.recover()
    assert state_of(database, run.id) == "failed"
    assert queue.claim("w3") is None
    with database.read() as session:
        assert "stopped twice" in session.get(Run, run.id).error


def test_a_released_job_counts_no_death(queue, database, new_run):
    run = queue.add(new_run())
    for worker in ("w1", "w2", "w3"):
        assert queue.release(queue.claim(worker))
    assert state_of(database, run.id) == "queued"
    queue.claim("w4")
    queue.release_worker("w4")
    assert queue.claim("w5").attempt == 5


def test_a_stalled_worker_can_write_nothing_after_losing_its_job(queue, database, new_run):
    run = queue.add(new_run())
    stalled = queue.claim("w1")
    queue.recover()
    holder = queue.claim("w2")
    assert queue.beat(stalled) == "lost"
    assert queue.report(stalled, stage="drawing", step=9, total=9, preview="x.webp") == "lost"
    assert not queue.finish(stalled, "done")
    assert not queue.release(stalled)
    with database.read() as session:
        row = session.get(Run, run.id)
        assert (row.state, row.step, row.preview) == ("running", 0, "")
    assert queue.finish(holder, "done")


def test_the_same_worker_s_older_attempt_is_fenced_too(queue, new_run):
    queue.add(new_run())
    old = queue.claim("w")
    queue.recover()
    new = queue.claim("w")
    assert not queue.finish(old, "done")
    assert queue.finish(new, "done")


def test_cancel_ends_a_queued_run_at_once(queue, database, new_run):
    run = queue.add(new_run())
    assert queue.cancel(run.id) == "cancelled"
    assert state_of(database, run.id) == "cancelled"
    assert queue.claim("w") is None
    assert queue.cancel(run.id) == "ended"


def test_cancel_of_a_running_run_reaches_its_worker(queue, database, new_run):
    run = queue.add(new_run())
    claim = queue.claim("w")
    assert queue.report(claim, stage="drawing", step=1, total=4) == "held"
    assert queue.cancel(run.id) == "asked"
    assert queue.report(claim, stage="drawing", step=2, total=4) == "cancel"
    assert queue.beat(claim) == "cancel"


def test_a_run_that_was_to_be_cancelled_is_not_made_again_when_its_worker_dies(
    queue, database, new_run
):
    run = queue.add(new_run())
    queue.claim("w")
    queue.cancel(run.id)
    queue.recover()
    assert state_of(database, run.id) == "cancelled"


def test_retry_queues_a_failed_run_again_with_a_folder_of_its_own(queue, database, new_run):
    run = queue.add(new_run())
    assert not queue.retry(run.id)
    queue.finish(queue.claim("w"), "failed", error="No memory.")
    assert queue.retry(run.id)
    assert not queue.retry(run.id)
    with database.read() as session:
        assert session.get(Run, run.id).error == ""
    assert queue.claim("w").attempt == 2


def test_a_paused_queue_gives_out_nothing(queue, new_run):
    queue.add(new_run())
    queue.pause(True)
    assert queue.claim("w") is None
    queue.pause(False)
    assert queue.claim("w") is not None


def test_a_preview_stays_until_the_next_one(queue, database, new_run):
    run = queue.add(new_run())
    claim = queue.claim("w")
    queue.report(claim, stage="drawing", step=1, total=4, preview="p1.webp")
    queue.report(claim, stage="drawing", step=2, total=4)
    with database.read() as session:
        assert session.get(Run, run.id).preview == "p1.webp"
