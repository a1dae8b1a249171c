"""A backup is the notebook in one file; what was tampered with is not restored."""

import errno
import json
import os
import zipfile

import pytest
from sample_rows import make_run
from sqlalchemy import select
from test_upkeep import finish

from storage import archive, restoring
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

    count = restoring.restore(backup, root)

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
        restoring.restore(backup, database.folder.root)


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
            restoring.restore(backup, tmp_path / "fresh" / "root")
        assert list((tmp_path / "fresh").iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_a_backup_is_on_the_disk_before_it_has_its_name(database, tmp_path, monkeypatch):
    output, synced, real = tmp_path / "kept.zip", [], os.fsync

    def noted(descriptor):
        synced.append((os.fstat(descriptor).st_ino, output.exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    archive.make(database.folder, output)

    assert (output.stat().st_ino, False) in synced
    assert synced[-1] == (tmp_path.stat().st_ino, True)


def test_a_place_that_takes_no_backup_is_named_in_a_sentence(database, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("words")
    with pytest.raises(BackupError, match=r"file.*: .*\. Choose another place\."):
        archive.make(database.folder, tmp_path / "file" / "kept.zip")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive, "_add", full)
    with pytest.raises(BackupError, match=r"kept\.zip: No space left on device\. Choose another"):
        archive.make(database.folder, tmp_path / "kept.zip")
    assert [file.name for file in tmp_path.iterdir() if "kept" in file.name] == []


def test_a_folder_that_is_a_disk_is_restored_into(backup, tmp_path, monkeypatch):
    """It cannot be renamed or removed, and what lies beside it may be on another disk."""
    root = tmp_path / "disk"
    for name in (
        "lost+found",
        ".restoring-0123/assets",
    ):  # the latter from a restore that was killed
        (root / name).mkdir(parents=True)
    place, beside, real = root.stat().st_ino, set(tmp_path.iterdir()), restoring.sync_tree

    def looked(staging):
        assert set(tmp_path.iterdir()) == beside
        real(staging)

    monkeypatch.setattr(restoring, "sync_tree", looked)
    restoring.restore(backup, root)

    assert root.stat().st_ino == place
    assert {path.name for path in root.iterdir()} == {"lost+found", "app.db", "assets", "runs"}
    with pytest.raises(BackupError, match="is not empty"):
        restoring.restore(backup, root)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_disk_that_fails_while_it_is_restored_leaves_the_folder_as_it_was(
    backup, tmp_path, monkeypatch, is_there
):
    root, real, synced = tmp_path / "root", restoring.sync_folder, []
    if is_there:
        root.mkdir()

    def failing(folder):
        synced.append(folder)
        if len(synced) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(folder)

    monkeypatch.setattr(restoring, "sync_folder", failing)
    with pytest.raises(
        BackupError, match=r"root: No space left on device\. Choose another place\."
    ):
        restoring.restore(backup, root)

    assert root.exists() == is_there
    assert list(tmp_path.glob("root/*")) == []


def test_a_restore_that_does_not_fit_is_told_before_anything_is_written(
    backup, tmp_path, monkeypatch
):
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda _: type("Use", (), {"free": 10})())
    with pytest.raises(BackupError, match="needs 1 MB and 0 MB are free"):
        restoring.restore(backup, tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_what_cannot_be_unpacked_or_asks_for_a_password_is_called_damaged(backup, tmp_path):
    held = contents(backup)
    with zipfile.ZipFile(backup, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in held.items():
            made.writestr(name, data)
    whole = backup.read_bytes()
    with zipfile.ZipFile(backup) as packed:
        first = packed.infolist()[0]
    begins = first.header_offset + 30 + len(first.filename)
    scratched = whole[:begins] + b"\xff" * 8 + whole[begins + 8 :]
    listed = whole.index(b"PK\1\2")
    locked = whole[: listed + 8] + b"\1" + whole[listed + 9 :]
    for content in (scratched, locked):
        backup.write_bytes(content)
        with pytest.raises(BackupError, match="damaged or no zip file"):
            restoring.restore(backup, tmp_path / "root")
