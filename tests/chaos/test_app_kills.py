"""The whole program is killed, three times in a row and once with the real model."""

import os
import random
import signal
import time

import httpx
import pytest
from browsing import ROOT, wait_until
from chaos_ways import all_ended, all_runs, assert_whole, lock_holder
from sqlalchemy import select
from studio_ways import draft_of, eventually

from storage.database import Database
from storage.tables import Job
from studio.settings import Settings
from studio.studio import Studio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

VISITOR = {"X-Wanderbook-Visitor": "a" * 32}
RUNS = 12
TINY = ROOT / "models" / "tiny"


def resume(app):
    url = f"{app.url}/gradio_api/wm/queue/resume"
    assert httpx.post(url, json={}, headers=VISITOR, timeout=60).status_code == 200


def waits_for_a_person(studio):
    status = studio.status()
    return status.paused and status.pause_reason == "unclean stop" and status.running == 0


def test_three_kills_of_the_program_lose_no_run(database, studio, submit, start_app):
    draw = random.Random(3)
    for _ in range(RUNS):
        submit("slowly, a lamp")
    for kill in range(3):
        app = start_app()
        if kill:
            eventually(lambda: waits_for_a_person(studio))
            assert nobody_works(database)
            resume(app)
        seen = done(database)
        eventually(lambda n=seen: len(done(database)) > len(n))
        time.sleep(draw.uniform(0, 0.3))
        worker = lock_holder(database)
        app.kill()
        if kill == 1:  # a power cut takes the worker too
            os.kill(worker, signal.SIGKILL)
        assert done(database) >= seen
    studio.set_preferences("visitor", after_unclean_stop="continue")
    start_app()
    eventually(lambda: all_ended(database))
    assert {run.state for run in all_runs(database)} == {"done"}
    assert len(all_runs(database)) == RUNS
    assert_whole(database)


def done(database):
    """The runs that are done, and by which attempt."""
    return {(run.id, run.attempt) for run in all_runs(database) if run.state == "done"}


def nobody_works(database):
    with database.read() as session:
        return session.scalar(select(Job.id).where(Job.worker.is_not(None))) is None


def test_a_kill_of_the_program_with_the_real_model_loses_no_run(tmp_path, start_app):
    data = tmp_path / "data"
    database = Database.open(data)
    studio = Studio(Settings(data_folder=data, model_folder=TINY), database, local_owner=True)
    picture = studio.use_example(studio.examples()[0].id)
    for click in ("first", "second"):
        studio.submit(draft_of(picture, num_frames=9), click, "visitor")
    app = start_app(ROOT / "app.py", TINY)
    wait_until(lambda: all_runs(database)[0].stage == "drawing", 300)
    app.kill()
    app = start_app(ROOT / "app.py", TINY)
    wait_until(lambda: waits_for_a_person(studio), 120)
    resume(app)
    wait_until(lambda: all_ended(database), 300)
    assert [run.state for run in all_runs(database)] == ["done", "done"]
    database.close()
