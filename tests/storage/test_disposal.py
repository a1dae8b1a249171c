"""Everything that may be in a data folder is planted; a clean-up takes what it says, no more."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_rows import IMAGE, PATH, make_run

from storage.database import Database
from storage.disk_use import CACHES, Use
from storage.disposal import disposable, dispose
from storage.queue import Queue
from storage.tables import Asset, KeptDraft
from storage.upkeep import examine

NOW = 1_800_000_000.0
OLD, YOUNG = NOW - 7200, NOW - 60
LOST, UNUSED, FRESH, ORPHAN = "c" * 64, "d" * 64, "e" * 64, "f" * 64
UPLOADS = "a" * 64
DRAWN, CHOSEN = "1" * 64, "2" * 64  # poses and a first frame of a form that was left unfinished


def plant(root, name, changed=OLD, content=b"12345"):
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    os.utime(file, (changed, changed))
    return name


@pytest.fixture
def root(database):
    return database.folder.root


@pytest.fixture
def temporary(root):
    return root / "gradio"


@pytest.fixture
def planted(database, root):
    """Files by what should become of them: kind -> the names that may go; "" for what stays."""
    Queue(database).add(make_run(client_key=None))
    with database.write() as session:
        session.add(Asset(sha256=UNUSED, extension="png", width=1, height=1, created_at=OLD))
        session.add(Asset(sha256=FRESH, extension="png", width=1, height=1, created_at=YOUNG))
        camera = {"source": {"kind": "poses", "poses": DRAWN}}
        form = {"image": {"sha256": CHOSEN}, "camera": camera}
        session.add(KeptDraft(visitor="a", form=form, parent_id=None, updated_at=OLD))
    lost = json.dumps({"image": {"sha256": LOST}}).encode()
    go = {kind: [plant(root, f"cache/{kind}/{'9' * 64}.safetensors", YOUNG)] for kind in CACHES}
    go |= {
        "pictures": [
            plant(root, f"assets/{UNUSED}.png"),
            plant(root, f"assets/{UNUSED}.thumb.webp"),
            plant(root, f"assets/{ORPHAN}.npz"),
        ],
        "backups": [plant(root, "backups/app-20260101-000000-by-hand.db")],
        "logs": [plant(root, "logs/worker-01A.log")],
        "trash": [plant(root, "trash/01R/video.mp4", YOUNG)],
        "temporary": [plant(root, f"gradio/{UPLOADS}/photo.jpg")],
    }
    go[""] = [
        plant(root, f"assets/{IMAGE}.png"),
        plant(root, f"assets/{IMAGE}.thumb.webp"),
        plant(root, f"assets/{PATH}.npz"),
        plant(root, f"assets/{FRESH}.png"),
        plant(root, f"assets/{LOST}.png"),
        plant(root, f"assets/{CHOSEN}.png"),
        plant(root, f"assets/{DRAWN}.npz"),
        plant(root, f"assets/{'b' * 64}.png", YOUNG),
        plant(root, "assets/notes.txt"),
        plant(root, "runs/01LOST/a1/run.json", OLD, lost),
        plant(root, "runs/01LOST/a1/video.mp4"),
        plant(root, "backups/app-20260202-000000-by-hand.db"),
        plant(root, "backups/mine.db"),
        plant(root, "logs/worker-01B.log", YOUNG),
        plant(root, "logs/worker-01C.log"),
        plant(root, "cache/text/.9.safetensors.tmp"),
        plant(root, "models/mine/weights.safetensors"),
        plant(root, f"gradio/{'b' * 64}/new.jpg", YOUNG),
        plant(root, "media.key"),
        "app.db",
    ]
    return go


def files_in(root):
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()} - {
        "app.db-wal",
        "app.db-shm",
    }


KINDS = [*CACHES, "pictures", "backups", "logs", "trash", "temporary"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_clean_up_takes_exactly_what_it_named(database, root, temporary, planted, kind):
    before, named = files_in(root), disposable(database, kind, NOW, temporary)

    went = dispose(database, kind, temporary, NOW)

    assert {str(path.relative_to(root)) for path in named} == set(planted[kind])
    assert files_in(root) == before - set(planted[kind])
    assert went == Use(files=len(planted[kind]), size=5 * len(planted[kind]))
    assert disposable(database, kind, NOW, temporary) == []


def test_after_every_clean_up_each_run_has_all_it_needs(database, root, temporary, planted):
    for kind in KINDS:
        dispose(database, kind, temporary, NOW)

    assert files_in(root) >= set(planted[""])
    with database.read() as session:
        kept = {sha256 for sha256 in (IMAGE, PATH, UNUSED, FRESH) if session.get(Asset, sha256)}
    assert kept == {IMAGE, PATH, FRESH}
    assert not [said for said in examine(database) if "missing" in said]


def test_the_folder_of_an_old_upload_goes_with_it(database, root, temporary, planted):
    os.utime(temporary / UPLOADS, (OLD, OLD))

    dispose(database, "temporary", temporary, NOW)

    assert not (temporary / UPLOADS).exists()
    assert (temporary / ("b" * 64)).exists()


def test_what_cannot_be_deleted_does_not_count_as_gone(
    database, root, temporary, planted, monkeypatch
):
    plant(root, "trash/01R/held.mp4")
    unlink = Path.unlink

    def refuse_one(path, **options):
        if path.name == "held.mp4":
            raise PermissionError
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", refuse_one)

    assert dispose(database, "trash", temporary, NOW) == Use(files=1, size=5)


def test_a_link_goes_and_what_it_points_to_stays(database, root, temporary, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "precious"
    outside.write_bytes(b"precious")
    (root / "trash").mkdir()
    (root / "trash" / "folder").symlink_to(outside.parent)

    dispose(database, "trash", temporary, NOW)

    assert outside.read_bytes() == b"precious"


@given(
    used=st.lists(st.integers(0, 7), max_size=6),
    old=st.sets(st.integers(0, 7)),
)
@pytest.mark.slow
def test_a_picture_goes_only_when_no_run_uses_it_and_an_hour_has_passed(
    tmp_path_factory, used, old
):
    database = Database.open(tmp_path_factory.mktemp("data"))
    names = [f"{number}" * 64 for number in range(8)]
    with database.write() as session:
        for number, name in enumerate(names):
            stamp = OLD if number in old else YOUNG
            plant(database.folder.root, f"assets/{name}.png", stamp)
            session.add(Asset(sha256=name, extension="png", width=1, height=1, created_at=stamp))
    for number in used:
        names_of_run = {"image_sha256": names[number], "path_sha256": names[number]}
        Queue(database).add(make_run(**names_of_run))

    dispose(database, "pictures", database.folder.root / "gradio", NOW)

    left = {path.name[:64] for path in database.folder.assets.iterdir()}
    database.close()
    assert left == {names[n] for n in range(8) if n in used or n not in old}
