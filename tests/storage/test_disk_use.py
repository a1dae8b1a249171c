import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import disk_use
from storage.disk_use import Use, measure, walk
from storage.files import DataFolder

NAMES = st.text("abcé ", min_size=1, max_size=6).map(str.strip).filter(bool)
TREES = st.recursive(
    st.binary(max_size=40), lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


def plant(path, tree):
    """Make the tree; what its files hold together."""
    if isinstance(tree, bytes):
        path.write_bytes(tree)
        return 1, len(tree)
    path.mkdir()
    counts = [plant(path / name, inner) for name, inner in tree.items()]
    return sum(files for files, _ in counts), sum(size for _, size in counts)


@given(TREES)
def test_every_file_below_is_counted_once(tmp_path_factory, tree):
    root = tmp_path_factory.mktemp("tree") / "root"

    files, size = plant(root, tree)

    assert measure(walk(root)) == Use(files=files, size=size)


def test_each_kind_is_counted_where_it_lies(tmp_path):
    folder = DataFolder(tmp_path)
    planted = {
        "videos": "runs/01A/a1/video.mp4",
        "pictures": "assets/ab.png",
        "text": "cache/text/1.safetensors",
        "latents": "cache/latents/1.safetensors",
        "features": "cache/features/1.safetensors",
        "stage1": "cache/stage1/1.safetensors",
        "chains": "cache/chains/1.mp4",
        "database": "app.db-wal",
        "backups": "backups/app-1.db",
        "logs": "logs/worker-1.log",
        "trash": "trash/01B/video.mp4",
    }
    for number, name in enumerate(planted.values(), start=1):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(number))

    found = disk_use.disk_use(folder)

    wanted = {kind: Use(files=1, size=number) for number, kind in enumerate(planted, start=1)}
    assert found == wanted


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    empty = disk_use.disk_use(DataFolder(tmp_path / "none"))

    assert set(empty.values()) == {Use()}


def test_links_lead_nowhere(tmp_path):
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (outside / "large").write_bytes(bytes(1000))
    (root / "small").write_bytes(bytes(10))
    (root / "file").symlink_to(outside / "large")
    (root / "folder").symlink_to(outside)
    (root / "circle").symlink_to(root)
    (tmp_path / "linked").symlink_to(outside)

    assert measure(walk(root)) == Use(files=1, size=10)
    assert measure(walk(tmp_path / "linked")) == Use()
    assert measure(walk(root / "file")) == Use()


def test_what_vanishes_while_it_is_counted_counts_nothing(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(bytes(10))
    scan = os.scandir

    def scan_while_others_delete(path):
        entries = list(scan(path))
        if os.fspath(path) == os.fspath(tmp_path):
            (tmp_path / "b" / "file").unlink()
            (tmp_path / "b").rmdir()
        if str(path).endswith("c"):
            (tmp_path / "c" / "file").unlink()
        return entries

    monkeypatch.setattr(os, "scandir", scan_while_others_delete)

    assert measure(walk(tmp_path)) == Use(files=1, size=10)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_counts_nothing(tmp_path):
    (tmp_path / "locked").mkdir(mode=0)

    assert measure(walk(tmp_path)) == Use()
