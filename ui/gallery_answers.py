"""What the routes of the gallery answer: runs that match a search, how many, and acts on several.

A page of the gallery is at most sixty cards, newest first, continued behind the last run shown.
Days are those of the visitor's clock, whose distance from UTC the page tells in minutes.
"""

from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from sanawm.errors import InvalidRequestError
from studio.studio import Studio
from ui.answers import body_of, number_in, visitor_of
from ui.cards import card

MOST_CARDS = 60
MOST_OFFSET_MIN = 14 * 60  # the farthest a clock on Earth is from UTC
MOST_AT_ONCE = 500  # runs that one press changes


async def search(studio: Studio, request: Request) -> dict[str, Any]:
    """A page of cards, with how many runs match on each day."""
    query = request.query_params
    offset = _offset(request)

    def read() -> dict[str, Any]:
        page = studio.gallery.search(
            query.get("q", ""),
            before=query.get("before") or None,
            limit=min(max(number_in(request, "limit", MOST_CARDS), 1), MOST_CARDS),
            stacked=query.get("stacked") == "1",
            utc_offset_min=offset,
        )
        cards = [card(run) | {"family": page.families.get(run.root_id, 1)} for run in page.runs]
        return {"runs": cards, "days": page.days, "total": page.total}

    return await run_in_threadpool(read)


async def facets(studio: Studio, request: Request) -> dict[str, Any]:
    """What the runs that match can be narrowed by, each value with how many it leaves."""
    query, offset = request.query_params.get("q", ""), _offset(request)
    found = await run_in_threadpool(studio.gallery.facets, query, offset)
    return {"facets": {name: [asdict(value) for value in values] for name, values in found.items()}}


async def place(studio: Studio, request: Request) -> dict[str, Any]:
    """Show runs in a notebook: there alone, or there as well. Answers what takes it back."""
    body, visitor = await body_of(request), visitor_of(request)
    runs, notebook = ids_in(body, "runs"), str(body.get("notebook", ""))

    def put() -> dict[str, Any]:
        also = body.get("also") is True
        return dict(studio.book.place_runs(runs, notebook, visitor, also=also))

    return await run_in_threadpool(put)


async def unplace(studio: Studio, request: Request) -> dict[str, Any]:
    """Take it back: remove cells that were added, bring back those that were removed."""
    body, visitor = await body_of(request), visitor_of(request)
    added, removed = ids_in(body, "added"), ids_in(body, "removed")

    def take_back() -> None:
        for cell in removed:
            studio.book.restore_cell(cell, visitor)
        for cell in added:
            studio.book.remove(cell, visitor)

    await run_in_threadpool(take_back)
    return {}


async def purge(studio: Studio, request: Request) -> dict[str, Any]:
    """Delete runs that lie in the trash for good."""
    runs, visitor = ids_in(await body_of(request), "runs"), visitor_of(request)
    return {"runs": await run_in_threadpool(studio.marks.purge, runs, visitor)}


def _offset(request: Request) -> int:
    """How many minutes the visitor's clock is ahead of UTC."""
    return min(max(number_in(request, "offset", 0), -MOST_OFFSET_MIN), MOST_OFFSET_MIN)


def ids_in(body: dict[str, Any], name: str) -> list[str]:
    """A list of ids from a request's body."""
    found = body.get(name)
    if not (isinstance(found, list) and all(isinstance(one, str) for one in found)):
        raise InvalidRequestError("Say which runs.")
    if len(found) > MOST_AT_ONCE:
        raise InvalidRequestError(f"Choose at most {MOST_AT_ONCE} runs at once.")
    return found
