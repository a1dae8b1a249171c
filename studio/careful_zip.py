"""A file that a zip reader cannot be made to read into memory at once.

A zip says itself how long its list of files is, and the standard reader takes that many bytes in
one piece before it looks at any. Whoever reads a stranger's zip lets it read through this.
"""

import io
from typing import IO

MOST_AT_ONCE = 16 * 1024 * 1024  # the list of files of a bundle of 15,000 runs


class CarefulFile(io.RawIOBase):
    """Reads from another file, never more at once than anybody needs."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def seekable(self) -> bool:
        """A zip is read from its end."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes; a list that is longer comes short, and is no list any more."""
        return self._file.read(MOST_AT_ONCE if size < 0 else min(size, MOST_AT_ONCE))
