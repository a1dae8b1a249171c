"""Unguessable names for things that a browser fetches in a moment, without saying who asks.

A ticket is good for an hour and for this process alone; when there are too many, the oldest goes.
"""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

LIFETIME_S = 3600.0
MOST = 1000

Kept = TypeVar("Kept")


class Tickets(Generic[Kept]):
    """What was promised, by ticket; safe to call from many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[float, Kept]] = {}
        self._lock = threading.Lock()

    def issue(self, kept: Kept) -> str:
        """A ticket for this."""
        ticket = secrets.token_urlsafe(16)
        with self._lock:
            while len(self._kept) >= MOST:
                del self._kept[next(iter(self._kept))]
            self._kept[ticket] = (self._clock() + LIFETIME_S, kept)
        return ticket

    def find(self, ticket: str) -> Kept | None:
        """What a ticket is for; None where it is unknown or its time is over."""
        with self._lock:
            until, kept = self._kept.get(ticket, (0.0, None))
            if until < self._clock():
                self._kept.pop(ticket, None)
                return None
            return kept
