"""Fan out what changes in the database to every open page, at the cost of one reader.

One task asks many times a second whether anything was committed, which costs next to nothing; only
then are rows read, once for all pages, and every page is handed the same event. A page that reads
slowly is never waited for: what it has not taken yet is replaced by what is newer. Event ids are
revisions, so a page that reconnects says where it was.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from studio.views import CellView, NotebookView, RunView, StatusView

MAX_FOLLOWERS = 200
AGAIN_S = 1.0  # until a failed reading is tried again

Row = TypeVar("Row", RunView, CellView)

logger = logging.getLogger(__name__)


class Watch(Protocol):
    """Something that knows cheaply whether anything was committed: `storage.database.Watch`."""

    def version(self) -> int:
        """A number that differs after every commit."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What changed up to a revision, and how the worker and the queue are."""

    rev: int
    runs: list[RunView]  # newest change first
    cells: list[CellView]
    notebooks: list[NotebookView] | None  # all of them, where any changed
    status: StatusView

    def merged_into(self, older: "Event | None") -> "Event":
        """This event and what an older, not yet delivered one says besides."""
        if older is None:
            return self
        notebooks = older.notebooks if self.notebooks is None else self.notebooks
        return Event(
            rev=self.rev,
            runs=_and_others(self.runs, older.runs),
            cells=_and_others(self.cells, older.cells),
            notebooks=notebooks,
            status=self.status,
        )


def _and_others(newer: list[Row], older: list[Row]) -> list[Row]:
    """What is newer, then what only the older event tells of."""
    known = {row.id for row in newer}
    return newer + [row for row in older if row.id not in known]


class _Follower:
    """One open page: the newest event it has not taken yet."""

    def __init__(self) -> None:
        self.waiting: Event | None = None
        self.woken = asyncio.Event()

    def offer(self, event: Event) -> None:
        self.waiting = event.merged_into(self.waiting)
        self.woken.set()

    async def take(self, timeout_s: float) -> Event | None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.woken.wait()
        self.woken.clear()
        event, self.waiting = self.waiting, None
        return event


class Hub:
    """Follows the database on behalf of all pages of this process; lives on one event loop."""

    def __init__(
        self,
        watch: Watch,
        current_rev: Callable[[], int],
        read: Callable[[int], Event],
        *,
        poll_s: float = 0.03,
        ping_s: float = 15.0,
    ) -> None:
        self._watch = watch
        self._current_rev = current_rev
        self._read = read
        self._poll_s = poll_s
        self._ping_s = ping_s
        self._followers: set[_Follower] = set()
        self._reader: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def close(self) -> None:
        """End every stream, from whatever thread: a server waits for its open connections."""
        self._closed = True
        for follower in list(self._followers):
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(follower.woken.set)

    @property
    def is_full(self) -> bool:
        """Whether another page would be one too many: answer 503."""
        return len(self._followers) >= MAX_FOLLOWERS

    async def follow(self, after_rev: int | None = None) -> AsyncIterator[Event | None]:
        """Yield a snapshot at once, then every change; None now and then when nothing changes.

        The snapshot has what changed after `after_rev`; without one, only how the queue is now.
        """
        follower, self._loop = _Follower(), asyncio.get_running_loop()
        self._followers.add(follower)
        try:
            now = await asyncio.to_thread(self._current_rev)
            self._keep_reading(now)
            known = now if after_rev is None else after_rev
            while not self._closed:  # more than one reading, where a page was away for long
                snapshot = await asyncio.to_thread(self._read, known)
                yield snapshot
                known = snapshot.rev
                if known >= now:
                    break
            while not self._closed:
                event = await follower.take(self._ping_s)
                if event is None or event.rev > known:
                    yield event
        finally:
            self._followers.discard(follower)

    def _keep_reading(self, seen: int) -> None:
        """Start the reader where there is none."""
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._follow_database(seen))

    async def _follow_database(self, seen: int) -> None:
        """Hand out what came after a revision, until nobody follows any more."""
        version = None
        try:
            while self._followers and not self._closed:
                try:
                    newest = await asyncio.to_thread(self._watch.version)
                    if newest != version:
                        seen = await self._tell(seen)
                        version = newest
                except Exception:  # a locked or damaged database: pages keep what they have
                    logger.exception("the changes could not be read")
                    await asyncio.sleep(AGAIN_S)
                await asyncio.sleep(self._poll_s)
        finally:
            self._watch.close()

    async def _tell(self, seen: int) -> int:
        """Offer every page what came after a revision; the revision they know then."""
        rev = await asyncio.to_thread(self._current_rev)
        while seen < rev:  # more than one event, where more changed than one reading may hold
            event = await asyncio.to_thread(self._read, seen)
            seen = event.rev
            for follower in self._followers:
                follower.offer(event)
        return seen
