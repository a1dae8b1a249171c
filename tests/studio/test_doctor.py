"""The doctor names what is wrong, says what to do, and changes nothing."""

import json
import os
import re
import shutil
from dataclasses import replace

import pytest
from studio_ways import Bench

from storage.database import Database
from storage.tables import Asset, Run
from studio import doctor
from studio.doctor import diagnose
from studio.mirror import Mirror
from studio.settings import TINY_MODEL


@pytest.fixture
def whole(settings, database, studio, submit):
    """A notebook with a finished run, the bundled model, and everything written."""
    submit()
    Bench(settings, database).make_next()
    studio.book.create("Walks", "me")
    Mirror(database).write()
    return replace(settings, model_folder=TINY_MODEL)


def files_in(folder):
    return {
        path: path.stat().st_mtime_ns for path in folder.rglob("*") if "app.db" not in path.name
    }


def test_a_sound_notebook_has_no_finding_and_is_not_touched(database, whole):
    before = files_in(database.folder.root)
    assert diagnose(database, whole) == []
    assert files_in(database.folder.root) == before


def test_a_fresh_folder_is_sound_too_and_stays_as_it_is(tmp_path, settings):
    fresh = Database.open(tmp_path / "fresh")
    assert diagnose(fresh, replace(settings, model_folder=TINY_MODEL)) == []
    assert not (tmp_path / "fresh" / "mirror.json").exists()
    fresh.close()


def run_folder(database):
    [folder] = database.folder.runs.glob("*/a1")
    return folder


def change_record(database, **changes):
    file = run_folder(database) / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def forget_run(database):
    with database.write() as session:
        session.delete(session.query(Run).one())


def other_database(database):
    marker = database.folder.root / "mirror.json"
    marker.write_text('{"database": "other", "rev": 1}')


def name_lost_asset(database):
    with database.write() as session:
        session.add(Asset(sha256="a" * 64, extension="png", width=1, height=1, created_at=1.0))


def leave_half_a_file(database):
    file = database.folder.assets / ".x.png.12.tmp"
    file.write_bytes(b"half")
    os.utime(file, (1.0, 1.0))


def orphan_notebook(database):
    [file] = [one for one in database.folder.notebooks.iterdir() if one.stem != "inbox"]
    record = json.loads(file.read_text()) | {"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}
    file.with_stem("01ARZ3NDEKTSV4RRFFQ69G5FAV").write_text(json.dumps(record))


DAMAGE = {
    "video.mp4 is missing .* backup": lambda d: (run_folder(d) / "video.mp4").unlink(),
    "differ in seed, prompt|differ in prompt, seed": lambda d: change_record(d, seed=1, prompt="x"),
    "record cannot be read .* no good 'fps'": lambda d: change_record(d, fps="fast"),
    "1 finished run lies in the folder without a row. Run: python -m studio rescan": forget_run,
    "of another or a newer database": other_database,
    "1 notebook lies in the folder without a row": orphan_notebook,
    "aaaa.png is missing. Take it from a backup": name_lost_asset,
    "inbox.json: Expecting .* renames the file to keep it": lambda d: (
        d.folder.notebooks / "inbox.json"
    ).write_text("{"),
    "marks.json.unreadable-1 could not be read and was renamed": lambda d: (
        run_folder(d) / "marks.json.unreadable-1"
    ).write_text("{"),
    "left 1 files or folders behind": leave_half_a_file,
    "chmod 600": lambda d: (d.folder.root / "media.key").chmod(0o644),
}


TOGETHER = [
    sentence
    for sentence, damage in DAMAGE.items()
    if damage not in (forget_run, other_database) and "cannot be read" not in sentence
]
ALONE = [[sentence] for sentence in DAMAGE if sentence not in TOGETHER]


@pytest.mark.parametrize("sentences", [TOGETHER, *ALONE], ids=len)
def test_each_damage_is_one_finding(database, whole, sentences):
    for sentence in sentences:
        DAMAGE[sentence](database)
    found = diagnose(database, whole)
    assert len(found) == len(sentences)
    for sentence in sentences:
        assert [one for one in found if re.search(sentence, one)], sentence


@pytest.fixture
def model(tmp_path):
    """A copy of the bundled model's small files, and weights that a test may spoil."""
    copy = tmp_path / "copied"
    shutil.copytree(TINY_MODEL, copy, ignore=shutil.ignore_patterns("examples", "training"))
    return copy


def cut(model):
    [weights] = (model / "vae").glob("*.safetensors")
    with weights.open("rb+") as file:
        file.truncate(weights.stat().st_size - 1)


def scribble(model):
    [weights] = (model / "transformer").glob("*.safetensors")
    weights.write_bytes(b"\xff" * 64)


SPOILING = {
    "vae.* are cut short or grown": cut,
    "transformer.* are no .safetensors file": scribble,
    "text_encoder/ holds no .safetensors weights": lambda model: [
        file.unlink() for file in (model / "text_encoder").glob("*.safetensors")
    ],
    "is not a model card": lambda model: (model / "wanderbook.json").write_text("[]"),
    "tokenizer/tokenizer.json is missing": lambda model: (
        model / "tokenizer/tokenizer.json"
    ).unlink(),
}


def test_models_are_looked_at_without_reading_them(database, whole, model):
    sound = replace(whole, model_folder=model)
    assert diagnose(database, sound) == []
    for sentence, spoil in SPOILING.items():
        spare = model.with_name("spare")
        shutil.copytree(model, spare)
        spoil(model)
        [found] = diagnose(database, sound)
        assert re.search(sentence, found)
        assert "Get the model once more" in found
        shutil.rmtree(model)
        spare.rename(model)


def test_a_disk_that_is_nearly_full_is_told(database, whole, monkeypatch):
    usage = type("Usage", (), {"free": 1_500_000_000})()
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    [found] = diagnose(database, whole)
    assert "1.5 GB are free" in found
