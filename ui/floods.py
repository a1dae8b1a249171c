"""How much at once: streams that stay open, pictures under way, new visitors of one address.

Each number is far above what people do and far below what hurts. An address is that of the
connection, or what a proxy on this computer says it is; behind another proxy all share one, so the
numbers leave room for many people.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import Scope

from ui.bodies import LIMITS

STREAMS = ("/gradio_api/queue/data", "/gradio_api/heartbeat/", "/gradio_api/call/")
MOST_STREAMS = 600  # of Gradio's: two for each page that is open
MOST_UPLOADS = 8  # at the same time; each may take long and much
PASSING_BYTES = 2 * 1024**3  # what programs sent and nobody took yet
PASSING_S = 3600.0  # as long as a file waits to be taken
NEW_VISITORS = 120  # of one address within a minute: who guesses at keys is new each time
MINUTE_S = 60.0
KNOWN = 20_000  # visitors and addresses remembered
VISITOR_HEADER = "x-wanderbook-visitor"
UPLOAD = "/gradio_api/upload"


class Floods:
    """Counts for one program; lives on its event loop."""

    def __init__(self, passing: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._passing, self._clock = passing, clock
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._newcomers: OrderedDict[str, list[float]] = OrderedDict()  # address -> when
        self._streams = 0
        self._uploads = 0

    async def refusal(self, scope: Scope, path: str) -> tuple[int, str] | None:
        """Why a request has to wait; None where it has not."""
        if not self._admits(scope):
            return 429, "Too many new visitors come from this address. Try again in a minute."
        if path.startswith(STREAMS) and self._streams >= MOST_STREAMS:
            return 503, "Too many pages are open. Try again later."
        if path in LIMITS and self._uploads >= MOST_UPLOADS:
            return 503, "Too many files are on their way. Try again in a moment."
        if path == UPLOAD and await run_in_threadpool(self._is_full):
            return 503, "Too many files wait to be used. Try again in an hour."
        return None

    @contextmanager
    def open(self, scope: Scope, path: str) -> Iterator[None]:
        """Count a request while it lasts."""
        stream = int(path.startswith(STREAMS))
        upload = int(path in LIMITS and scope["method"] == "POST")
        self._streams += stream
        self._uploads += upload
        try:
            yield
        finally:
            self._streams -= stream
            self._uploads -= upload

    def _admits(self, scope: Scope) -> bool:
        """Whether this visitor is known, or new at an address that had few new ones lately."""
        key = Headers(scope=scope).get(VISITOR_HEADER, "")
        address = str((scope.get("client") or ("", 0))[0])
        if not key or (address, key) in self._known:
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

    def _is_full(self) -> bool:
        """Whether what waits to be taken fills its folder; what waited too long goes first."""
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
        return size >= PASSING_BYTES
