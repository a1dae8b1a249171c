"""Files that are either whole or absent: written under a temporary name, then renamed."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sanawm.errors import DiskFullError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)  # the disk is full, or this account's share of it
DISK_FULL = (
    "The disk is full, so nothing was saved. The prompt, the picture and the path are kept. Free "
    "some space, then try again."
)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary name to write to; it becomes `path` if the block ends well, else it is removed.

    File and folder are flushed to the disk, so that after a power cut the file is whole or absent.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def disk_shortage_as_sentence() -> Iterator[None]:
    """Turn a write that found no room on the disk into DiskFullError."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise DiskFullError(DISK_FULL) from error


def _flush(path: Path) -> None:
    """fsync a file or folder; Windows knows no handle on a folder and needs none."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
