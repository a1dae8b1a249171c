"""Rows can be made again from the files beside the videos, and damage is named."""

import json

import pytest
from sqlalchemy import delete, inspect, select

from storage.database import Database
from storage.queue import Queue
from storage.records import FIELDS, read_record, write_record
from storage.runs import next_value
from storage.tables import Asset, Run
from storage.upkeep import Rescanned, examine, rescan

MARKS = {"rating", "note", "tags", "deleted_at"}
LOCAL = {"rev", "client_key", "visitor"} | MARKS
NOTHING = Rescanned(runs=0, notebooks=0, cells=0, problems=[])


@pytest.fixture
def finished(database, new_run):
    """Two finished runs with files, the second a remix of the first."""
    runs = [finish(database, new_run()), None]
    runs[1] = finish(database, new_run(parent_id=runs[0].id, negative_prompt="fog"))
    return runs


def finish(database, run):
    folder, queue = database.folder, Queue(database)
    with database.write() as session:
        for name, extension in (("image_sha256", "png"), ("path_sha256", "npz")):
            sha256 = folder.store_asset(extension.encode(), extension)
            session.merge(
                Asset(sha256=sha256, extension=extension, width=8, height=6, created_at=1.0)
            )
            setattr(run, name, sha256)
    queue.add(run)
    claim = queue.claim("w")
    attempt = folder.attempt(run.id, claim.attempt)
    attempt.mkdir(parents=True)
    for name in ("video.mp4", "poster.jpg", "thumb.webp"):
        (attempt / name).write_bytes(b"bytes")
    queue.finish(claim, "done", timings={"drawing": 1.5}, record={"threads": 2})
    with database.read() as session:
        done = session.get(Run, run.id)
        write_record(
            attempt,
            done,
            *(session.get(Asset, key) for key in (done.image_sha256, done.path_sha256)),
        )
    return done


def rows(database):
    with database.read() as session:
        return {
            run.id: {key: value for key, value in columns(run).items() if key not in LOCAL}
            for run in session.scalars(select(Run))
        }


def columns(run):
    return {column.key: getattr(run, column.key) for column in inspect(Run).column_attrs}


def test_a_lost_database_is_made_again_from_the_records(database, finished, tmp_path):
    before = rows(database)
    database.close()
    for file in database.folder.root.glob("app.db*"):
        file.unlink()
    again = Database.open(tmp_path)
    assert rescan(again) == Rescanned(runs=2, notebooks=0, cells=0, problems=[])
    assert rows(again) == before
    assert rescan(again) == NOTHING
    with again.write() as session:
        assert next_value(session, "number") == 3
    again.close()


def test_every_column_is_in_the_record_or_known_to_be_local():
    derived = {"state", "stage", "step", "total", "preview", "error", "path_name"}
    derived |= {"image_sha256", "path_sha256"}
    assert set(FIELDS) | derived | LOCAL == {column.key for column in inspect(Run).column_attrs}


def test_a_number_taken_meanwhile_is_not_given_twice(database, finished, new_run):
    with database.write() as session:
        session.execute(delete(Run).where(Run.id == finished[1].id))
        session.add(new_run(number=2, rev=99, state="cancelled", created_at=1.0))
    assert rescan(database).runs == 1
    assert rows(database)[finished[1].id]["number"] == 3


def test_an_attempt_killed_between_its_files_and_its_row_is_no_run(database, new_run):
    queue = Queue(database)
    run = queue.add(new_run())
    attempt = database.folder.attempt(run.id, queue.claim("w").attempt)
    attempt.mkdir(parents=True)
    (attempt / "video.mp4").write_bytes(b"whole")
    queue.recover()
    assert rows(database)[run.id]["state"] == "queued"
    assert rescan(database) == NOTHING


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"seed": "seven"}, "seed"),
        ({"schema": "other/1"}, "wanderbook.run/1"),
        ({"id": "someone"}, "another folder"),
        (
            {"image": {"sha256": "../../etc/passwd", "extension": "png", "width": 1, "height": 1}},
            "asset",
        ),
        ({"path": {"sha256": "f" * 64, "extension": "npz", "width": 0, "height": 0}}, "missing"),
    ],
)
def test_a_broken_record_is_reported_and_not_taken(database, finished, change, problem):
    file = database.folder.attempt(finished[1].id, 1) / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with database.write() as session:
        session.execute(delete(Run).where(Run.id == finished[1].id))
    found = rescan(database)
    assert found.runs == 0
    assert len(found.problems) == 1
    assert problem in found.problems[0]


def test_a_record_cut_short_is_reported(database, finished):
    file = database.folder.attempt(finished[0].id, 1) / "run.json"
    file.write_text(file.read_text()[:40])
    with pytest.raises(ValueError, match=r"delimiter|Expecting|Unterminated"):
        read_record(file)
    assert len(rescan(database).problems) == 1


def test_a_sound_folder_gives_no_finding(database, finished):
    with database.write() as session:
        session.execute(delete(Asset).where(Asset.width == 8, Asset.sha256.startswith("1" * 64)))
        session.execute(delete(Asset).where(Asset.sha256.startswith("2" * 64)))
    assert examine(database) == []


def test_missing_and_changed_files_are_named(database, finished):
    attempt = database.folder.attempt(finished[0].id, 1)
    (attempt / "video.mp4").unlink()
    database.folder.asset(finished[0].image_sha256, "png").write_bytes(b"other")
    findings = " ".join(examine(database))
    assert "Run 1: video.mp4 is missing" in findings
    assert "was changed" in findings
