"""Keeps marks and notebooks on the disk true, so that they outlive the database.

A thread of the page's process looks every few seconds whether anything was committed, which costs
next to nothing, and writes what changed: no press waits for it. What a crash kept from being
written is written at the next start, and the rest when the program ends.
"""

import logging
import math
import threading
import time

from storage.database import Database
from storage.mirror_files import forget_purged, mirrored_until, set_mirrored, write_changes

PAUSE_S = 2.0
REST = 20  # a pause is at least as many times as long as the writing before it
LAST_S = 1.5  # what is left when the program ends may take as long
FOREIGN = (
    "The notebooks in %s are of another database, so changes are not written beside them. Stop "
    "the program and run: python -m studio rescan"
)

logger = logging.getLogger(__name__)


class Mirror:
    """Writes marks and notebooks beside the videos, from `start` to `stop`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopping = threading.Event()
        self._deadline = math.inf
        self._thread: threading.Thread | None = None
        self._has_warned = self._has_failed = False

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

    def write(self) -> None:
        """Write everything that is not written yet, unless the files are another database's."""
        after_rev = mirrored_until(self._database)
        if after_rev is None:
            self._warn()
            return
        rev = write_changes(self._database, after_rev, lambda: time.monotonic() > self._deadline)
        if rev is not None and rev != after_rev:
            set_mirrored(self._database, rev)
            forget_purged(self._database)

    def _run(self) -> None:
        watch, pause_s, seen = self._database.watch(), 0.0, -1
        try:
            while not self._stopping.wait(pause_s):
                began, version = time.monotonic(), watch.version()
                if version != seen and self._could_write():
                    seen = version
                pause_s = max(PAUSE_S, REST * (time.monotonic() - began))
            self._could_write()
        finally:
            watch.close()

    def _could_write(self) -> bool:
        """Whether all was written. What cannot be now, as on a full disk, is tried again."""
        try:
            self.write()
        except Exception:  # none may end the thread
            if not self._has_failed:
                logger.exception("marks and notebooks could not be written beside the videos")
            self._has_failed = True
            return False
        self._has_failed = False
        return True

    def _warn(self) -> None:
        if not self._has_warned:
            logger.warning(FOREIGN, self._database.folder.root)
        self._has_warned = True
