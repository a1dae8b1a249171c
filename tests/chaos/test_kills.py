"""A worker is killed at every kind of moment: nothing is lost, made twice or left lying about."""

import os
import random
import signal
import time
from collections import Counter

import pytest
from chaos_ways import all_runs, assert_whole, finish_everything, held_by
from studio_ways import eventually

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


@pytest.mark.slow
def test_sixty_four_kills_lose_no_run_and_make_none_twice(database, studio, submit, nursery, live):
    draw, deaths, cancelled, places = random.Random(20261122), Counter(), set(), set()
    for how in lives(draw):
        submit("slowly, a lamp" if draw.random() < 0.2 else "a lamp")
        where, held = live(draw, how)
        deaths.update(held)
        places.update(where)
        if held and draw.random() < 0.2:
            studio.cancel(held[0], "visitor")
            cancelled.add(held[0])
    finish_everything(database, nursery)
    assert places >= {*PLACES}
    assert {*deaths.values()} == {1, 2}
    assert cancelled
    for run in all_runs(database):
        died = deaths[run.id]
        wanted = "cancelled" if run.id in cancelled else "failed" if died == 2 else "done"
        assert run.state == wanted
        assert run.attempt == (died + 1 if wanted == "done" else died)
        assert ("stopped twice" in run.error) == (wanted == "failed")
    assert_whole(database)


@pytest.mark.parametrize("number", [1, 8, 14])
def test_a_kill_while_a_cancelled_run_is_given_up_leaves_nothing_of_it(
    database, studio, submit, nursery, number
):
    run = submit("until told, a lamp")
    nursery.start(number, inside="_give_up")
    eventually(database.folder.attempt(run.id, 1).joinpath("preview-1.webp").exists)
    studio.cancel(run.id, "visitor")
    (database.folder.root / "go").touch()
    assert "_give_up" in nursery.wait()
    finish_everything(database, nursery)
    assert [one.state for one in all_runs(database)] == ["cancelled"]
    assert_whole(database)
