"""How much a request may bring, and how slowly.

A body is counted as it arrives, whatever its Content-Length says, and has to keep coming: some
patience at first, then a pace that every line keeps, then a higher one, since nobody may hold a
place among the uploads for hours. Whoever reads it meets an HTTP error in its
middle; the doors then answer with the sentence kept here.
"""

import asyncio
import time
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

MB = 1024 * 1024
JSON_BYTES = 1 * MB
PATIENCE_S = 30.0  # before the pace counts
SLOWEST_BYTES_PER_S = 8 * 1024
SLOW_BYTES = 120 * SLOWEST_BYTES_PER_S  # so much may come so slowly: two minutes of it
LATER_BYTES_PER_S = 32 * 1024
WM = "/gradio_api/wm"
# Larger than what the routes themselves refuse with a sentence that names the file.
LIMITS: Mapping[str, int] = {
    "/gradio_api/upload": 65 * MB,
    f"{WM}/images": 65 * MB,
    f"{WM}/recipes": 513 * MB,
    f"{WM}/import": 8193 * MB,
}


def limit_of(path: str) -> int:
    """How many bytes a request to this path may bring."""
    return LIMITS.get(path, JSON_BYTES)


class Body:
    """The body of one request on its way in; `refused` says what was wrong with it."""

    def __init__(self, receive: Receive, limit: int, patience_s: float = PATIENCE_S) -> None:
        self._receive, self._limit, self._patience_s = receive, limit, patience_s
        self._started = time.monotonic()
        self._size = 0
        self._ended = False
        self.refused: tuple[int, str] | None = None

    async def receive(self) -> Message:
        """The next part; after the last one, whatever the connection says."""
        if self._ended:
            return await self._receive()
        try:
            async with asyncio.timeout(self._time_left()):
                message = await self._receive()
        except TimeoutError:
            raise self._refuse(408, "This request came too slowly. Try again.") from None
        self._size += len(message.get("body", b""))
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        if self._size > self._limit:
            raise self._refuse(413, too_much(self._limit))
        return message

    def _time_left(self) -> float:
        slow = min(self._size, SLOW_BYTES)
        later = self._size - slow
        allowed = self._patience_s + slow / SLOWEST_BYTES_PER_S + later / LATER_BYTES_PER_S
        return max(0.0, self._started + allowed - time.monotonic())

    def _refuse(self, status: int, sentence: str) -> HTTPException:
        self._ended = True
        self.refused = status, sentence
        return HTTPException(status, sentence)


def too_much(limit: int) -> str:
    """Why a body was not taken."""
    return f"This request is too large. Up to {limit // MB} MB work here."
