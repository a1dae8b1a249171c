"""Expiring permission to fetch one file or the event stream, carried by its address.

`<video>`, `<img>` and EventSource can send no header, so the address itself proves that a handler
who knew the visitor minted it: name and expiry, signed with a secret of the data folder. The expiry
is rounded up to a whole period, so an address stays the same long enough to be cached.
"""

import hmac
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

PREFIX = "/gradio_api/wm"
LIFETIME_S = 24 * 3600
PERIOD_S = 12 * 3600
EVENTS = "events"
HOVER = "hover.mp4"  # a short, small version of a large video; a small one needs none
VIDEO = "video.mp4"
LIVE = "live.mp4"  # the same while it is made, of a run that is drawn in parts


class MediaKeys:
    """Mints and checks capabilities; the same secret serves every process of a data folder."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock

    @classmethod
    def of_folder(cls, root: Path) -> "MediaKeys":
        """The keys of a data folder, made at first use and readable by its owner alone."""
        path = root / "media.key"
        if not path.exists():
            _create_secret(path)
        return cls(path.read_bytes())

    def sign(self, name: str, expires: int) -> str:
        """The signature of a capability: 128 bits in hex."""
        message = f"{name}\n{expires}".encode()
        return hmac.digest(self._secret, message, "sha256").hex()[:32]

    def verify(self, name: str, expires: str, signature: str) -> bool:
        """Whether the capability is ours, for this name, and not expired."""
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
            return False
        wanted = self.sign(name, int(expires))
        good = hmac.compare_digest(wanted.encode(), signature.encode())
        return good and int(expires) >= self._clock()

    def media_url(self, name: str) -> str:
        """The address of a file: runs/<run>/a1/video.mp4, assets/<sha256>.png, examples/..."""
        return f"{PREFIX}/media/{quote(name)}?{self._capability(name)}"

    def events_url(self, visitor: str) -> str:
        """The address of a visitor's event stream; of the owner's where no visitor is named."""
        return f"{PREFIX}/{EVENTS}?v={visitor}&{self._capability(events_name(visitor))}"

    def _capability(self, name: str) -> str:
        expires = (int(self._clock()) // PERIOD_S + 1) * PERIOD_S + LIFETIME_S
        return f"e={expires}&s={self.sign(name, expires)}"


def events_name(visitor: str) -> str:
    """What the capability of a visitor's event stream is for."""
    return f"{EVENTS}/{visitor}"


def lies_in(file: Path, root: Path) -> bool:
    """Whether a file of a data folder is no link out of it; its `runs` may lie on another disk."""
    part = root / file.relative_to(root).parts[0]
    return file.resolve().is_relative_to(part.resolve())


def _create_secret(path: Path) -> None:
    """Make the secret once, even where two programs start at the same time."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
