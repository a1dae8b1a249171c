"""Which programs have the notebook open, and whether one of them ended without saying so.

Each program holds a lock on a file of its own under `open/` and deletes the file when it ends
properly. The kernel frees the lock however a process dies, so a file that nobody holds is the trace
of an unclean end: a crash, a kill, a power cut.
"""

from pathlib import Path

from filelock import FileLock, Timeout
from ulid import ULID

FOLDER = "open"
GUARD = "entering"


class Presence:
    """This program's mark among those that have the data folder open."""

    def __init__(self, data_folder: Path) -> None:
        self._folder = data_folder / FOLDER
        self._lock: FileLock | None = None

    def enter(self) -> bool:
        """Make our mark; whether the last program before us ended uncleanly, with none beside us.

        The traces of the dead are cleared.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / GUARD):  # two programs may be starting
            held = [not _clear(path) for path in sorted(self._folder.glob("*.lock"))]
            self._lock = FileLock(self._folder / f"{ULID()}.lock")
            self._lock.acquire()
        return bool(held) and not any(held)

    def leave(self) -> None:
        """Take our mark away: this end was meant."""
        if self._lock is not None:
            Path(self._lock.lock_file).unlink(missing_ok=True)  # while nobody else can hold it
            self._lock.release()
            self._lock = None


def _clear(path: Path) -> bool:
    """Remove a mark that nobody holds; whether it was such a one."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    path.unlink(missing_ok=True)
    return True
