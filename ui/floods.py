"""How much at once: streams that stay open, pictures under way, new visitors of one address.

Each number is far above what people do and far below what hurts. One address has a share of each,
so that nobody shuts the page for the others. An address is that of the connection, or what a proxy
on this computer says it is. Where all may come from one, because they come through another proxy
or one that says nothing, there are no shares, and the numbers for all leave room for many people.
"""

import ipaddress
import shutil
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import Scope

from studio.limits import SPARE_BYTES
from ui.bodies import LIMITS
from ui.hosts import LOOPBACK

STREAMS = ("/gradio_api/queue/data", "/gradio_api/heartbeat/", "/gradio_api/call/")
EVENTS = "/gradio_api/wm/events"
MOST_STREAMS, STREAMS_OF_ONE = 600, 60  # of Gradio's: two for each page that is open
MOST_EVENTS, EVENTS_OF_ONE = 200, 30  # of ours: one for each page
MOST_UPLOADS, UPLOADS_OF_ONE = 8, 3  # at the same time; each may take long and much
PASSING_BYTES = 2 * 1024**3  # what programs sent and nobody took yet
PASSING_S = 3600.0  # as long as a file waits to be taken
SWEEP_S = 600.0  # between two looks at those files
NEW_VISITORS = 120  # of one address within a minute: who guesses at keys is new each time
MINUTE_S = 60.0
KNOWN = 20_000  # visitors and addresses remembered
NEIGHBOURS = 64  # bits of an IPv6 address that one household shares
VISITOR_HEADER = "x-wanderbook-visitor"
UPLOAD = "/gradio_api/upload"
MANY_PAGES = "Too many pages are open. Try again later."
MANY_FILES = "Too many files are on their way. Try again in a moment."
MANY_WAIT = "Too many files wait to be used. Try again in an hour."
NO_ROOM = "The disk of this notebook is nearly full, so no more files fit."


class Held:
    """Requests of one kind that last, while they do: all of them, and those of each address."""

    def __init__(self, most: int, of_one: int, full: str) -> None:
        self._most, self._of_one, self.full = most, of_one, full
        self._all = 0
        self._by: Counter[str] = Counter()

    def has_room(self, address: str) -> bool:
        """Whether one more fits; without an address only all of them are counted."""
        return self._all < self._most and (not address or self._by[address] < self._of_one)

    @contextmanager
    def hold(self, address: str) -> Iterator[None]:
        """Count one more while it lasts."""
        self._all += 1
        self._by[address] += 1
        try:
            yield
        finally:
            self._all -= 1
            self._by[address] -= 1
            if not self._by[address]:
                del self._by[address]


class Floods:
    """Counts for one program; lives on its event loop. `proxied` says that others come through a
    proxy, which may be on another computer and so be the address of everybody."""

    def __init__(
        self,
        passing: Path,
        clock: Callable[[], float] = time.monotonic,
        *,
        proxied: bool = False,
    ) -> None:
        self._passing, self._clock, self._proxied = passing, clock, proxied
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._newcomers: OrderedDict[str, list[float]] = OrderedDict()  # address -> when
        self._streams = Held(MOST_STREAMS, STREAMS_OF_ONE, MANY_PAGES)
        self._events = Held(MOST_EVENTS, EVENTS_OF_ONE, MANY_PAGES)
        self._uploads = Held(MOST_UPLOADS, UPLOADS_OF_ONE, MANY_FILES)
        self._swept = float("-inf")

    async def refusal(self, scope: Scope, path: str) -> tuple[int, str] | None:
        """Why a request has to wait; None where it has not."""
        if not self._admits(scope):
            return 429, "Too many new visitors come from this address. Try again in a minute."
        if path == UPLOAD or self._clock() - self._swept >= SWEEP_S:
            self._swept = self._clock()
            full = await run_in_threadpool(self._fullness)
            if full and path == UPLOAD:
                return 503, full
        held = self._held(scope, path)
        return None if held is None or held.has_room(self._share(scope)) else (503, held.full)

    @contextmanager
    def open(self, scope: Scope, path: str) -> Iterator[None]:
        """Count a request while it lasts."""
        held = self._held(scope, path)
        if held is None:
            yield
            return
        with held.hold(self._share(scope)):
            yield

    def _held(self, scope: Scope, path: str) -> Held | None:
        if path.startswith(STREAMS):
            return self._streams
        if path == EVENTS:
            return self._events
        return self._uploads if path in LIMITS and scope["method"] == "POST" else None

    def _share(self, scope: Scope) -> str:
        """Whose share a request takes from; empty where many may come from its address."""
        host, port = scope.get("client") or ("", 0)
        own = self._proxied or host in LOOPBACK
        named = not _is_far(host)  # a proxy on this computer may name the next one
        is_everybodys = own if port else named  # only connections have a port
        return "" if is_everybodys else neighbourhood(host)

    def _admits(self, scope: Scope) -> bool:
        """Whether this visitor is known, or new at an address that had few new ones lately."""
        key = Headers(scope=scope).get(VISITOR_HEADER, "")
        address = neighbourhood((scope.get("client") or ("", 0))[0])
        if not key:
            return True
        if (address, key) in self._known:
            self._known.move_to_end((address, key))
            return True
        now = self._clock()
        lately = [at for at in self._newcomers.pop(address, []) if now - at < MINUTE_S]
        admitted = len(lately) < NEW_VISITORS
        if admitted:
            lately.append(now)
            self._known[address, key] = None
        self._newcomers[address] = lately
        for remembered in (self._known, self._newcomers):
            while len(remembered) > KNOWN:
                remembered.popitem(last=False)
        return admitted

    def _fullness(self) -> str:
        """Why no more files fit; empty where they do. What waited too long goes first."""
        now, size = time.time(), 0
        for file in self._passing.rglob("*"):
            try:
                status = file.lstat()
                if not file.is_file():
                    continue
                if now - status.st_mtime > PASSING_S:
                    file.unlink()
                else:
                    size += status.st_size
            except OSError:  # another one took it away meanwhile
                continue
        if size >= PASSING_BYTES:
            return MANY_WAIT
        there = next(place for place in (self._passing, *self._passing.parents) if place.exists())
        return NO_ROOM if shutil.disk_usage(there).free < SPARE_BYTES else ""


def neighbourhood(host: str) -> str:
    """Addresses that one person can take at will count as one: those of an IPv6 network."""
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, NEIGHBOURS), strict=False))


def _is_far(host: str) -> bool:
    """Whether it is an address of the internet, and not of a network of one's own."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return False
