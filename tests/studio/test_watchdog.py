"""A worker that hangs is noticed by a steady clock, and a healthy one is left alone."""

import os
import sqlite3

import pytest
from sqlalchemy import event

from storage.queue import Queue
from studio.watchdog import Watchdog


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def wall():
    wall = Clock()
    wall.now = 1e9
    return wall


@pytest.fixture
def queue(database, wall):
    return Queue(database, lease_s=20, clock=wall)


@pytest.fixture
def watchdog(database, clock):
    return Watchdog(database, "w", 20, 60, clock)


def test_a_worker_without_a_job_is_left_alone(watchdog, clock):
    for clock.now in range(0, 1000, 10):
        assert not watchdog.look().complaint


def test_a_lease_that_is_renewed_is_a_sign_of_life(watchdog, clock, wall, queue, submit):
    submit()
    claim = queue.claim("w")
    for clock.now in range(0, 200, 6):
        wall.now += 6
        queue.beat(claim)
        assert not watchdog.look().complaint


@pytest.mark.parametrize("jump", [3600, -3600])
def test_a_clock_that_is_set_kills_nobody(watchdog, clock, wall, queue, submit, jump):
    submit()
    claim = queue.claim("w")
    assert not watchdog.look().complaint
    wall.now += jump
    for clock.now in range(6, 200, 6):
        assert not watchdog.look().complaint
        wall.now += 6
        queue.beat(claim)


def test_a_lease_that_stays_as_it_is_is_not(watchdog, clock, queue, submit):
    submit()
    queue.claim("w")
    barked = []
    for clock.now in range(25):
        barked.append(bool(watchdog.look().complaint))
    assert barked.index(True) == 21


def test_a_worker_that_cannot_write_but_touches_its_log_is_alive(
    watchdog, clock, queue, submit, database
):
    submit()
    queue.claim("w")
    log = database.folder.worker_log("w")
    for clock.now in range(0, 200, 6):
        log.touch()
        os.utime(log, ns=(clock.now, clock.now))
        assert not watchdog.look().complaint


def test_a_stranger_without_a_sign_of_life_is_named(watchdog, clock, queue, submit):
    submit()
    queue.claim("other")
    named = []
    for clock.now in range(25):
        verdict = watchdog.look()
        assert not verdict.complaint
        named.append(verdict.strangers)
    assert named[20] == []
    assert ["other"] in named


def test_a_living_stranger_keeps_its_job(watchdog, clock, wall, queue, submit):
    submit()
    claim = queue.claim("other")
    for clock.now in range(0, 200, 6):
        wall.now += 6
        queue.beat(claim)
        assert watchdog.look().strangers == []


def test_a_cancel_that_is_not_heeded_ends_the_worker(watchdog, clock, wall, queue, submit):
    run = submit()
    claim = queue.claim("w")
    queue.cancel(run.id)
    barked = []
    for clock.now in range(70):
        wall.now += 1
        queue.beat(claim)
        barked.append(bool(watchdog.look().complaint))
    assert barked.index(True) == 61


def test_a_database_that_cannot_be_read_says_nothing_about_the_worker(
    watchdog, clock, queue, submit, database
):
    submit()
    queue.claim("w")

    def locked(*_):
        raise sqlite3.OperationalError("database is locked")

    event.listen(database._engine, "before_cursor_execute", locked)
    for clock.now in range(0, 100, 2):
        assert not watchdog.look().complaint
    event.remove(database._engine, "before_cursor_execute", locked)
