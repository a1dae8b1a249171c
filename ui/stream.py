"""Server-sent events: one stream a page, for every run in it.

Each event is `change` with {"rev", "runs", "cells", "state"} and, where any changed, "notebooks";
its id is the revision, so a page that reconnects says how far it was. EventSource can send no
header; its address says whose page it is and carries the permission. Visitors hear of what is
theirs alone; the line of the queue they hear of as a number.
"""

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from studio.hub import Event
from studio.studio import Studio
from ui.presenters import present_event

PING = b": still here\n\n"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}


class Stream:
    """The events of a studio as text; pages of one visitor share the making of it."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._event: Event | None = None  # the newest one, and its text for each visitor
        self._texts: dict[str, asyncio.Future[bytes]] = {}

    async def respond(self, request: Request) -> Response:
        """Follow the notebook until the page goes away."""
        query = request.query_params
        visitor = query.get("v", "")
        seen = self._studio.follower(visitor, query.get("e", ""), query.get("s", ""))
        if seen is None:
            return Response("This address has expired.", 403)
        if self._studio.hub.is_full:
            return Response("Too many pages are open.", 503)
        body = self._lines(seen, visitor, _revision(request))
        return StreamingResponse(body, media_type="text/event-stream", headers=HEADERS)

    async def _lines(self, seen: Studio, visitor: str, after: int | None) -> AsyncIterator[bytes]:
        async for event in self._studio.hub.follow(after):
            yield await self._text(event, seen, visitor) if event else PING

    async def _text(self, event: Event, seen: Studio, visitor: str) -> bytes:
        if self._event is not event:
            self._event, self._texts = event, {}
        if visitor not in self._texts:
            making = asyncio.ensure_future(run_in_threadpool(_line, seen, event))
            self._texts[visitor] = making
        return await asyncio.shield(self._texts[visitor])  # a page that leaves spoils it for nobody


def _line(seen: Studio, event: Event) -> bytes:
    value = present_event(seen, seen.narrowed(event))
    return f"event: change\nid: {event.rev}\ndata: {json.dumps(value)}\n\n".encode()


def _revision(request: Request) -> int | None:
    """Where the page was: from the browser's own reconnect, or from our script."""
    text = request.headers.get("last-event-id") or request.query_params.get("after", "")
    return int(text) if text.isdecimal() and len(text) < 16 else None
