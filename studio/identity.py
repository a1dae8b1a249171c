"""Who is asking: visitors with an anonymous key of their own, and the owner of the notebook.

A visitor's key is made in the browser at the first visit and sent by our scripts; the database
keeps only its hash. The owner is whoever holds the owner key and, on a loopback page that is not
shared, the local user. Cookies grant nothing.
"""

import hashlib
import hmac
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Ownership:
    """The rule by which a visitor may change a run."""

    owner_key: str = ""
    local_owner: bool = False  # the page is on loopback and not shared

    @property
    def has_owner(self) -> bool:
        """Whether anybody can be the owner at all."""
        return self.local_owner or bool(self.owner_key)

    def is_owner(self, key: str) -> bool:
        """Whether the notebook belongs to whoever sent this key."""
        if self.local_owner:
            return True
        return bool(self.owner_key) and _same(self.owner_key, key)

    def may_change(self, run_visitor: str, key: str) -> bool:
        """Whether the sender of this key may cancel or retry a run of this visitor."""
        return self.is_owner(key) or (bool(key) and _same(run_visitor, visitor_id(key)))


def visitor_id(key: str) -> str:
    """What the database keeps of a visitor's key; empty for nobody."""
    return hashlib.sha256(f"wanderbook visitor {key}".encode()).hexdigest()[:32] if key else ""


def _same(wanted: str, given: str) -> bool:
    return hmac.compare_digest(wanted.encode(), given.encode())
