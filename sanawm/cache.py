"""A folder of tensors that need not be computed twice: text embeddings, first-frame latents.

An entry is named by the hash of everything that decides its content, so it never has to be
invalidated, only forgotten: beyond the size limit the entries used longest ago go first. An entry
that cannot be read is a miss. Two processes may share the folder.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sanawm.files import whole_file

SUFFIX = ".safetensors"
WHOLE_HASH_BYTES = 64 * 2**20  # files up to this size enter a fingerprint byte by byte
SAMPLE_BYTES = 2**20  # of larger ones: the first and last of these, with size and time of change


def content_key(parts: Mapping[str, object]) -> str:
    """The name of an entry: sha256 over everything that decides it, in canonical JSON."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def tensor_digest(tensor: Tensor) -> str:
    """sha256 of a tensor's numbers, shape and type."""
    digest = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
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

    def get(self, key: str) -> dict[str, Tensor] | None:
        """The entry's tensors, now the most recently used; None where there is no whole entry."""
        path = self._path(key)
        try:
            tensors = load_file(path)
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError):
            path.unlink(missing_ok=True)
            return None
        return tensors

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Keep the tensors under the key, and forget old entries beyond the limit."""
        with whole_file(self._path(key)) as temporary:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary)
        self._evict(keep=key)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{SUFFIX}"

    def _evict(self, keep: str) -> None:
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
            if path != self._path(keep):
                path.unlink(missing_ok=True)
                total -= size
