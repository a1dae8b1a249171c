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

from sanawm.errors import InvalidRequestError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEADER = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
NO_ADDRESS = (
    "PUBLIC_URL must be the whole address that people use, with https:// or http:// in front, such "
    'as https://wander.example.org. It is "{address}".'
)
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
        return not self.local and self._is_public(host_of(origin))

    def publishes(self, header: str) -> bool:
        """Whether a Host header names one of the page's public addresses."""
        return self._is_public(name_of(header))

    def _is_public(self, name: str) -> bool:
        return bool(name) and (name in self.public or self._is_shared(name))

    def _is_shared(self, name: str) -> bool:
        return name == host_of(self.share_url() or "")


def public_names(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """The names others reach the page by, as the environment says."""
    public = host_of(environment.get("PUBLIC_URL", ""))
    proxied = host_of(environment.get("GRADIO_ROOT_PATH", ""))  # empty of a mere path
    space = environment.get("SPACE_HOST", "").lower()
    return frozenset(name for name in (public, proxied, space) if name)


def check_public_url(address: str) -> None:
    """Refuse a PUBLIC_URL that nobody could open: what it says decides who owns the page."""
    begins = address.lower().startswith(("http://", "https://"))
    if address and not (begins and host_of(address) and not re.search(r"\s", address)):
        raise InvalidRequestError(NO_ADDRESS.format(address=address))


def host_of(address: str) -> str:
    """The name in an address, in small letters; empty where there is none or it is broken."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises where it is none
        return (parts.hostname or "").rstrip(".")
    except ValueError:
        return ""


def name_of(header: str) -> str:
    """The name in a Host header without port and brackets, in small letters; else empty."""
    return host_of(f"//{header}") if HEADER.fullmatch(header.lower()) else ""


def _is_nobodys(name: str) -> bool:
    """Whether no stranger can own this name."""
    if "." not in name and ":" not in name:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.endswith(LOCAL_ENDINGS)
    return True
