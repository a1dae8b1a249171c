"""A zip that is sent while it is made: nothing is compressed, and its size is known beforehand.

Of each file at most a piece is in memory. A file that does not have the size that was said for it
ends the zip with an error, so that nobody takes the torn one for whole.
"""

import io
import stat
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1024 * 1024
HEADER, CENTRAL, DESCRIPTOR, END = 30, 46, 16, 22  # bytes of each record, without names
LARGE_HEADER, LARGE_DESCRIPTOR, LARGE_END = 20, 24, 76  # where numbers need 64 bits
LARGE = zipfile.ZIP64_LIMIT
FILE = (stat.S_IFREG | 0o644) << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A file of a zip: its name in ASCII, its bytes, and how many they are."""

    name: str
    size: int
    chunks: Callable[[], Iterator[bytes]]

    @classmethod
    def of_file(cls, name: str, path: Path) -> "Entry":
        """A file on the disk, read when its turn comes."""
        return cls(name=name, size=path.stat().st_size, chunks=lambda: _pieces(path))

    @classmethod
    def of_bytes(cls, name: str, content: bytes) -> "Entry":
        """Bytes that are there already."""
        return cls(name=name, size=len(content), chunks=lambda: iter((content,)))


def zip_size(entries: Sequence[Entry]) -> int:
    """How many bytes `zip_chunks` gives."""
    files, directory = 0, 0
    for entry in entries:
        is_large = entry.size > LARGE
        wide = 2 * is_large + (files > LARGE)  # numbers that need an extra field
        directory += CENTRAL + len(entry.name) + (4 + 8 * wide if wide else 0)
        files += HEADER + len(entry.name) + entry.size
        may_be_large = entry.size * 1.05 > LARGE  # as zipfile decides
        files += LARGE_HEADER + LARGE_DESCRIPTOR if may_be_large else DESCRIPTOR
    is_long = len(entries) > zipfile.ZIP_FILECOUNT_LIMIT or files > LARGE
    return files + directory + END + LARGE_END * is_long


def zip_chunks(entries: Sequence[Entry]) -> Iterator[bytes]:
    """The bytes of the zip, entry by entry."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as file:
        for entry in entries:
            with file.open(_info(entry), "w") as target:
                sent = 0
                for chunk in entry.chunks():
                    sent += len(chunk)
                    target.write(chunk)
                    yield sink.take()
            if sent != entry.size:
                raise OSError(f"{entry.name} was changed while it was being sent")
    yield sink.take()


def _info(entry: Entry) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(entry.name, time.localtime()[:6])
    info.external_attr, info.file_size = FILE, entry.size
    return info


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


class _Sink(io.RawIOBase):
    """A file that can only be written to, and gives away what was written."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self._written.append(bytes(data))  # type: ignore[call-overload]
        return len(self._written[-1])

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._written)
        self._written.clear()
        return taken
