"""Nothing in the trash is lost before its time, and what is deleted for good stays deleted."""

import pytest
from sample_rows import make_run

from storage.disposal import disposable, dispose
from storage.errors import StorageError
from storage.queue import Queue
from storage.tables import Cell, Run
from storage.trash import KEPT_S, in_trash, purge, purge_old, throw_away


@pytest.fixture
def thrown_away(database):
    queue = Queue(database)
    runs = [queue.add(make_run()) for _ in range(3)]
    for run in runs:
        queue.cancel(run.id)
        folder = database.folder.attempt(run.id, 1)
        folder.mkdir(parents=True)
        (folder / "video.mp4").write_bytes(b"video")
    with database.write() as session:
        for run, when in zip(runs, (100.0, 200.0, None), strict=True):
            if when:
                throw_away(session, [session.get_one(Run, run.id)], when)
    return runs


def test_after_a_month_runs_go_with_row_cell_and_files(database, thrown_away):
    old, young, kept = thrown_away
    assert purge_old(database, now=100.0 + KEPT_S + 50) == [old.id]
    with database.read() as session:
        assert session.get(Run, old.id) is None
        assert [run.id for run in in_trash(session)] == [young.id]
        assert {cell.run_id for cell in session.query(Cell)} == {young.id, kept.id}
    assert not (database.folder.runs / old.id).exists()
    assert list(database.folder.trash.iterdir()) == []
    assert (database.folder.attempt(young.id, 1) / "video.mp4").is_file()


def test_only_what_lies_in_the_trash_can_be_deleted(database, thrown_away):
    *_, kept = thrown_away
    assert purge(database, [kept.id, "nobody"]) == []
    assert (database.folder.attempt(kept.id, 1) / "video.mp4").is_file()


def test_a_program_that_dies_between_files_and_row_is_finished_by_the_next(database, thrown_away):
    old, *_ = thrown_away
    database.folder.trash.mkdir()
    (database.folder.runs / old.id).rename(database.folder.trash / old.id)
    assert purge(database, [old.id]) == [old.id]
    assert not (database.folder.trash / old.id).exists()


def test_the_whole_trash_can_be_emptied_and_says_what_it_held(database, thrown_away, tmp_path):
    assert len(disposable(database, "trash", 0.0, tmp_path)) == 2
    assert dispose(database, "trash", tmp_path).size == 2 * len(b"video")
    with database.read() as session:
        assert not in_trash(session)
        assert session.get(Run, thrown_away[2].id) is not None


def test_what_is_still_being_made_cannot_be_thrown_away(database):
    run = Queue(database).add(make_run())
    with database.write() as session, pytest.raises(StorageError, match="Cancel it first"):
        throw_away(session, [session.get_one(Run, run.id)], 1.0)
