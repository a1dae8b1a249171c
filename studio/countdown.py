"""Times that only ever count down.

An estimate gets better while a run goes on, and sometimes longer. A person who watches a clock go
up stops believing it, so the end that was promised first stands until a nearer one is known: a run
that is slower than expected comes to 0 and is overdue, and never gains time. The promise to a run
that waits holds while nobody is put in front of it.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

MANY = 256  # promises before old ones are looked for
OLD_S = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Promise:
    end: float  # on the monotonic clock, as is `made`
    made: float
    ahead: frozenset[str]


class Countdown:
    """Remembers what was promised; one for all readings of a process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._promises: dict[str, _Promise] = {}
        self._lock = threading.Lock()

    def left_s(self, key: str, estimate_s: float, ahead: Iterable[str] = ()) -> float:
        """Seconds left to say: the estimate, or what is left of an earlier, nearer promise.

        `ahead` are the runs to be made before this one; where somebody has come into it since, the
        old promise could not be kept and is forgotten.
        """
        now, ahead = self._clock(), frozenset(ahead)
        with self._lock:
            known = self._promises.get(key)
            end = now + estimate_s
            if known is not None and ahead <= known.ahead:
                end = min(end, known.end)
            self._promises[key] = _Promise(end=end, made=now, ahead=ahead)
            if len(self._promises) > MANY:
                self._forget_old(now)
        return max(0.0, end - now)

    def forget(self, key: str) -> None:
        """Take a promise back: nobody knows any more."""
        with self._lock:
            self._promises.pop(key, None)

    def _forget_old(self, now: float) -> None:
        """Drop what nobody has asked about for long: those runs have ended."""
        for key, promise in list(self._promises.items()):
            if now - promise.made > OLD_S:
                del self._promises[key]
