"""What requests tell of the way they came, and what of it is believed.

A page of this computer alone takes everybody for its owner, so it must notice a proxy before it,
also one that says nothing of itself: the browser then names a page that is not on this computer.
And no header may talk Gradio into an address that is not the page's: it would send the page's
events there.
"""

import re

from starlette.datastructures import Headers
from starlette.types import Scope

from ui.hosts import LOOPBACK, Hosts, host_of

PROXIED = (
    *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-server"),
    *("x-real-ip", "forwarded", "via", "cf-connecting-ip"),
)
LINKED = re.compile(r"/|/gradio_api/wm/(r|embed)/.+")  # where links on other sites lead
ANOTHER_PAGE = ("cross-site", "same-site")  # sends this, says the browser: no sign of a proxy
FORWARDED_HOST = b"x-forwarded-host"
CLAIMS = (FORWARDED_HOST, b"x-gradio-server", b"forwarded")


def came_by_proxy(headers: Headers, path: str) -> bool:
    """Whether a request to a page of this computer alone was made to another computer.

    A page's own requests name it in Origin or Referer. Who follows a link names the page the link
    is on; today's browsers then say that it is another site, and older ones say nothing.
    """
    if any(name in headers for name in PROXIED):
        return True
    site = headers.get("sec-fetch-site")
    if site in ANOTHER_PAGE:
        return False
    origin, referer = headers.get("origin"), headers.get("referer")
    is_link = site is None and bool(LINKED.fullmatch(path))
    return _is_elsewhere(origin) or (_is_elsewhere(referer) and not is_link)


def without_claims(scope: Scope, hosts: Hosts) -> Scope:
    """The request without names that a proxy, or anybody, claims it was made to; the page's public
    ones stay, since behind a proxy that renames the host nothing else tells them."""
    headers = []
    for name, value in scope["headers"]:
        if name == FORWARDED_HOST:
            first = value.decode("latin-1").partition(",")[0].strip()
            if hosts.publishes(first):
                headers.append((name, first.encode("latin-1")))
        elif name not in CLAIMS:
            headers.append((name, value))
    return {**scope, "headers": headers}


def _is_elsewhere(address: str | None) -> bool:
    return address is not None and host_of(address) not in LOOPBACK
