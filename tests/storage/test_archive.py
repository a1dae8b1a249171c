"""A backup is the notebook in one file; what was tampered with is not restored."""

import json
import zipfile

import pytest
from sample_rows import make_run
from sqlalchemy import select
from test_upkeep import finish

from storage import archive
from storage.database import Database
from storage.errors import BackupError
from storage.tables import Run
from storage.trash import purge
from storage.upkeep import examine


@pytest.fixture
def backup(database, tmp_path):
    for _ in range(2):
        finish(database, make_run())
    (database.folder.root / "media.key").write_bytes(b"secret")
    output = tmp_path / "away" / "kept.zip"
    archive.make(database.folder, output)
    return output


def contents(file):
    with zipfile.ZipFile(file) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def rewritten(file, changed, *, drop=()):
    """The same zip with some of its files changed or added."""
    held = {name: data for name, data in contents(file).items() if name not in drop} | changed
    with zipfile.ZipFile(file, "w") as made:
        for name, data in held.items():
            made.writestr(name, data)
    return file


def test_a_backup_is_restored_with_every_row_and_file_and_no_secret(database, backup, tmp_path):
    root = tmp_path / "elsewhere" / "notebook"

    count = archive.restore(backup, root)

    restored = Database.open(root)
    with database.read() as old, restored.read() as new:
        assert len(new.scalars(select(Run.id)).all()) == 2
        assert new.scalars(select(Run.id)).all() == old.scalars(select(Run.id)).all()
    restored.close()
    names = set(contents(backup)) - {archive.MANIFEST}
    assert count == len(names)
    for name in names - {"app.db"}:
        assert (root / name).read_bytes() == (database.folder.root / name).read_bytes()
    assert not any("key" in name for name in names)
    assert backup.stat().st_mode & 0o077 == 0
    findings = [one for one in examine(Database.open(root)) if "1111" not in one]
    assert [one for one in findings if "is missing in" in one] == []


def test_what_is_deleted_for_good_meanwhile_makes_the_backup_begin_anew(
    database, tmp_path, monkeypatch
):
    runs = [finish(database, make_run()) for _ in range(2)]
    real, calls = archive._named, []

    def purging(folder, snapshot):
        calls.append(snapshot)
        if len(calls) == 1:
            with database.write() as session:
                session.get_one(Run, runs[0].id).deleted_at = 1.0
            purge(database, [runs[0].id])
        return real(folder, snapshot)

    monkeypatch.setattr(archive, "_named", purging)
    archive.make(database.folder, tmp_path / "kept.zip")

    assert len(calls) == 2
    assert not any(runs[0].id in name for name in contents(tmp_path / "kept.zip"))
    assert any(runs[1].id in name for name in contents(tmp_path / "kept.zip"))


def test_a_disk_without_room_is_told_before_anything_is_written(database, tmp_path, monkeypatch):
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda _: type("Use", (), {"free": 10})())
    with pytest.raises(BackupError, match="needs 1 MB and 0 MB are free"):
        archive.make(database.folder, tmp_path / "away" / "kept.zip")
    assert list((tmp_path / "away").iterdir()) == []
    assert list(database.folder.backups.iterdir()) == []


def test_nothing_is_restored_over_a_notebook(database, backup):
    with pytest.raises(BackupError, match="is not empty"):
        archive.restore(backup, database.folder.root)


def listing(file, change):
    manifest = json.loads(contents(file)[archive.MANIFEST])
    change(manifest["files"])
    return {archive.MANIFEST: json.dumps(manifest)}


def test_a_backup_that_was_tampered_with_is_refused_whole_and_says_why(backup, tmp_path):
    whole = backup.read_bytes()
    name = next(name for name in contents(backup) if name.endswith("video.mp4"))
    one = {"size": 1, "sha256": "0" * 64}
    evil = ["../evil", "/etc/evil", "runs/../../evil", "assets\\..\\evil", "notebooks/../app.db"]

    def added(path):
        return lambda: rewritten(
            backup, {path: b"x", **listing(backup, lambda files: files.update({path: one}))}
        )

    cases = [
        *((added(path), "is no file of a notebook") for path in evil),
        (lambda: rewritten(backup, {name: b"BYTES"}), "is not what it was"),
        (lambda: rewritten(backup, {name: b"longer than it was"}), "another size"),
        (lambda: rewritten(backup, {"assets/unlisted": b"x"}), "does not name what is in it"),
        (lambda: rewritten(backup, {}, drop=[name]), "does not name what is in it"),
        (lambda: rewritten(backup, {}, drop=[archive.MANIFEST]), "no manifest"),
        (lambda: rewritten(backup, {archive.MANIFEST: "[]"}), "is not of wanderbook.backup/1"),
        (lambda: rewritten(backup, {archive.MANIFEST: "{"}), "damaged or no zip file"),
        (lambda: backup.write_bytes(whole[: len(whole) // 2]), "damaged or no zip file"),
        (lambda: backup.write_bytes(b"words"), "damaged or no zip file"),
    ]
    for spoil, why in cases:
        backup.write_bytes(whole)
        spoil()
        with pytest.raises(BackupError, match=why):
            archive.restore(backup, tmp_path / "fresh" / "root")
        assert list((tmp_path / "fresh").iterdir()) == []
    assert not (tmp_path / "evil").exists()
