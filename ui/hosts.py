"""Under which names the page may be asked for, so that no foreign name is pointed at this computer.

A web page can let its own name resolve to an address in the visitor's network and then ask that
address as if it were its own site (DNS rebinding). It always comes with a name its maker owns: an
address in figures, a name without a dot and a name of a local network can be nobody's out there.
On a Space any name will do, for the proxy before it has already chosen by the name, and nothing
there is anybody's by standing in the same network.
"""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEADER = re.compile(r"(\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(:[0-9]{1,5})?")
LOCAL_ENDINGS = (".local", ".lan", ".home", ".home.arpa", ".internal", ".localhost", ".fritz.box")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hosts:
    """The names of the page; `share_url` is asked each time, since the tunnel opens last."""

    local: bool = False  # only this computer may ask
    any_name: bool = False
    public: frozenset[str] = frozenset()
    share_url: Callable[[], str | None] = lambda: None

    def knows(self, header: str) -> bool:
        """Whether a Host header names this page."""
        name = name_of(header)
        if self.local:
            return name in LOOPBACK
        return bool(name) and (
            self.any_name or name in self.public or _is_nobodys(name) or self._is_shared(name)
        )

    def owns(self, origin: str) -> bool:
        """Whether an Origin header is one of the page's public addresses, behind whatever proxy."""
        name = urlsplit(origin).hostname or ""
        return bool(name) and not self.local and (name in self.public or self._is_shared(name))

    def _is_shared(self, name: str) -> bool:
        return name == urlsplit(self.share_url() or "").hostname


def public_names(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """The names others reach the page by, as the environment says."""
    public = urlsplit(environment.get("PUBLIC_URL", "")).hostname
    proxied = urlsplit(environment.get("GRADIO_ROOT_PATH", "")).hostname  # None of a mere path
    space = environment.get("SPACE_HOST", "").lower()
    return frozenset(name for name in (public, proxied, space) if name)


def name_of(header: str) -> str:
    """The name in a Host header without port and brackets, in small letters; else empty."""
    found = HEADER.fullmatch(header.lower())
    return (found["six"] or found["name"]).rstrip(".") if found else ""


def _is_nobodys(name: str) -> bool:
    """Whether no stranger can own this name."""
    if "." not in name and ":" not in name:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.endswith(LOCAL_ENDINGS)
    return True
