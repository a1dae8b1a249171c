"""A folder of tensors that need not be computed twice.

An entry is a safetensors file, named by the hash of everything that decides its content, so it
never has to be invalidated, only forgotten: beyond the size limit the entries used longest ago go
first. It carries the seconds its computation took and a digest of itself; one that cannot be read
or is not what was written is a miss. Two processes may share the folder.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sanawm.files import whole_file

SUFFIX = ".safetensors"
WHOLE_HASH_BYTES = 64 * 2**20  # files up to this size enter a fingerprint byte by byte
SAMPLE_BYTES = 2**20  # of larger ones: the first and last of these, with size and time of change

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What was kept under one key, and how many seconds it took to compute."""

    tensors: dict[str, Tensor]
    seconds: float


def content_key(parts: Mapping[str, object]) -> str:
    """The name of an entry: sha256 over everything that decides it, in canonical JSON."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def tensor_digest(tensor: Tensor) -> str:
    """sha256 of a tensor's numbers, shape and type."""
    digest = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def folder_fingerprint(folder: Path) -> str:
    """sha256 of the files of a model's part; large weight files are sampled, not read through."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        status = path.stat()
        digest.update(f"{path.relative_to(folder).as_posix()} {status.st_size}\n".encode())
        with path.open("rb") as file:
            if status.st_size <= WHOLE_HASH_BYTES:
                digest.update(file.read())
                continue
            digest.update(f"{status.st_mtime_ns}\n".encode() + file.read(SAMPLE_BYTES))
            file.seek(-SAMPLE_BYTES, os.SEEK_END)
            digest.update(file.read())
    return digest.hexdigest()


class TensorCache:
    """Named groups of tensors in one folder, at most `limit_bytes` of them."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes

    def get(self, key: str) -> Entry | None:
        """The entry, now the most recently used; None where there is no whole one."""
        path = self._path(key)
        try:
            entry = _read(path, key)
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.warning("a kept result cannot be read: %s", error)
            return None
        except (SafetensorError, ValueError) as error:
            logger.warning("%s is damaged, so it is made again: %s", path, error)
            with suppress(OSError):
                path.unlink()
            return None
        _mark_used(path)
        return entry

    def put(self, key: str, tensors: Mapping[str, Tensor], seconds: float) -> None:
        """Keep the tensors under the key, and forget old entries beyond the limit.

        What is larger than the limit by itself is not kept.
        """
        if sum(tensor.nbytes for tensor in tensors.values()) > self.limit_bytes:
            return
        plain = {name: tensor.contiguous() for name, tensor in tensors.items()}
        metadata = {"seconds": repr(seconds), "digest": _digest(key, repr(seconds), plain)}
        with whole_file(self._path(key)) as temporary:
            save_file(plain, temporary, metadata)
            _mark_used(temporary)
        self.trim(keep=key)

    def trim(self, keep: str = "") -> None:
        """Forget entries, the one used longest ago first, until the others fit the limit."""
        entries = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            try:
                status = path.stat()
            except FileNotFoundError:  # another process was faster
                continue
            entries.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if total <= self.limit_bytes:
                return
            if path.stem != keep:
                path.unlink(missing_ok=True)
                total -= size

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{SUFFIX}"


def _read(path: Path, key: str) -> Entry:
    """Raise ValueError where the file is not what was written under this key.

    The tensors are copied out of the mapped file, so that they lie in memory as computed ones do:
    aligned, which decides the order of some sums, and whatever becomes of the file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).clone() for name in sorted(file.keys())}
    except RuntimeError as error:  # torch opens the file a second time
        if path.exists():
            raise
        raise FileNotFoundError(f"{path} went while it was read") from error
    seconds = metadata.get("seconds", "")
    if metadata.get("digest") != _digest(key, seconds, tensors):
        raise ValueError("its content is not what was written")
    return Entry(tensors=tensors, seconds=float(seconds))


def _mark_used(path: Path) -> None:
    """By the finest clock: a file system's own may stand still for several entries."""
    now = time.time_ns()
    with suppress(OSError):  # a folder that is only readable still serves
        os.utime(path, ns=(now, now))


def _digest(key: str, seconds: str, tensors: Mapping[str, Tensor]) -> str:
    contents = {name: tensor_digest(tensor) for name, tensor in tensors.items()}
    return content_key({"key": key, "seconds": seconds, "tensors": contents})
