"""Server-sent events: one stream a page, for every run in it.

Each event is `change` with {"rev", "runs", "state"}, its id the revision, so a page that
reconnects says how far it was. EventSource can send no header; its address carries the permission.
"""

import json
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from studio.hub import Event
from studio.studio import Studio
from ui.presenters import present_all, state_of

HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}


async def stream_events(studio: Studio, request: Request) -> Response:
    """Follow the notebook until the page goes away."""
    query = request.query_params
    if not studio.may_follow(query.get("e", ""), query.get("s", "")):
        return Response("This address has expired.", 403)
    if studio.hub.is_full:
        return Response("Too many pages are open.", 503)
    body = _lines(studio, _revision(request))
    return StreamingResponse(body, media_type="text/event-stream", headers=HEADERS)


async def _lines(studio: Studio, after: int | None) -> AsyncIterator[str]:
    async for event in studio.hub.follow(after):
        yield await run_in_threadpool(_line, studio, event) if event else ": still here\n\n"


def _line(studio: Studio, event: Event) -> str:
    value = {
        "rev": event.rev,
        "runs": present_all(studio, event.runs),
        "state": state_of(event.status, studio.card().title),
    }
    return f"event: change\nid: {event.rev}\ndata: {json.dumps(value)}\n\n"


def _revision(request: Request) -> int | None:
    """Where the page was: from the browser's own reconnect, or from our script."""
    text = request.headers.get("last-event-id") or request.query_params.get("after", "")
    return int(text) if text.isdecimal() and len(text) < 16 else None
