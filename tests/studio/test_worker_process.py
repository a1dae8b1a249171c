"""Real processes that are killed, stopped and started: no run is lost and none is made twice."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from studio_ways import RUNNER, eventually
from ulid import ULID

from storage.line import counts
from storage.queue import Queue
from studio.supervisor import Supervisor
from studio.watchdog import CANCEL_PATIENCE_S
from studio.workbench import worker_state
from studio.worker import WorkerSettings, set_at_sigterm


@pytest.fixture
def start_worker(settings, database):
    started = []

    def start(cancel_patience_s=CANCEL_PATIENCE_S, lease_s=20.0):
        def next_settings():
            return WorkerSettings(
                worker=str(ULID()),
                data_folder=str(settings.data_folder),
                model_folder=str(settings.model_folder),
                threads=1,
                runner=RUNNER,
                lease_s=lease_s,
                poll_s=0.02,
            )

        supervisor = Supervisor(
            database,
            Queue(database),
            next_settings,
            first_delay_s=0.01,
            cancel_patience_s=cancel_patience_s,
        )
        supervisor.start()
        started.append(supervisor)
        return supervisor

    yield start
    (settings.data_folder / "go").touch()
    for supervisor in started:
        supervisor.stop()


@pytest.fixture
def start_app(settings):
    started = []

    def start():
        command = [sys.executable, Path(__file__).with_name("small_app.py")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        app = subprocess.Popen(
            [*command, settings.data_folder, settings.model_folder], env=environment
        )
        started.append(app)
        return app

    yield start
    for app in started:
        app.kill()
        app.wait()


def reaches(studio, run, state):
    return eventually(lambda: (view := studio.run(run.id)).state == state and view)


def frozen(database, run, attempt=1):
    eventually((database.folder.attempt(run.id, attempt) / "frozen").exists)


def test_a_killed_worker_s_run_is_made_by_the_next_one(studio, database, submit, start_worker):
    run, other = submit("freeze"), submit()
    supervisor = start_worker()
    frozen(database, run)
    killed = supervisor.pid
    os.kill(killed, signal.SIGKILL)
    (database.folder.root / "go").touch()
    assert "/a2/" in reaches(studio, run, "done").video
    assert "/a1/" in reaches(studio, other, "done").video
    assert supervisor.pid != killed


def test_a_run_that_kills_two_workers_fails_and_the_next_one_is_made(
    studio, database, submit, start_worker
):
    run, other = submit("die"), submit()
    start_worker()
    assert reaches(studio, other, "done")
    view = studio.run(run.id)
    assert view.state == "failed"
    assert "stopped twice" in view.error
    assert f"run {run.id}, attempt 2" in studio.diagnose(run.id, "")


def test_sigterm_puts_the_job_back_and_counts_no_death(studio, submit, start_worker, database):
    run = submit("hold")
    supervisor = start_worker()
    for attempt in (1, 2):
        eventually(lambda a=attempt: f"/a{a}/" in studio.run(run.id).preview)
        os.kill(supervisor.pid, signal.SIGTERM)
    (database.folder.root / "go").touch()
    assert "/a3/" in reaches(studio, run, "done").video


def test_sigterm_is_heard_wherever_it_comes():
    event, before = threading.Event(), signal.getsignal(signal.SIGTERM)
    try:
        set_at_sigterm(event)
        with event._cond:  # where a worker is that begins or ends to wait
            os.kill(os.getpid(), signal.SIGTERM)
        assert event.wait(30)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_stopping_puts_the_job_back_even_inside_a_long_step(studio, submit, start_worker, database):
    run = submit("freeze")
    supervisor = start_worker()
    frozen(database, run)
    supervisor.stop()
    assert supervisor.pid is None
    assert studio.run(run.id).state == "queued"
    assert studio.status().model == "stopped"


def test_a_killed_program_loses_no_run(studio, database, submit, start_app):
    running, waiting = submit("freeze"), submit()
    app = start_app()
    frozen(database, running)
    app.kill()
    app.wait()
    reaches(studio, running, "queued")  # its worker noticed, put the job back, and is gone
    assert studio.run(waiting.id).state == "queued"
    (database.folder.root / "go").touch()
    start_app()
    assert reaches(studio, running, "done")
    assert reaches(studio, waiting, "done")
    [first, second] = reversed(studio.runs())
    assert [first.number, second.number] == [1, 2]


def test_a_program_told_to_end_stops_its_worker(studio, submit, start_app):
    run = submit("hold")
    app = start_app()
    eventually(lambda: studio.run(run.id).step == 2)
    app.terminate()
    assert app.wait(timeout=30) == 0
    assert studio.run(run.id).state == "queued"


def test_two_programs_on_one_folder_use_the_model_in_turn(studio, database, submit, start_worker):
    first, second = submit("hold"), submit("hold")
    workers = [start_worker(), start_worker()]
    eventually(lambda: studio.run(first.id).step == 2)
    names = {state_name(database)}
    with database.read() as session:
        assert counts(session) == (1, 1)
    for worker in workers:
        if worker._worker in names:
            worker.stop()
    (database.folder.root / "go").touch()
    assert reaches(studio, first, "done")
    assert reaches(studio, second, "done")
    assert state_name(database) not in names


def state_name(database):
    return worker_state(database)["worker"]


def test_the_pages_see_the_model_being_opened_and_missing(studio, settings, database, start_worker):
    assert studio.status().model == "starting"
    supervisor = start_worker()
    eventually(lambda: studio.status().model == "ready")
    (settings.model_folder / "wanderbook.json").unlink()
    os.kill(supervisor.pid, signal.SIGKILL)
    status = eventually(lambda: (s := studio.status()).model == "missing" and s)
    assert "is not a model folder" in status.sentence


def test_cancel_reaches_a_run_in_another_process(studio, submit, start_worker):
    run = submit("hold")
    start_worker()
    eventually(lambda: studio.run(run.id).step == 2)
    studio.cancel(run.id, "visitor")
    assert reaches(studio, run, "cancelled").error.startswith("Cancelled at step 2.")


def test_a_worker_that_does_not_heed_a_cancel_is_replaced(studio, submit, start_worker, database):
    run, other = submit("freeze"), submit()
    supervisor = start_worker(cancel_patience_s=0.5)
    frozen(database, run)
    hung = supervisor.pid
    studio.cancel(run.id, "visitor")
    assert reaches(studio, run, "cancelled").error == "Cancelled."
    assert reaches(studio, other, "done")
    assert supervisor.pid != hung


def test_a_worker_that_stands_still_is_replaced(studio, submit, start_worker, database):
    run = submit("freeze")
    supervisor = start_worker(lease_s=2.0)
    frozen(database, run)
    stopped = supervisor.pid
    os.kill(stopped, signal.SIGSTOP)
    (database.folder.root / "go").touch()
    assert "/a2/" in reaches(studio, run, "done").video
    assert supervisor.pid != stopped
