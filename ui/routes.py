"""Everything the page asks for beside Gradio's own events, all under /gradio_api/wm/.

    GET  session                        event address, examples, who the visitor is
    GET  events?e=&s=&after=            server-sent events: what changed, for the whole page
    GET  changes?after=                 the same once, where a proxy holds events back
    GET  runs?before=&limit=            cells, newest first, by keyset
    GET  runs/{id}                      one cell
    GET  runs/{id}/log                  what the worker wrote down about a failed run
    GET  runs/{id}/page                 everything about a run, for its own page
    GET  runs/{id}/family               the tree it stands in
    GET  runs/{id}/chain?build=         what it goes on from; with build, joined as one video
    GET  compare?runs=                  two to four runs: what differs, both paths in one view
    GET  queue                          cells: what runs, waits in order, and ended today
    POST runs/{id}/cancel|retry|keep    what the buttons of a cell do
    POST runs/{id}/reseed|duplicate|smaller  {"client_key"}: a new run made of this one
    POST runs/{id}/next                 to the front of the line
    POST runs/{id}/move                 {"before": a run's id, or null for the end}
    POST runs/{id}/reproduce            {"client_key"}: once more, to see whether it is the same
    POST compare/verdict                {"runs", "winner": id or null}: a star, and notes
    POST compare/undo                   {"before"} of a verdict's answer
    POST queue/pause|resume
    POST runs/{id}/rate                 {"stars"}: 0 takes them back
    POST runs/{id}/note                 {"text"}: Markdown
    GET  tags                           every tag in use, with how many runs carry it
    POST tags                           {"runs", "add", "drop"}; tags/set {"tags"} takes it back
    POST trash|restore                  {"runs"}
    GET  draft                          what this visitor's form held
    POST draft                          {"form", "parent_id"}
    POST sweeps                         a form, and the seeds, paths and prompts to combine
    GET  gallery?q=&before=&limit=&stacked=&offset=  cards that match, newest first
    GET  gallery/facets?q=              what they can be narrowed by
    POST gallery/place                  {"runs", "notebook", "also"}: show runs in a notebook
    POST gallery/unplace                {"added", "removed"}: take that back
    POST purge                          {"runs"}: delete for good what lies in the trash
    GET  books                          every notebook, and whether the visitor may change it
    POST books                          {"title"}: a new one
    GET  books/{id}                     one notebook
    POST books/{id}                     {"title", "description", "newest_first"}
    POST books/{id}/trash|restore
    GET  books/{id}/cells?after=&limit= cells as displayed, by keyset, and the runs in them
    GET  books/{id}/outline             headings and runs
    POST books/{id}/cells               {"kind", "text"|"runs"|"run", "above"}: a new cell
    POST cells/{id}                     {"text"}, {"content"} or {"collapsed"}
    POST cells/{id}/move                {"above", "notebook"}
    POST cells/{id}/remove|restore
    GET  settings                       figures and choices, for the owner
    POST settings                       {"after_unclean_stop", "keep_stage1", "cache_limit_mb"}
    POST settings/clean                 {"kind"}: delete what may go of it
    GET  settings/diagnostics           a text for a bug report
    GET  path?source=&frames=&model=    live check of a camera path, and its top view
    GET  estimate?frames=&steps=&...    the sentence over Generate
    POST images                         a first frame, as the file's own bytes
    POST recipes                        a video, run.json or bundle, as bytes: the draft it makes
    POST examples/{id}                  a first frame from the examples
    GET  shares?run=&notebook=          links to one of them, or all of one's own
    GET  shares/{token}/run?run=        whether somebody's link shows a run to remix
    POST shares                         {"run" or "notebook", "days", "with_recipe"}: a new link
    POST shares/{token}/withdraw
    GET  r/{token}                      what a link shows; r/{token}/{run}/{name} its files
    GET  embed/{token}                  its video alone, for another site's page
    POST bundles                        {"runs"} or {"notebook"}: the address of a download
    GET  bundles/{ticket}               the bundle, while it is made
    POST import                         a bundle, as the file's own bytes: what is in it
    POST import/{ticket}                take it over; import/{ticket}/cancel forgets it
    GET  media/{name}?e=&s=             files, by an address that expires
    GET  static/{version}/{name}        scripts and styles

JSON routes ask for the visitor's key in a header, which no foreign page can send unasked; those
that change something also check where the request comes from. Each answer is given a studio that
holds only what that visitor may see. Errors are {"error", "field"}.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sanawm.errors import InvalidRequestError, SanaWMError
from storage.errors import StorageError
from studio.studio import Studio
from ui import (
    answers,
    book_answers,
    bundle_answers,
    compare_answers,
    gallery_answers,
    mark_answers,
    queue_answers,
    recipe_answers,
    run_answers,
    settings_answers,
    share_answers,
)
from ui.addresses import ONLY_AS_ASKED, Addresses
from ui.files import media_response, static_response
from ui.share_routes import ShareRoutes
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
    "runs/{run}/page": run_answers.page,
    "runs/{run}/family": run_answers.family,
    "runs/{run}/chain": run_answers.chain,
    "compare": compare_answers.compare,
    "queue": queue_answers.queue,
    "tags": mark_answers.tags,
    "draft": mark_answers.kept_draft,
    "books": book_answers.books,
    "books/{book}": book_answers.one_book,
    "books/{book}/cells": book_answers.cells,
    "books/{book}/outline": book_answers.outline,
    "gallery": gallery_answers.search,
    "gallery/facets": gallery_answers.facets,
    "settings": settings_answers.show,
    "settings/diagnostics": settings_answers.diagnostics,
    "shares": share_answers.links,
    "shares/{token}/run": share_answers.run,
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
    "runs/{run}/reproduce": run_answers.reproduce,
    "compare/verdict": compare_answers.verdict,
    "compare/undo": compare_answers.take_back,
    "queue/pause": queue_answers.pause,
    "queue/resume": queue_answers.resume,
    "runs/{run}/rate": mark_answers.rate,
    "runs/{run}/note": mark_answers.note,
    "tags": mark_answers.tag,
    "tags/set": mark_answers.set_tags,
    "trash": mark_answers.trash,
    "restore": mark_answers.restore,
    "draft": mark_answers.keep_draft,
    "sweeps": mark_answers.sweep,
    "gallery/place": gallery_answers.place,
    "gallery/unplace": gallery_answers.unplace,
    "purge": gallery_answers.purge,
    "books": book_answers.make,
    "books/{book}": book_answers.change,
    "books/{book}/trash": book_answers.trash,
    "books/{book}/restore": book_answers.restore,
    "books/{book}/cells": book_answers.add,
    "cells/{cell}": book_answers.write,
    "cells/{cell}/move": book_answers.move,
    "cells/{cell}/remove": book_answers.remove,
    "cells/{cell}/restore": book_answers.restore_cell,
    "shares": share_answers.make,
    "shares/{token}/withdraw": share_answers.withdraw,
    "settings": settings_answers.change,
    "settings/clean": settings_answers.clean,
    "bundles": bundle_answers.ask,
    "import": bundle_answers.receive,
    "import/{ticket}": bundle_answers.bring_in,
    "import/{ticket}/cancel": bundle_answers.cancel,
    "images": receive_image,
    "recipes": recipe_answers.read,
    "examples/{example}": answers.example,
}


def build_routes(studio: Studio, addresses: Addresses = ONLY_AS_ASKED) -> list[BaseRoute]:
    """The routes of a studio, for the server Gradio starts."""
    asked = [("GET", READS), ("POST", WRITES)]
    return [
        *(
            _json_route(studio, addresses, path, answer, method)
            for method, answers in asked
            for path, answer in answers.items()
        ),
        *ShareRoutes(studio, addresses).build(),
        Route(f"{PREFIX}/events", Stream(studio).respond),
        Route(f"{PREFIX}/bundles/{{ticket}}", partial(bundle_answers.download, studio)),
        Route(f"{PREFIX}/media/{{name:path}}", partial(media_response, studio)),
        Route(f"{PREFIX}/static/{{version}}/{{name}}", static_response),
    ]


def _json_route(
    studio: Studio, addresses: Addresses, path: str, answer: Answer, method: str
) -> Route:
    async def respond(request: Request) -> Response:
        if refusal := _refusal(request):
            return _json({"error": refusal, "field": ""}, 403)
        try:
            request.state.base = addresses.base(request)
            seen = studio.seen_by(request.headers[VISITOR_HEADER])
            return _json(await answer(seen, request), 200)
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
    return origin is None or origin.partition("://")[2] == request.headers.get("host")
