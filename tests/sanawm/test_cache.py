import os

import pytest
import torch

from sanawm import cache
from sanawm.cache import TensorCache, content_key, folder_fingerprint, tensor_digest

TENSORS = {"text": torch.arange(6.0).view(2, 3), "mask": torch.ones(2, dtype=torch.int64)}
ENTRY_BYTES = 1024


@pytest.fixture
def tensors():
    return {"x": torch.zeros(ENTRY_BYTES // 4)}


def test_what_was_kept_comes_back_equal(tmp_path):
    TensorCache(tmp_path, 2**20).put("a", TENSORS)
    found = TensorCache(tmp_path, 2**20).get("a")
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


def test_an_unknown_key_is_a_miss(tmp_path):
    assert TensorCache(tmp_path / "absent", 2**20).get("a") is None


@pytest.mark.parametrize("damage", [b"", b"\x08", b"not safetensors at all" * 9])
def test_a_damaged_entry_is_a_miss_and_can_be_kept_again(tmp_path, damage):
    store = TensorCache(tmp_path, 2**20)
    store.put("a", TENSORS)
    (tmp_path / "a.safetensors").write_bytes(damage)
    assert store.get("a") is None
    store.put("a", TENSORS)
    assert store.get("a") is not None


def test_a_cut_off_entry_is_a_miss(tmp_path):
    store = TensorCache(tmp_path, 2**20)
    store.put("a", TENSORS)
    path = tmp_path / "a.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    assert store.get("a") is None


def test_the_entry_used_longest_ago_goes_first(tmp_path, tensors):
    store = TensorCache(tmp_path, 3 * (ENTRY_BYTES + 200))
    for age, key in enumerate("cab"):
        store.put(key, tensors)
        os.utime(tmp_path / f"{key}.safetensors", (1000 + age, 1000 + age))
    store.get("c")  # oldest by birth, youngest by use

    store.put("d", tensors)

    assert {path.stem for path in tmp_path.glob("*.safetensors")} == {"b", "c", "d"}


def test_an_entry_larger_than_the_limit_is_still_kept(tmp_path, tensors):
    store = TensorCache(tmp_path, 10)
    store.put("a", tensors)
    store.put("b", tensors)
    assert store.get("a") is None
    assert store.get("b") is not None


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    store = TensorCache(tmp_path, 2**20)
    shared = torch.zeros(4)
    with pytest.raises(RuntimeError, match="share memory"):
        store.put("a", {"x": shared, "y": shared})
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
