"""Times left only count down, and places in the line are told with what is known."""

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studio_ways import Bench, draft_of

from storage.tables import Run
from studio.countdown import Countdown
from studio.pace import Pace
from studio.workbench import report_worker


class Clock:
    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_promise_counts_down_with_the_clock(clock):
    countdown = Countdown(clock)
    assert countdown.left_s("run", 10) == 10
    clock.now += 3
    assert countdown.left_s("run", 10) == 7  # slower than expected: the promise stands
    assert countdown.left_s("run", 2) == 2  # faster: a nearer end is promised
    clock.now += 1
    assert countdown.left_s("run", 9) == 1
    clock.now += 60
    assert countdown.left_s("run", 9) == 0


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 100)), min_size=1))
def test_no_time_ever_grows(readings):
    clock = Clock()
    countdown, shown = Countdown(clock), []
    for passed, estimate in readings:
        clock.now += passed
        shown.append(countdown.left_s("run", estimate))
    assert shown == sorted(shown, reverse=True)


def test_whoever_is_overtaken_is_told_a_new_time(clock):
    countdown = Countdown(clock)
    assert countdown.left_s("c", 10, ahead=["a", "b"]) == 10
    clock.now += 4
    assert countdown.left_s("c", 9, ahead=["b"]) == 6  # one has ended, and nobody came between
    assert countdown.left_s("c", 30, ahead=["b", "d"]) == 30


def test_a_promise_that_was_taken_back_is_made_anew(clock):
    countdown = Countdown(clock)
    countdown.left_s("a", 5)
    countdown.left_s("b", 5)
    countdown.forget("a")
    clock.now += 1
    assert (countdown.left_s("a", 5), countdown.left_s("b", 5)) == (5, 4)


def test_promises_to_runs_that_have_ended_do_not_pile_up(clock):
    countdown = Countdown(clock)
    for number in range(2000):
        clock.now += 10
        countdown.left_s(f"run {number}", 5)
    assert len(countdown._promises) < 300


@pytest.fixture
def learned(studio, settings, database, submit):
    """A bench that has made a run of 10 s: 3 before, 4 steps of one, 3 after."""
    bench = Bench(settings, database)
    run = submit()
    bench.make_next()
    with database.write() as session:
        row = session.get(Run, run.id)
        row.timings = {"prompt": 3.0, "drawing": 4.0, "decoding": 2.0, "saving": 1.0}
    return bench


def line_of(database, pace, starts=True):
    with database.read() as session:
        return pace.line(session, starts=starts)


def test_starts_are_sums_over_the_runs_ahead(learned, database, submit):
    runs = [submit(), submit(num_inference_steps=8), submit()]
    line = line_of(database, Pace())
    assert [place.id for place in line.waiting] == [run.id for run in runs]
    assert [place.eta_s for place in line.waiting] == pytest.approx([0, 10, 24])
    assert line.wait_s == pytest.approx(34)


def test_nobody_is_told_a_start_while_the_queue_is_paused(learned, database, submit):
    submit()
    line = line_of(database, Pace(), starts=False)
    assert [place.eta_s for place in line.waiting] == [None]
    assert line.wait_s is None


def test_a_pause_counts_no_time_down(learned, database, submit):
    submit()
    submit()
    clock = Clock()
    pace = Pace(countdown=Countdown(clock))
    assert [place.eta_s for place in line_of(database, pace).waiting] == pytest.approx([0, 10])
    line_of(database, pace, starts=False)
    clock.now += 600
    assert [place.eta_s for place in line_of(database, pace).waiting] == pytest.approx([0, 10])


def test_a_run_that_was_changed_gives_those_behind_it_another_time(
    learned, studio, database, submit, picture
):
    first, _ = submit(), submit()
    pace = Pace()
    assert line_of(database, pace).waiting[1].eta_s == pytest.approx(10)
    studio.edit(first.id, draft_of(picture, num_inference_steps=14), "visitor")
    assert line_of(database, pace).waiting[1].eta_s == pytest.approx(20)


def test_whoever_waits_behind_an_overdue_run_is_told_what_that_still_needs(
    learned, database, submit
):
    run, _ = submit(), submit()
    claim = learned.queue.claim("w")
    with database.read() as session:
        began = session.get(Run, run.id).started_at
    clock, wall = Clock(), Clock(began)
    pace = Pace(wall, Countdown(clock))
    learned.queue.report(claim, stage="drawing", step=1, total=4)
    line_of(database, pace)
    wall.now, clock.now = began + 200, 1200
    line = line_of(database, pace)
    assert line.running[run.id] == 0
    assert line.wait_s > 300  # three steps of 100 s


def test_a_run_that_is_to_be_kept_needs_one_more_step(learned, database, submit):
    run = submit(num_inference_steps=40)
    claim = learned.queue.claim("w")
    learned.queue.report(claim, stage="drawing", step=2, total=40)
    assert line_of(database, Pace()).running[run.id] == pytest.approx(3 + 38)
    learned.queue.keep(run.id)
    assert line_of(database, Pace()).running[run.id] == pytest.approx(3 + 1)


def test_a_clip_drawn_in_parts_is_told_by_all_of_its_steps(learned, database, submit):
    """It is decoded on the way, so nothing but the parts is left at the end."""
    run = submit(num_inference_steps=4)
    claim = learned.queue.claim("w")
    told = []
    for step in (0, 6, 12):
        learned.queue.report(claim, stage="drawing", step=step, total=12)
        told.append(line_of(database, Pace()).running[run.id])
    whole = told[0]
    assert told == pytest.approx([whole, whole / 2, 0])
    learned.queue.report(claim, stage="drawing", step=6, total=12)
    learned.queue.keep(run.id)
    assert line_of(database, Pace()).running[run.id] == pytest.approx(whole / 6)  # 2 of 12 steps


def test_a_worker_without_a_model_starts_nothing(studio, database, learned, submit):
    submit()
    assert studio.status().line[0].eta_s == 0
    report_worker(database, "w", "missing", "There is no model.")
    assert studio.status().line[0].eta_s is None


def test_a_running_run_is_told_by_its_steps_and_never_more_than_before(learned, database, submit):
    run, clock = submit(), Clock()
    claim = learned.queue.claim("w")
    with database.read() as session:
        began = session.get(Run, run.id).started_at
    wall = Clock(began)
    pace = Pace(wall, Countdown(clock))
    told = []
    for seconds, step in ((0, 0), (1, 1), (5, 2), (9, 3), (10, 4)):
        wall.now, clock.now = began + seconds, 1000 + seconds
        learned.queue.report(claim, stage="drawing", step=step, total=4)
        told.append(line_of(database, pace).running[run.id])
    # As learned at first; then the steps take longer, and the promise only runs down.
    assert told == pytest.approx([7, 6, 2, 0, 0], abs=0.01)


def test_another_device_teaches_nothing(learned, studio, settings, database, picture):
    assert studio.estimate(draft_of(picture)).seconds is not None
    learned.workbench.close()
    learned.workbench._open_runner = OtherDevice
    learned.workbench.prepare()
    assert studio.estimate(draft_of(picture)).seconds is None


class OtherDevice:
    device = "NVIDIA H200"
    machine = MappingProxyType({})

    def __init__(self, model_folder, *, cache_folder, threads):
        pass
