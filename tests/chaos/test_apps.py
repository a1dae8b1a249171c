"""Whole programs: two on one data folder, one with fifty pages open, one told to end."""

import json
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from browsing import ROOT
from chaos_ways import all_ended, all_runs, assert_whole, finish_everything, lock_holder, parent_of
from studio_ways import eventually

VISITOR = {"X-Wanderbook-Visitor": "a" * 32}
RUNS = 6
PAGES = 50


def duplicate(app, run, key):
    """Submit the same run once more, through the page of an app."""
    url = f"{app.url}/gradio_api/wm/runs/{run.id}/duplicate"
    response = httpx.post(url, json={"client_key": key * 16}, headers=VISITOR, timeout=60)
    assert response.status_code == 200, response.text


@pytest.mark.slow
def test_two_apps_on_one_folder_make_one_run_at_a_time_and_each_takes_over(
    database, studio, submit, start_app
):
    first, second = start_app(), start_app()
    studio.pause("visitor")
    original = submit("slowly, a lamp")
    for number in range(RUNS):
        duplicate((first, second)[number % 2], original, str(number))
    studio.resume("visitor")
    eventually(lambda: all_runs(database)[0].state == "done")
    holder = lock_holder(database)
    working, other = (first, second) if first.process.pid == parent_of(holder) else (second, first)
    assert working.process.pid == parent_of(holder)
    working.kill()
    duplicate(other, original, "x")
    eventually(lambda: all_ended(database))
    assert parent_of(lock_holder(database)) == other.process.pid
    runs = all_runs(database)
    assert [run.state for run in runs] == ["done"] * (2 + RUNS)
    made = sorted((run.started_at, run.ended_at) for run in runs)
    assert all(before[1] <= after[0] for before, after in pairwise(made))
    assert_whole(database)


@pytest.mark.slow
def test_fifty_pages_hear_everything_at_the_cost_of_one(database, studio, submit, start_app):
    app, costs = start_app(), []
    for count in (1, PAGES):
        studio.pause("visitor")
        ids = [submit("slowly, a lamp").id for _ in range(3)]
        pages = listen(app, count)
        before = statements(app, database)
        studio.resume("visitor")
        eventually(lambda: all_ended(database))
        costs.append(statements(app, database) - before)
        rev = studio.rev()
        streams = json.loads(pages.communicate(f"{rev}\n")[0])
        assert len(streams) == count
        for stream in streams:
            heard = {}
            for _, _, states in stream:
                heard |= states
            assert [heard[run] for run in ids] == ["done"] * 3
            assert stream[-1][1] >= rev
    assert costs[1] < 2 * costs[0]


def listen(app, count):
    """So many pages in a process of their own, once each has had its first event."""
    pages = subprocess.Popen(
        [sys.executable, ROOT / "scripts" / "listeners.py", app.url, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert pages.stdout.readline() == "ready\n"
    return pages


def statements(app, database):
    """How many SQL statements the app has made so far."""
    file = database.folder.root / "statements"
    file.unlink(missing_ok=True)
    app.process.send_signal(signal.SIGUSR1)
    return int(eventually(lambda: file.exists() and file.read_text()))


@pytest.mark.slow
def test_an_app_told_to_end_inside_a_long_step_puts_the_run_back(
    database, submit, start_app, nursery
):
    run, _ = submit("until told, a lamp"), submit()
    app = start_app()
    eventually(lambda: database.folder.attempt(run.id, 1).joinpath("preview-1.webp").exists())
    worker, pages = lock_holder(database), listen(app, 3)  # a server waits for open streams
    assert app.stop() == 0
    pages.communicate("0\n")
    assert not Path(f"/proc/{worker}").exists()
    assert [(one.state, one.attempt) for one in all_runs(database)] == [
        ("queued", 1),
        ("queued", 0),
    ]
    (database.folder.root / "go").touch()
    finish_everything(database, nursery)
    assert [(one.state, one.attempt) for one in all_runs(database)] == [("done", 2), ("done", 1)]
    assert_whole(database)
