"""The order of the line: people may change it, and nothing gets lost in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_rows import add_assets, make_run
from sqlalchemy import func, select

from storage.database import Database
from storage.errors import QueueFullError
from storage.line import places, waiting
from storage.queue import Queue
from storage.runs import current_rev
from storage.tables import Run


@pytest.fixture
def queue(database):
    return Queue(database)


@pytest.fixture
def fill(queue, new_run):
    return lambda count: [queue.add(new_run()).id for _ in range(count)]


def order(database):
    with database.read() as session:
        return [job.run_id for job in waiting(session)]


def test_a_run_is_moved_before_another_or_to_the_end(queue, database, fill):
    a, b, c, d = fill(4)
    assert queue.move(d, a)
    assert order(database) == [d, a, b, c]
    assert queue.move(d, None)
    assert order(database) == [a, b, c, d]
    assert queue.move(a, c)
    assert order(database) == [b, a, c, d]
    assert queue.move(c, c)
    assert order(database) == [b, a, c, d]


def test_the_next_one_is_claimed_next(queue, database, fill):
    a, b, c = fill(3)
    assert queue.move_to_front(c)
    assert [queue.claim("w").run_id for _ in range(3)] == [c, a, b]


def test_a_run_that_has_started_keeps_its_place(queue, database, fill):
    a, b, c = fill(3)
    queue.claim("w")
    assert not queue.move(a, None)
    assert not queue.move(b, a)
    assert queue.move_to_front(c)
    with database.read() as session:
        assert [place.run_id for place in places(session)] == [a, c, b]


def test_a_job_that_was_put_back_is_first_in_line_again(queue, database, fill):
    a, b, c = fill(3)
    claim = queue.claim("w")
    queue.move_to_front(c)
    queue.release(claim)
    assert order(database) == [a, c, b]


def test_a_copy_follows_its_original(queue, database, fill, new_run):
    a, b, c = fill(3)
    copy = queue.add(new_run(), behind=b).id
    assert order(database) == [a, b, copy, c]
    queue.claim("w")
    late = queue.add(new_run(), behind=a).id  # which runs by now
    assert order(database) == [b, copy, c, late]


def test_pages_hear_of_another_order(queue, database, fill):
    a, _, c = fill(3)
    with database.read() as session:
        before = current_rev(session)
    queue.move(c, a)
    with database.read() as session:
        assert current_rev(session) > before


@settings(max_examples=40, deadline=None)
@given(moves=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), max_size=6))
def test_any_moves_give_the_order_a_list_would_have(tmp_path_factory, moves):
    database = Database.open(tmp_path_factory.mktemp("line"))
    add_assets(database)
    queue = Queue(database)
    wanted = [queue.add(make_run()).id for _ in range(5)]
    names = list(wanted)
    for moved, before in moves:
        goal = names[before] if before < 5 else None
        assert queue.move(names[moved], goal)
        if goal != names[moved]:
            wanted.remove(names[moved])
            wanted.insert(wanted.index(goal) if goal else len(wanted), names[moved])
    assert order(database) == wanted
    database.close()


def test_what_a_waiting_run_asks_for_can_be_changed_and_what_a_running_one_asks_for_not(
    queue, database, fill
):
    a, b = fill(2)
    queue.claim("w")
    assert queue.replace(b, prompt="a door")
    assert not queue.replace(a, prompt="a door")
    with database.read() as session:
        assert [session.get(Run, run).prompt for run in (a, b)] == ["a lamp", "a door"]


def test_one_visitor_may_fill_only_part_of_the_line(queue, new_run):
    for _ in range(3):
        queue.add(new_run(visitor="ann"), limited=True)
    with pytest.raises(QueueFullError, match="3 of your runs are waiting"):
        queue.add(new_run(visitor="ann"), limited=True)
    queue.add(new_run(visitor="bob"), limited=True)
    queue.add(new_run(visitor="ann"))  # the owner's own runs are not limited


def test_a_refused_run_leaves_nothing_behind(database, new_run):
    queue = Queue(database, max_queued=1)
    queue.add(new_run())
    with pytest.raises(QueueFullError):
        queue.add(new_run())
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Run)) == 1


def test_a_wish_to_keep_reaches_the_worker_and_never_undoes_a_cancel(queue, fill):
    run, waits = fill(2)
    assert not queue.keep(run)
    claim = queue.claim("w")
    assert queue.keep(run)
    assert queue.beat(claim) == "keep"
    assert queue.report(claim, stage="drawing", step=1, total=4) == "keep"
    queue.cancel(run)
    assert not queue.keep(waits)
    queue.keep(run)
    assert queue.beat(claim) == "cancel"


def test_a_wish_to_keep_dies_with_what_there_was_to_keep(queue, fill):
    fill(1)
    claim = queue.claim("w")
    queue.keep(claim.run_id)
    [dead] = queue.recover_worker("w")
    assert dead == claim
    assert queue.beat(queue.claim("w2")) == "held"


def test_only_the_dead_worker_s_jobs_are_taken_back(queue, fill):
    fill(2)
    first, second = queue.claim("w1"), queue.claim("w2")
    assert queue.recover_worker("w1") == [first]
    assert queue.beat(first) == "lost"
    assert queue.beat(second) == "held"
