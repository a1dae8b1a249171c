"""Everything the page asks for beside Gradio's own events, all under /gradio_api/wm/.

    GET  session                        event address, examples, state of the model
    GET  events?e=&s=&after=            server-sent events: what changed, for the whole page
    GET  changes?after=                 the same once, where a proxy holds events back
    GET  runs?before=&limit=            cells, newest first, by keyset
    GET  runs/{id}                      one cell
    POST runs/{id}/cancel|retry|reseed  what the buttons of a cell do
    POST queue/resume
    GET  path?source=&frames=&model=    live check of a camera path, and its top view
    GET  estimate?frames=&steps=&...    the sentence over Generate
    POST images                         a first frame, as the file's own bytes
    POST examples/{id}                  a first frame from the examples
    GET  media/{name}?e=&s=             files, by an address that expires
    GET  static/{version}/{name}        scripts and styles

JSON routes ask for the visitor's key in a header, which no foreign page can send unasked; those
that change something also check where the request comes from. Errors are {"error", "field"}.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sanawm.errors import InvalidRequestError, SanaWMError
from studio.studio import Studio
from ui import answers
from ui.files import media_response, static_response
from ui.stream import stream_events
from ui.uploads import receive_image

PREFIX = "/gradio_api/wm"
VISITOR_HEADER = "x-wanderbook-visitor"
NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

Answer = Callable[[Studio, Request], Awaitable[dict[str, Any]]]

READS: dict[str, Answer] = {
    "session": answers.session,
    "changes": answers.changes,
    "runs": answers.runs,
    "runs/{run}": answers.one_run,
    "path": answers.path,
    "estimate": answers.estimate,
}
WRITES: dict[str, Answer] = {
    "runs/{run}/cancel": answers.cancel,
    "runs/{run}/retry": answers.retry,
    "runs/{run}/reseed": answers.reseed,
    "queue/resume": answers.resume,
    "images": receive_image,
    "examples/{example}": answers.example,
}


def build_routes(studio: Studio) -> list[BaseRoute]:
    """The routes of a studio, for the server Gradio starts."""
    return [
        *(_json_route(studio, path, answer, "GET") for path, answer in READS.items()),
        *(_json_route(studio, path, answer, "POST") for path, answer in WRITES.items()),
        Route(f"{PREFIX}/events", partial(stream_events, studio)),
        Route(f"{PREFIX}/media/{{name:path}}", partial(media_response, studio)),
        Route(f"{PREFIX}/static/{{version}}/{{name}}", static_response),
    ]


def _json_route(studio: Studio, path: str, answer: Answer, method: str) -> Route:
    async def respond(request: Request) -> Response:
        if refusal := _refusal(request):
            return _json({"error": refusal, "field": ""}, 403)
        try:
            return _json(await answer(studio, request), 200)
        except InvalidRequestError as error:
            return _json({"error": str(error), "field": error.field}, 422)
        except SanaWMError as error:
            return _json({"error": str(error), "field": ""}, 409)

    return Route(f"{PREFIX}/{path}", respond, methods=[method])


def _json(value: dict[str, Any], status: int) -> JSONResponse:
    return JSONResponse(value, status, headers=NO_STORE)


def _refusal(request: Request) -> str:
    """Why a request is not for us; empty where it is."""
    if not request.headers.get(VISITOR_HEADER):
        return "This address is for the page's own scripts."
    if request.method == "POST" and not _is_same_origin(request):
        return "This request comes from another page."
    return ""


def _is_same_origin(request: Request) -> bool:
    """Browsers say where a POST comes from; programs without a browser say nothing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
