"""Full disks, locked databases and broken files end a run with a sentence; the worker lives on."""

import errno
import sqlite3
import threading
from contextlib import closing

import pytest
from studio_ways import Bench

import storage.database
import studio.generation as generation
from sanawm.image import open_photo
from storage.database import Database
from storage.files import LOG
from studio.mishaps import DISK_FULL, LOCKED


@pytest.fixture
def impatient(monkeypatch, settings):
    """A database that gives up at once where another program holds it."""
    pragmas = ("busy_timeout=20", *storage.database.PRAGMAS[1:])
    monkeypatch.setattr(storage.database, "PRAGMAS", pragmas)
    monkeypatch.setattr(generation, "TRY_AGAIN_S", 0.01)
    database = Database.open(settings.data_folder)
    yield database
    database.close()


def no_space(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def made_after(bench, studio, submit):
    """Whether the same worker makes the next run."""
    run = submit()
    bench.make_next()
    return studio.run(run.id).state == "done"


@pytest.mark.parametrize("name", ["sync_tree", "write_record"])
def test_a_full_disk_fails_the_run_and_keeps_its_log(
    studio, settings, database, submit, monkeypatch, name
):
    bench, run = Bench(settings, database), submit()
    with monkeypatch.context() as broken:
        broken.setattr(generation, name, no_space)
        bench.make_next()
    view = studio.run(run.id)
    assert (view.state, view.error) == ("failed", DISK_FULL)
    assert "No space left" in studio.diagnose(run.id, "")
    folder = database.folder.attempt(run.id, 1)
    assert [file.name for file in folder.iterdir()] == [LOG]
    assert made_after(bench, studio, submit)


def test_a_disk_without_room_for_the_log_still_ends_the_run(
    studio, settings, database, submit, monkeypatch
):
    bench, run = Bench(settings, database), submit()
    with monkeypatch.context() as broken:
        broken.setattr(generation, "write_record", no_space)
        broken.setattr(generation, "write_whole", no_space)
        bench.make_next()
    assert studio.run(run.id).error == DISK_FULL
    assert studio.diagnose(run.id, "") == ""
    assert made_after(bench, studio, submit)


def test_a_preview_that_finds_no_room_costs_nothing_but_itself(
    studio, settings, database, submit, monkeypatch
):
    run = submit()
    monkeypatch.setattr(generation.Path, "write_bytes", no_space)
    Bench(settings, database).make_next()
    assert studio.run(run.id).state == "done"


def test_a_database_without_room_is_told_like_a_full_disk(
    studio, settings, database, submit, monkeypatch
):
    bench, run = Bench(settings, database), submit()
    finish = bench.queue.finish

    def full(claim, state, **fields):
        if state == "done":
            with database.write() as session:
                pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar()
                session.connection().exec_driver_sql(f"PRAGMA max_page_count={pages}")
                session.connection().exec_driver_sql("CREATE TABLE filler (x)")
                session.connection().exec_driver_sql("INSERT INTO filler VALUES (zeroblob(99999))")
        return finish(claim, state, **fields)

    monkeypatch.setattr(bench.queue, "finish", full)
    monkeypatch.setattr(generation, "PATIENCE_S", 0.05)
    monkeypatch.setattr(generation, "TRY_AGAIN_S", 0.01)
    bench.make_next()
    assert studio.run(run.id).error == DISK_FULL


def test_a_database_that_is_locked_for_a_while_costs_no_run(studio, settings, submit, impatient):
    """Reports are missed while another program holds it; the end is written when it lets go."""
    run, bench = submit("hold"), Bench(settings, impatient)
    thread = bench.start_next()
    while studio.run(run.id).step < 2:
        pass
    with closing(sqlite3.connect(impatient.folder.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (impatient.folder.root / "go").touch()
        folder = impatient.folder.attempt(run.id, 1)
        while not (folder / "run.json").exists():
            pass
        assert studio.run(run.id).state == "running"
        other.execute("ROLLBACK")
    thread.join()
    assert studio.run(run.id).state == "done"
    assert made_after(bench, studio, submit)


def test_a_database_that_stays_locked_fails_the_run_with_a_sentence(
    studio, settings, submit, impatient, monkeypatch
):
    monkeypatch.setattr(generation, "PATIENCE_S", 0.1)
    run, bench = submit("hold"), Bench(settings, impatient)
    thread = bench.start_next()
    while studio.run(run.id).step < 2:
        pass
    failing = threading.Event()
    sentence_of = generation.sentence_of
    monkeypatch.setattr(
        generation, "sentence_of", lambda error: failing.set() or sentence_of(error)
    )
    with closing(sqlite3.connect(impatient.folder.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (impatient.folder.root / "go").touch()
        assert failing.wait(60)
        other.execute("ROLLBACK")
    thread.join()
    view = studio.run(run.id)
    assert (view.state, view.error) == ("failed", LOCKED)
    assert "database is locked" in studio.diagnose(run.id, "")
    assert made_after(bench, studio, submit)


def test_a_first_frame_that_was_damaged_on_the_disk_is_named(
    studio, settings, database, submit, monkeypatch
):
    def run(self, job_spec, folder, wants_end):
        open_photo(generation.Path(job_spec["image"]))
        yield

    bench, view = Bench(settings, database), submit()
    [image] = database.folder.assets.glob("*.png")
    image.write_bytes(image.read_bytes()[:60])
    with monkeypatch.context() as real:
        real.setattr("small_runner.SmallRunner.run", run)
        bench.make_next()
    assert studio.run(view.id).state == "failed"
    assert ".png" in studio.run(view.id).error
