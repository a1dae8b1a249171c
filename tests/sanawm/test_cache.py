import os
import signal
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from sanawm import cache
from sanawm.cache import TensorCache, content_key, folder_fingerprint, tensor_digest

TENSORS = {"text": torch.arange(6.0).view(2, 3), "mask": torch.ones(2, dtype=torch.int64)}
ENTRY_BYTES = 1024
ROOT = Path(__file__).parents[2]


@pytest.fixture
def tensors():
    return {"x": torch.zeros(ENTRY_BYTES // 4)}


def test_what_was_kept_comes_back_equal(tmp_path):
    TensorCache(tmp_path, 2**20).put("a", TENSORS, seconds=0.1)
    found = TensorCache(tmp_path, 2**20).get("a")
    assert found.seconds == 0.1
    assert found.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(found.tensors[name], TENSORS[name]) for name in TENSORS)


def test_an_unknown_key_is_a_miss(tmp_path):
    assert TensorCache(tmp_path / "absent", 2**20).get("a") is None


def test_an_entry_that_goes_while_it_is_read_is_a_miss(tmp_path, monkeypatch):
    kept = TensorCache(tmp_path, 2**20)
    kept.put("a", TENSORS, seconds=0.1)
    opened = cache.safe_open

    def open_what_goes(path, **options):
        path.unlink()
        raise RuntimeError("unable to open file")  # what torch says of a file that is gone

    monkeypatch.setattr(cache, "safe_open", open_what_goes)
    assert kept.get("a") is None

    monkeypatch.setattr(cache, "safe_open", opened)
    kept.put("a", TENSORS, seconds=0.1)
    assert kept.get("a") is not None


DAMAGES = {
    "empty": lambda whole: b"",
    "one byte": lambda whole: b"\x08",
    "other": lambda whole: b"not safetensors at all" * 9,
    "cut off": lambda whole: whole[:-4],
    "a bit in a tensor": lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
    "a bit in the seconds": lambda whole: whole.replace(b"0.25", b"9.25"),
    "no word of ours": lambda whole: save(TENSORS),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_entry_is_a_miss_and_is_replaced(tmp_path, damage):
    store, path = TensorCache(tmp_path, 2**20), tmp_path / "a.safetensors"
    store.put("a", TENSORS, seconds=0.25)
    path.write_bytes(damage(path.read_bytes()))
    assert store.get("a") is None
    assert not path.exists()
    store.put("a", TENSORS, seconds=0.25)
    assert store.get("a") is not None


def test_an_entry_under_the_name_of_another_is_a_miss(tmp_path):
    store = TensorCache(tmp_path, 2**20)
    store.put("a", TENSORS, seconds=0.1)
    (tmp_path / "a.safetensors").rename(tmp_path / "b.safetensors")
    assert store.get("b") is None


def test_an_entry_that_cannot_be_opened_is_a_miss(tmp_path):
    (tmp_path / "a.safetensors").mkdir()
    assert TensorCache(tmp_path, 2**20).get("a") is None
    (tmp_path / "file").touch()
    assert TensorCache(tmp_path / "file", 2**20).get("a") is None


def test_what_comes_back_lies_in_memory_as_computed_tensors_do(tmp_path):
    """Aligned to 64 bytes and in order: sums over it then run as over the original."""
    for size in (3, 5, 7):
        tensors = {name: torch.ones(size, 5).t() for name in "abc"}
        TensorCache(tmp_path, 2**20).put("k", tensors, seconds=0.1)
        found = TensorCache(tmp_path, 2**20).get("k").tensors
        (tmp_path / "k.safetensors").write_bytes(b"gone")
        for name, tensor in found.items():
            assert (tensor.data_ptr() % 64, tensor.is_contiguous()) == (0, True)
            assert torch.equal(tensor, tensors[name])


def test_the_entry_used_longest_ago_goes_first(tmp_path, tensors):
    store = TensorCache(tmp_path, 3 * (ENTRY_BYTES + 200))
    for age, key in enumerate("cab"):
        store.put(key, tensors, seconds=0.1)
        os.utime(tmp_path / f"{key}.safetensors", (1000 + age, 1000 + age))
    store.get("c")  # oldest by birth, youngest by use

    store.put("d", tensors, seconds=0.1)

    assert {path.stem for path in tmp_path.glob("*.safetensors")} == {"b", "c", "d"}


@settings(max_examples=25, deadline=None)
@given(uses=st.lists(st.tuples(st.sampled_from(["put", "get"]), st.sampled_from("abcde"))))
def test_whatever_the_order_of_uses_the_last_used_entries_stay(tmp_path_factory, uses):
    store = TensorCache(tmp_path_factory.mktemp("kept"), 3 * (ENTRY_BYTES + 400))
    expected = OrderedDict()
    for use, key in uses:
        if use == "put":
            store.put(key, {"x": torch.zeros(ENTRY_BYTES // 4)}, seconds=0.1)
            expected[key] = True
        else:
            assert (store.get(key) is not None) == (key in expected)
        if key in expected:
            expected.move_to_end(key)
        while len(expected) > 3:
            expected.popitem(last=False)
    assert {path.stem for path in store.folder.glob("*.safetensors")} == set(expected)


def test_what_exceeds_the_limit_by_itself_is_not_kept(tmp_path, tensors):
    TensorCache(tmp_path, 2**20).put("a", tensors, seconds=0.1)
    TensorCache(tmp_path, 10).put("b", tensors, seconds=0.1)
    assert [path.stem for path in tmp_path.iterdir()] == ["a"]


def test_a_smaller_limit_holds_from_the_next_entry_on(tmp_path, tensors):
    for key in "abcd":
        TensorCache(tmp_path, 2**20).put(key, tensors, seconds=0.1)
    TensorCache(tmp_path, 2 * (ENTRY_BYTES + 400)).put("e", tensors, seconds=0.1)
    assert {path.stem for path in tmp_path.iterdir()} == {"d", "e"}


PROGRAM = """
import os, random, signal, sys, torch
from pathlib import Path
from sanawm import files
from sanawm.cache import TensorCache
store = TensorCache(Path(sys.argv[2]), int(sys.argv[3]))
def work():
    draws = random.Random(os.getpid())
    for _ in range(150):
        number = draws.randrange(12)
        found = store.get(str(number))
        if found is None:
            store.put(str(number), {"x": torch.full((256,), float(number))}, 0.1)
        else:
            assert found.tensors["x"].eq(number).all()
def die():
    files._flush = lambda path: os.kill(os.getpid(), signal.SIGKILL)
    store.put("a", {"x": torch.zeros(256)}, 0.1)
{"work": work, "die": die}[sys.argv[1]]()
"""


def start(*arguments):
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def test_two_processes_share_a_folder_that_is_too_small_for_both(tmp_path):
    limit = 5 * (ENTRY_BYTES + 400)
    workers = [start("work", tmp_path, limit) for _ in range(2)]
    assert [(worker.communicate()[1], worker.returncode) for worker in workers] == [("", 0)] * 2
    entries = list(tmp_path.iterdir())
    assert all(TensorCache(tmp_path, limit).get(path.stem) is not None for path in entries)
    assert sum(path.stat().st_size for path in entries) <= limit


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_kill_before_the_name_is_given_leaves_no_entry(tmp_path, tensors):
    killed = start("die", tmp_path, 2**20)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    store = TensorCache(tmp_path, 2**20)
    assert store.get("a") is None
    store.put("a", tensors, seconds=0.1)
    assert store.get("a") is not None


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    store = TensorCache(tmp_path, 2**20)
    shared = torch.zeros(4)
    with pytest.raises(RuntimeError, match="share memory"):
        store.put("a", {"x": shared, "y": shared}, seconds=0.1)
    assert list(tmp_path.iterdir()) == []


def test_every_part_of_a_key_counts_and_their_order_does_not():
    key = content_key({"prompt": "a", "model": "m"})
    assert key == content_key({"model": "m", "prompt": "a"})
    assert key != content_key({"prompt": "b", "model": "m"})
    assert key != content_key({"prompt": "a", "model": "m", "threads": 1})


def test_a_digest_sees_numbers_shape_and_type():
    base = torch.zeros(4)
    others = [torch.tensor([0, 0, 0, 1.0]), torch.zeros(2, 2), torch.zeros(4, dtype=torch.int32)]
    assert tensor_digest(base) == tensor_digest(base.clone())
    assert all(tensor_digest(base) != tensor_digest(other) for other in others)


@pytest.mark.parametrize("whole_bytes", [2**20, 0], ids=["whole", "sampled"])
def test_a_fingerprint_changes_with_any_file(tmp_path, monkeypatch, whole_bytes):
    monkeypatch.setattr(cache, "WHOLE_HASH_BYTES", whole_bytes)
    monkeypatch.setattr(cache, "SAMPLE_BYTES", 8)
    (tmp_path / "weights.bin").write_bytes(bytes(100))
    (tmp_path / "config.json").write_bytes(b'{"hidden": 8, "layers": 2}')
    before = folder_fingerprint(tmp_path)
    assert before == folder_fingerprint(tmp_path)

    (tmp_path / "weights.bin").write_bytes(bytes(99) + b"1")
    after = folder_fingerprint(tmp_path)
    assert after != before

    (tmp_path / "weights.bin").rename(tmp_path / "model.bin")
    assert folder_fingerprint(tmp_path) not in (before, after)
