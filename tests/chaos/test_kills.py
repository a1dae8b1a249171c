"""A worker is killed at every kind of moment: nothing is lost, made twice or left lying about."""

import os
import random
import signal
import time
from collections import Counter

import pytest
from chaos_ways import all_runs, assert_whole, finish_everything, held_by

LONGEST_LIFE = 250  # moments, of which a run undisturbed takes about a hundred
LONGEST_DELAY_S = 0.3
PLACES = ("recover", "claim", "report", "_show", "run", "sync_tree", "write_record", "finish")


def lives(draw):
    """How each worker dies: inside a function, at any moment, or after a time."""
    inside = [{"number": draw.randint(1, 5), "inside": place} for place in PLACES * 3]
    anywhere = [{"number": draw.randint(1, LONGEST_LIFE)} for _ in range(30)]
    at_a_time = [{} for _ in range(10)]
    every = inside + anywhere + at_a_time
    draw.shuffle(every)
    return every


@pytest.fixture
def live(database, nursery):
    """One worker's life: where it was at its end, and which runs it held."""

    def live(draw, how):
        worker, process = nursery.start(**how)
        if not how:
            time.sleep(draw.uniform(0, LONGEST_DELAY_S))
            os.kill(process, signal.SIGKILL)
        return nursery.wait(), held_by(database, worker)

    return live


def test_sixty_four_kills_lose_no_run_and_make_none_twice(database, submit, nursery, live):
    draw, deaths, places = random.Random(20261122), Counter(), set()
    for how in lives(draw):
        submit("slowly, a lamp" if draw.random() < 0.2 else "a lamp")
        where, held = live(draw, how)
        deaths.update(held)
        places.update(where)
    finish_everything(database, nursery)
    assert places >= {*PLACES}
    assert {*deaths.values()} == {1, 2}
    for run in all_runs(database):
        twice = deaths[run.id] == 2
        assert run.state == ("failed" if twice else "done")
        assert run.attempt == (2 if twice else deaths[run.id] + 1)
        assert ("stopped twice" in run.error) == twice
    assert_whole(database)
