"""An unclean end is noticed by the next program, unless another one is at work."""

import os
import signal
import subprocess
import sys

import pytest
from studio_ways import RUNNER

from studio.presence import FOLDER, Presence
from studio.studio import Studio

STAY = """
import sys, time
from pathlib import Path
from studio.presence import Presence
here = Presence(Path(sys.argv[1]))
here.enter()
print("here", flush=True)
time.sleep(600)
"""


@pytest.fixture
def program(tmp_path):
    """Another program that has the folder open, until it is killed."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, "-c", STAY, tmp_path], stdout=subprocess.PIPE, env=environment
    )
    assert process.stdout.readline() == b"here\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_first_program_finds_no_trace(tmp_path):
    assert not Presence(tmp_path).enter()


def test_a_proper_end_leaves_no_trace(tmp_path):
    first = Presence(tmp_path)
    first.enter()
    first.leave()
    assert list((tmp_path / FOLDER).glob("*.lock")) == []
    assert not Presence(tmp_path).enter()


def test_a_killed_program_is_noticed_once(tmp_path, program):
    kill(program)
    here = Presence(tmp_path)
    assert here.enter()
    here.leave()
    assert not Presence(tmp_path).enter()


def test_beside_a_living_program_nothing_is_noticed(tmp_path, program):
    assert not Presence(tmp_path).enter()


@pytest.fixture
def after_a_kill(settings, database, submit):
    """A studio like the one a person starts after the program was killed."""
    studios = []

    def start(waiting=1, **preferences):
        for _ in range(waiting):
            submit()
        trace = settings.data_folder / FOLDER / "01J.lock"
        trace.parent.mkdir(exist_ok=True)
        trace.touch()
        studio = Studio(settings, database, local_owner=True, runner=RUNNER)
        studio._supervisor.start = lambda: None
        studios.append(studio)
        if preferences:
            studio.set_preferences("", **preferences)
        studio.start()
        return studio.status()

    yield start
    for studio in studios:
        studio.stop()


def test_after_an_unclean_end_the_queue_waits_for_its_owner(after_a_kill):
    status = after_a_kill()
    assert (status.paused, status.pause_reason) == (True, "unclean stop")


def test_an_empty_queue_has_nothing_to_wait_for(after_a_kill):
    assert not after_a_kill(waiting=0).paused


def test_the_owner_may_want_it_to_go_on(after_a_kill):
    assert not after_a_kill(after_unclean_stop="continue").paused


def test_where_nobody_is_the_owner_the_queue_never_waits_for_one(settings, database):
    assert Studio(settings, database).preferences().after_unclean_stop == "continue"
