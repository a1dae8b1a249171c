"""Files are whole or absent, kept once, and only leftovers are cleaned up."""

import hashlib
import os

import pytest

from storage.files import ORPHAN_AGE_S, Attempt, DataFolder, clean, sync_tree, write_whole


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path)
    folder.create()
    return folder


def test_an_asset_is_named_by_its_content_and_kept_once(folder):
    first, second = folder.store_asset(b"abc", "png"), folder.store_asset(b"abc", "png")
    assert first == second == hashlib.sha256(b"abc").hexdigest()
    assert [path.read_bytes() for path in folder.assets.iterdir()] == [b"abc"]


def test_a_write_that_fails_leaves_the_old_file_whole(folder, monkeypatch):
    path = folder.root / "run.json"
    write_whole(path, b"old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"


def test_content_reaches_the_disk_before_its_name_does(folder, monkeypatch):
    path, synced = folder.root / "run.json", []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(path.exists()))
    write_whole(path, b"new")
    assert synced == [False, True]  # the file, then, renamed, its folder


def test_a_whole_folder_is_synced(folder, monkeypatch):
    attempt = folder.attempt("run", 1)
    attempt.mkdir(parents=True)
    (attempt / "video.mp4").write_bytes(b"v")
    (attempt / "poster.jpg").write_bytes(b"p")
    count = []
    monkeypatch.setattr(os, "fsync", count.append)
    sync_tree(attempt)
    assert len(count) == 5  # two files, the attempt, the run, the runs


def test_only_old_leftovers_are_cleaned_up(folder):
    kept = [folder.attempt("known", 2), folder.attempt("known", 3)]
    gone = [folder.attempt("known", 1), folder.attempt("unknown", 1)]
    for attempt in kept + gone:
        attempt.mkdir(parents=True)
        (attempt / "video.mp4").write_bytes(b"v")
    for name in (".x.png.12.tmp", ".x.safetensors.part"):
        (folder.assets / name).write_bytes(b"half")
    now = (gone[0] / "video.mp4").stat().st_mtime
    assert clean(folder, {"known": Attempt(2)}, now + ORPHAN_AGE_S / 2) == []
    clean(folder, {"known": Attempt(2)}, now + 2 * ORPHAN_AGE_S)
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)
    assert list(folder.assets.iterdir()) == []


def test_finished_runs_of_a_lost_database_are_never_cleaned_up(folder):
    attempt = folder.attempt("unknown", 1)
    attempt.mkdir(parents=True)
    for name in ("video.mp4", "run.json"):
        (attempt / name).write_bytes(b"v")
    later = (attempt / "run.json").stat().st_mtime + 2 * ORPHAN_AGE_S
    assert clean(folder, {}, later) == []
    (attempt / "video.mp4").unlink()
    clean(folder, {}, later)
    assert not attempt.exists()


def test_of_a_run_that_failed_only_the_log_is_kept(folder):
    attempt = folder.attempt("known", 2)
    attempt.mkdir(parents=True)
    for name in ("video.mp4", "preview-1.webp", "log.txt"):
        (attempt / name).write_bytes(b"v")
    later = (attempt / "log.txt").stat().st_mtime + 2 * ORPHAN_AGE_S
    clean(folder, {"known": Attempt(2)}, later)
    assert len(list(attempt.iterdir())) == 3
    clean(folder, {"known": Attempt(2, log_only=True)}, later)
    assert [path.name for path in attempt.iterdir()] == ["log.txt"]
