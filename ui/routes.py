"""Everything the page asks for beside Gradio's own events, all under /gradio_api/wm/.

    GET  session                        event address, examples, who the visitor is
    GET  events?e=&s=&after=            server-sent events: what changed, for the whole page
    GET  changes?after=                 the same once, where a proxy holds events back
    GET  runs?before=&limit=            cells, newest first, by keyset
    GET  runs/{id}                      one cell
    GET  runs/{id}/log                  what the worker wrote down about a failed run
    GET  queue                          cells: what runs, waits in order, and ended today
    POST runs/{id}/cancel|retry|keep    what the buttons of a cell do
    POST runs/{id}/reseed|duplicate|smaller  {"client_key"}: a new run made of this one
    POST runs/{id}/next                 to the front of the line
    POST runs/{id}/move                 {"before": a run's id, or null for the end}
    POST queue/pause|resume
    GET  settings                       figures and choices, for the owner
    POST settings                       {"after_unclean_stop", "keep_stage1", "cache_limit_mb"}
    POST settings/clean                 {"kind"}: delete what may go of it
    GET  settings/diagnostics           a text for a bug report
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
from storage.errors import StorageError
from studio.studio import Studio
from ui import answers, queue_answers, settings_answers
from ui.files import media_response, static_response
from ui.stream import Stream
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
    "runs/{run}/log": queue_answers.log,
    "queue": queue_answers.queue,
    "settings": settings_answers.show,
    "settings/diagnostics": settings_answers.diagnostics,
    "path": answers.path,
    "estimate": answers.estimate,
}
WRITES: dict[str, Answer] = {
    "runs/{run}/cancel": queue_answers.cancel,
    "runs/{run}/retry": queue_answers.retry,
    "runs/{run}/keep": queue_answers.keep,
    "runs/{run}/reseed": queue_answers.reseed,
    "runs/{run}/duplicate": queue_answers.duplicate,
    "runs/{run}/smaller": queue_answers.smaller,
    "runs/{run}/next": queue_answers.run_next,
    "runs/{run}/move": queue_answers.move,
    "queue/pause": queue_answers.pause,
    "queue/resume": queue_answers.resume,
    "settings": settings_answers.change,
    "settings/clean": settings_answers.clean,
    "images": receive_image,
    "examples/{example}": answers.example,
}


def build_routes(studio: Studio) -> list[BaseRoute]:
    """The routes of a studio, for the server Gradio starts."""
    return [
        *(_json_route(studio, path, answer, "GET") for path, answer in READS.items()),
        *(_json_route(studio, path, answer, "POST") for path, answer in WRITES.items()),
        Route(f"{PREFIX}/events", Stream(studio).respond),
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
        except StorageError as error:
            return _json({"error": str(error), "field": ""}, 503)

    return Route(f"{PREFIX}/{path}", respond, methods=[method])


def _json(value: dict[str, Any], status: int) -> JSONResponse:
    return JSONResponse(value, status, headers=NO_STORE)


def _refusal(request: Request) -> str:
    """Why a request is not for us; empty where it is."""
    if not request.headers.get(VISITOR_HEADER):
        return "This address is for the page's own scripts."
    if request.method == "POST" and not is_same_origin(request):
        return "This request comes from another page."
    return ""


def is_same_origin(request: Request) -> bool:
    """Browsers say where a POST comes from; programs without a browser say nothing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
