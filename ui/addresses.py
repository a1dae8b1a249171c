"""Absolute addresses of the page, as somebody elsewhere can open them.

What the person said (PUBLIC_URL) comes first, then the name of a Hugging Face Space, then Gradio's
share address, then the name the request came under. A name that a proxy claims to have been asked
for is never believed. A page that listens on the whole network but was opened on its own computer
gives that computer's address in the network.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from ui.hosts import LOOPBACK, name_of

UNROUTED = ("192.0.2.1", 9)  # kept for documentation: nothing is ever sent there


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """Where the page is; `share_url` is asked each time, since the tunnel opens last."""

    public_url: str = ""
    space_host: str = ""
    share_url: Callable[[], str | None] = lambda: None
    everywhere: bool = False  # it listens on every address of this computer

    def base(self, request: Request) -> str:
        """What an absolute address begins with, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        if self.space_host:
            return f"https://{self.space_host}"
        if shared := self.share_url():
            return shared.rstrip("/")
        return self._as_asked(request)

    def _as_asked(self, request: Request) -> str:
        host = request.headers.get("host", "")
        base = urlsplit(str(request.base_url))
        name = name_of(host)
        if not name:
            return ""
        if self.everywhere and name in LOOPBACK and (found := network_address()):
            host = f"{found}:{base.port}" if base.port else found
        return f"{base.scheme}://{host}{base.path}".rstrip("/")


ONLY_AS_ASKED = Addresses()


def is_only_here(base: str) -> bool:
    """Whether an address means the computer of whoever opens it."""
    return (urlsplit(base).hostname or LOOPBACK[0]) in LOOPBACK


def network_address() -> str:
    """This computer's address in its network; empty where there is none. Nothing is sent."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.connect(UNROUTED)
            return str(asking.getsockname()[0])
    except OSError:
        return ""
