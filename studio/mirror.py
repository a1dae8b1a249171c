"""Keeps marks and notebooks on the disk true, so that they outlive the database.

A thread of the page's process looks every few seconds whether anything was committed, which costs
next to nothing, and writes what changed: no press waits for it. What a crash kept from being
written is written at the next start, and the rest when the program ends.
"""

import logging
import math
import threading
import time

from filelock import FileLock, Timeout

from storage.database import Database
from storage.mirror_files import forget_purged, write_changes
from storage.mirror_marker import mirrored_until, part, set_mirrored

PAUSE_S = 2.0
REST = 10  # after each file, so many times as long as it took: pages come first
LAST_S = 1.5  # what is left when the program ends may take as long
FOREIGN = (
    "The notebooks in %s are of another or a newer database, so changes are not written beside "
    "them. Stop the program and run: python -m studio rescan"
)

logger = logging.getLogger(__name__)


class Mirror:
    """Writes marks and notebooks beside the videos, from `start` to `stop`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopping = threading.Event()
        self._deadline, self._began = math.inf, 0.0
        self._thread: threading.Thread | None = None
        self._has_warned = self._has_failed = False
        part(database)  # before anybody changes it: an older copy must be known as one

    def start(self) -> None:
        """Begin to write, first what was left last time."""
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is left, within some seconds."""
        if self._thread is None:
            return
        self._deadline = time.monotonic() + LAST_S
        self._stopping.set()
        self._thread.join()
        self._thread = None

    def write(self) -> bool:
        """Write everything that is not written yet, unless the files are another database's; False
        where another program is doing so just now.
        """
        try:
            with FileLock(self._database.folder.root / "mirror.lock", timeout=0):
                self._write()
        except Timeout:
            return False
        return True

    def _write(self) -> None:
        after_rev = mirrored_until(self._database)
        if after_rev is None:
            self._warn()
            return
        self._began = time.monotonic()
        rev = write_changes(self._database, after_rev, self._is_over)
        if rev is not None and rev != after_rev:
            set_mirrored(self._database, rev)
            forget_purged(self._database)
            self._is_over()

    def _run(self) -> None:
        watch, seen = self._database.watch(), -1
        try:
            while not self._stopping.wait(PAUSE_S):
                version = watch.version()
                if version != seen and self._could_write():
                    seen = version
            self._could_write()
        finally:
            watch.close()

    def _could_write(self) -> bool:
        """Whether all was written. What cannot be now, as on a full disk, is tried again."""
        try:
            is_done = self.write()
        except Exception:  # none may end the thread
            if not self._has_failed:
                logger.exception("marks and notebooks could not be written beside the videos")
            self._has_failed = True
            return False
        self._has_failed = False
        return is_done

    def _is_over(self) -> bool:
        """After each file: rest, unless the program ends; whether its patience is over."""
        if self._thread is not None:
            self._stopping.wait(REST * (time.monotonic() - self._began))
        self._began = time.monotonic()
        return self._began > self._deadline

    def _warn(self) -> None:
        if not self._has_warned:
            logger.warning(FOREIGN, self._database.folder.root)
        self._has_warned = True
