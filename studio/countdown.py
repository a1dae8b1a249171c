"""Times that only ever count down.

An estimate gets better while a run goes on, and sometimes longer. A person who watches a clock go
up stops believing it, so the end that was promised first stands until a nearer one is known: a run
that is slower than expected stands still at what was left, and never gains time. The promise of a
run that waits holds while nobody is put in front of it.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class _Promise:
    end: float  # on the monotonic clock
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
            self._promises[key] = _Promise(end=end, ahead=ahead)
        return max(0.0, end - now)

    def forget_others(self, keys: Iterable[str]) -> None:
        """Drop the promises of runs that have ended."""
        kept = set(keys)
        with self._lock:
            for key in self._promises.keys() - kept:
                del self._promises[key]
