"""Who is asking: visitors with an anonymous key of their own, and the owner of the notebook.

A visitor's key is made in the browser at the first visit and sent by our scripts; the database
keeps only its hash. The owner is whoever holds the owner key and, on a loopback page that is not
shared, the local user. Cookies grant nothing.
"""

import hashlib
import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

GUESSES = 600  # different keys that are compared with the owner's at once, and then within a minute
MINUTE_S = 60.0
REMEMBERED = 10_000  # keys


class Guesses:
    """Lets keys be compared with the owner's: a known one always, new ones only so fast.

    Whoever tries keys out has to bring a new one each time, whichever way it is sent in. Beyond the
    pace a new key is nobody's until there is room again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._room, self._at = float(GUESSES), clock()

    def admit(self, key: str) -> bool:
        """Whether this key may be compared now."""
        digest = hashlib.sha256(key.encode(errors="surrogatepass")).digest()
        with self._lock:
            if digest in self._known:
                self._known.move_to_end(digest)
                return True
            now = self._clock()
            self._room = min(GUESSES, self._room + (now - self._at) * GUESSES / MINUTE_S)
            self._at = now
            if self._room < 1:
                return False
            self._room -= 1
            self._known[digest] = None
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
            return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Ownership:
    """The rule by which a visitor may change a run."""

    owner_key: str = ""
    local_owner: bool = False  # the page is on loopback and not shared
    guesses: Guesses = field(default_factory=Guesses, compare=False)

    @property
    def has_owner(self) -> bool:
        """Whether anybody can be the owner at all."""
        return self.local_owner or bool(self.owner_key)

    def is_owner(self, key: str) -> bool:
        """Whether the notebook belongs to whoever sent this key."""
        if self.local_owner:
            return True
        if not (self.owner_key and key and self.guesses.admit(key)):
            return False
        return _same(self.owner_key, key)

    def is_owners(self, hashed: str) -> bool:
        """Whether what carries this hash of a key was made by the owner."""
        return self.local_owner or (bool(self.owner_key) and visitor_id(self.owner_key) == hashed)

    def may_change(self, run_visitor: str, key: str) -> bool:
        """Whether the sender of this key may cancel or retry a run of this visitor."""
        return self.is_owner(key) or (bool(key) and _same(run_visitor, visitor_id(key)))


def visitor_id(key: str) -> str:
    """What the database keeps of a visitor's key; empty for nobody."""
    if not key:
        return ""
    named = f"wanderbook visitor {key}".encode(errors="surrogatepass")  # JSON can hold half letters
    return hashlib.sha256(named).hexdigest()[:32]


def _same(wanted: str, given: str) -> bool:
    return hmac.compare_digest(wanted.encode(), given.encode(errors="surrogatepass"))
