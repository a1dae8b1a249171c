"""Times are learned from finished runs, scaled with care, and never made up."""

import pytest
from studio_ways import Bench, draft_of

from storage.tables import Run
from studio.estimate import UNMEASURED, describe, duration, learn_speed


def past_run(
    drawing=4.0, *, num_frames=17, steps=4, guidance=2.0, seconds=10.0, after=3.0, plan="float32"
):
    return Run(
        num_frames=num_frames,
        num_inference_steps=steps,
        guidance_scale=guidance,
        savings={},
        plan=plan,
        started_at=100.0,
        ended_at=100.0 + seconds,
        timings={
            "first_frame": seconds - drawing - after,
            "drawing": drawing,
            "decoding": after - 1,
            "saving": 1.0,
        },
    )


def test_one_run_teaches_its_own_time():
    speed = learn_speed([past_run()], 17, guided=True)
    assert (speed.before_s, speed.step_s, speed.after_s) == (3, 1, 3)
    assert speed.total_s(4) == 10
    assert speed.total_s(8) == 14


def test_newer_runs_weigh_more():
    newest_first = [past_run(8.0, seconds=20), *[past_run(4.0)] * 5]
    speed = learn_speed(newest_first, 17, guided=True)
    assert speed.step_s == pytest.approx(1.4)


def test_another_length_is_scaled_and_its_own_is_preferred():
    short = past_run(num_frames=17)
    assert learn_speed([short], 34, guided=True).step_s == 2
    assert learn_speed([short], 34, guided=True).after_s == 6
    long = past_run(12.0, num_frames=34, seconds=30)
    assert learn_speed([short, long], 34, guided=True).step_s == 3


def test_only_the_plan_that_is_in_use_teaches():
    past = [past_run(4.0, plan="bfloat16"), past_run(40.0, seconds=90)]
    assert learn_speed(past, 17, guided=True).step_s == 1


def test_without_guidance_a_step_is_half():
    assert learn_speed([past_run()], 17, guided=False).step_s == 0.5


def test_nothing_measured_is_said_and_not_guessed():
    assert learn_speed([], 17, guided=True) is None
    assert learn_speed([Run(timings={}, savings={})], 17, guided=True) is None
    assert describe(None, 0).sentence == UNMEASURED


def test_a_running_run_needs_what_is_left_of_it():
    speed = learn_speed([past_run()], 17, guided=True)
    left = [
        speed.left_s(stage, step, 4, drawing_s=step)
        for stage, step in (("prompt", 1), ("drawing", 1), ("drawing", 4), ("decoding", 2))
    ]
    assert left == [10, 6, 3, 3]


def test_a_run_that_draws_slower_than_past_ones_is_judged_by_its_own_pace():
    speed = learn_speed([past_run()], 17, guided=True)  # a second a step
    assert speed.left_s("drawing", 1, 4, drawing_s=1.9) == 3 + 3 * 1
    assert speed.left_s("drawing", 1, 4, drawing_s=6.0) == 3 + 3 * 3


@pytest.mark.parametrize("unlike", [{"stopped_at": 2}, {"savings": {"stage1": 9.0}}])
def test_a_run_that_did_not_draw_to_its_end_teaches_nothing(unlike):
    odd = past_run(1.0)
    for name, value in unlike.items():
        setattr(odd, name, value)
    assert learn_speed([odd], 17, guided=True) is None


@pytest.mark.parametrize(
    ("seconds", "wait", "sentence"),
    [
        (18.2, 0, "About 18 s."),
        (18, 30, "About 18 s once it starts, in about 30 s."),
        (160, None, "About 2 min 40 s once it starts."),
    ],
)
def test_the_sentence_names_the_time_first(seconds, wait, sentence):
    assert describe(seconds, wait).sentence == sentence


def test_durations_read_as_people_say_them():
    said = [duration(seconds) for seconds in (0.2, 59.6, 60, 61, 3600, 3660)]
    assert said == ["1 s", "1 min", "1 min", "1 min 1 s", "1 h", "1 h 1 min"]


def test_a_studio_learns_from_its_runs(studio, settings, database, submit, picture):
    draft = draft_of(picture)
    assert studio.estimate(draft).sentence == UNMEASURED
    assert [submit().eta_s, submit().eta_s] == [0, None]  # until it starts
    bench = Bench(settings, database)
    bench.make_next()
    bench.make_next()
    estimate = studio.estimate(draft)
    assert estimate.seconds is not None
    assert estimate.wait_s == 0
    first, second = submit(), submit()
    assert first.eta_s == 0
    assert second.eta_s == pytest.approx(estimate.seconds)
    assert studio.estimate(draft).wait_s == pytest.approx(2 * estimate.seconds)
