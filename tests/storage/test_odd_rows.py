"""Rows, records and files as nobody would make them are taken, put right or refused."""

import json
import sqlite3
from contextlib import closing

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from storage import trash
from storage.database import Database
from storage.errors import DatabaseUnavailableError
from storage.migrate import SCRIPTS
from storage.records import read_record
from storage.tables import Cell, Run

HASHES = ("1" * 64, "2" * 64)
OLD_RUN = {
    "rev": 1,
    "state": "done",
    "step": 0,
    "total": 0,
    "attempt": 1,
    "created_at": 1.0,
    "ended_at": 2.0,
    "image_sha256": HASHES[0],
    "path_sha256": HASHES[1],
    "path_source": '{"kind": "preset", "preset": "push-in"}',
    "path_points": "[]",
    "num_frames": 17,
    "fps": 8.0,
    "width": 80,
    "height": 48,
    "seed": 1,
    "num_inference_steps": 4,
    "guidance_scale": 2.0,
    "timings": "{}",
    "savings": "{}",
    "record": "{}",
}
FAMILIES = {  # id: parent, and the root the migration should find
    "A": (None, "A"),
    "B": ("A", "A"),
    "C": ("B", "A"),
    "D": ("gone", "D"),
    "E": ("F", "E"),
    "F": ("E", "F"),
    "G": ("G", "G"),
}


@pytest.fixture
def older(tmp_path):
    """A data folder as the program before notebooks left it, with runs of every kind of family."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["database"] = tmp_path / "app.db"
    command.upgrade(config, "0002")
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection, connection:
        for sha256, extension in zip(HASHES, ("png", "npz"), strict=True):
            connection.execute("INSERT INTO assets VALUES (?, ?, 8, 6, 1.0)", (sha256, extension))
        texts = [
            row[1] for row in connection.execute("PRAGMA table_info(runs)") if row[3] and not row[4]
        ]
        for number, (run_id, (parent, _)) in enumerate(FAMILIES.items(), start=1):
            own = {"id": run_id, "number": number, "parent_id": parent, "prompt": f"lamp {run_id}"}
            row = dict.fromkeys(texts, "") | OLD_RUN | own
            names, places = ", ".join(row), ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO runs ({names}) VALUES ({places})", [*row.values()])
    return tmp_path


def test_families_with_gaps_and_circles_are_migrated(older):
    database = Database.open(older)
    with database.read() as session:
        roots = {run.id: run.root_id for run in session.scalars(select(Run))}
        cells = session.scalars(select(Cell.run_id).order_by(Cell.position)).all()
    assert roots == {run_id: root for run_id, (_, root) in FAMILIES.items()}
    assert cells == [*FAMILIES]
    database.close()


@pytest.fixture
def record(tmp_path):
    def write(**changes):
        assets = {
            name: {"sha256": sha256, "extension": extension, "width": 8, "height": 6}
            for name, sha256, extension in zip(
                ("image", "path"), HASHES, ("png", "npz"), strict=True
            )
        }
        said = {name: "" for name in ("prompt", "negative_prompt", "model", "model_revision")}
        said |= {"schema": "wanderbook.run/1", "id": "A", "number": 1, "parent_id": None}
        said |= {name: json.loads(v) if isinstance(v, str) and v[0] in "{[" else v
                 for name, v in OLD_RUN.items()}  # fmt: skip
        file = tmp_path / "run.json"
        file.write_text(json.dumps(said | {"started_at": 1.0} | assets | changes))
        return file

    return write


GOOD_CHECK = {
    "of": 1, "frames": 17, "identical": False, "psnr": 31.5, "worst": 9, "differs": ["It rained."]
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"relation": "cousin"}, "relation"),
        ({"start_frame": -1}, "start frame"),
        ({"check": {"of": 1}}, "check"),
        ({"check": GOOD_CHECK | {"differs": [1]}}, "check"),
        ({"path_source": {"kind": "preset"}}, "preset"),
    ],
)
def test_a_record_that_pages_could_not_put_into_words_is_refused(record, changes, what):
    assert read_record(record(check=GOOD_CHECK, relation="check"))[0].check == GOOD_CHECK
    with pytest.raises(ValueError, match=f"no good {what}"):
        read_record(record(**changes))


@pytest.fixture
def thrown_away(database, new_run):
    with database.write() as session:
        run = new_run(number=1, rev=1, state="done", created_at=1.0, deleted_at=1.0, attempt=1)
        session.add(run)
    folder = database.folder.attempt(run.id, 1)
    folder.mkdir(parents=True)
    (folder / "video.mp4").write_bytes(b"video")
    return run


def test_files_come_back_where_the_row_could_not_be_deleted(database, thrown_away, monkeypatch):
    def full(model):
        raise OperationalError("", {}, sqlite3.OperationalError("disk is full"))

    monkeypatch.setattr(trash, "delete", full)
    with pytest.raises(DatabaseUnavailableError):
        trash.purge(database, [thrown_away.id])
    assert (database.folder.attempt(thrown_away.id, 1) / "video.mp4").is_file()


def test_a_run_whose_files_cannot_be_moved_stays_in_the_trash(database, thrown_away):
    database.folder.trash.write_text("no folder")
    assert trash.purge_old(database) == []
    with database.read() as session:
        assert session.get(Run, thrown_away.id) is not None
