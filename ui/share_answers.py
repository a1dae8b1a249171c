"""What the routes of links answer to whoever makes them: links there are, a new one, one less.

An address is absolute, and the answer says where it would only work on this computer.
"""

import time
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from sanawm.errors import InvalidRequestError
from studio.shares import ShareView
from studio.studio import Studio
from ui.addresses import is_only_here
from ui.answers import body_of, visitor_of
from ui.filling import NOT_SHARED
from ui.share_parts import day

DAY_S = 24 * 3600.0
LONGEST_DAYS = 366
KINDS = ("run", "notebook")
NO_DAYS = f"A link lasts for 1 to {LONGEST_DAYS} days, or until it is withdrawn."
ONLY_HERE = (
    "These addresses work on this computer only. Others can open them once Wanderbook is started "
    "with --share, or with --host 0.0.0.0 for the network here."
)


async def links(studio: Studio, request: Request) -> dict[str, Any]:
    """Live links: to a run, to a notebook, or all that one may see."""
    run_id, notebook_id = (request.query_params.get(kind) for kind in KINDS)
    visitor = visitor_of(request)

    def read() -> dict[str, Any]:
        found = studio.shares.all(visitor, run_id=run_id, notebook_id=notebook_id)
        return {"links": [_link(share, request) for share in found], "only_here": _hint(request)}

    return await run_in_threadpool(read)


async def run(studio: Studio, request: Request) -> dict[str, Any]:
    """Whether a link shows a run that can be remixed; a sentence where it does not."""
    token, run_id = request.path_params["token"], request.query_params.get("run", "")
    found = await run_in_threadpool(studio.shares.run, token, run_id)
    if found is None:
        raise InvalidRequestError(NOT_SHARED)
    return {"run": found.id}


async def make(studio: Studio, request: Request) -> dict[str, Any]:
    """A new link: {"run" or "notebook", "days": null or a number, "with_recipe"}."""
    body, visitor = await body_of(request), visitor_of(request)
    kind = next((kind for kind in KINDS if isinstance(body.get(kind), str)), "")
    if not kind:
        raise InvalidRequestError("Say which run or notebook the link is to.")
    expires_at = _end(body.get("days"))

    def create() -> dict[str, Any]:
        share = studio.shares.create(
            kind,
            body[kind],
            visitor,
            expires_at=expires_at,
            with_recipe=body.get("with_recipe") is not False,
        )
        return {"link": _link(share, request), "only_here": _hint(request)}

    return await run_in_threadpool(create)


async def withdraw(studio: Studio, request: Request) -> dict[str, Any]:
    """A link shows nothing any more."""
    await run_in_threadpool(studio.shares.revoke, request.path_params["token"], visitor_of(request))
    return {}


def _end(days: Any) -> float | None:
    if days is None:
        return None
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= LONGEST_DAYS:
        raise InvalidRequestError(NO_DAYS, field="days")
    return time.time() + days * DAY_S


def _link(share: ShareView, request: Request) -> dict[str, Any]:
    """A link in words."""
    recipe = "with its recipe" if share.with_recipe else "without its recipe"
    until = "until withdrawn" if share.expires_at is None else f"until {day(share.expires_at)}"
    hidden = ["in the trash, so it shows nothing"] if share.hidden else []
    return {
        "token": share.token,
        "kind": share.kind,
        "title": share.title,
        "url": f"{request.state.base}/gradio_api/wm/r/{share.token}",
        "embed": f"{request.state.base}/gradio_api/wm/embed/{share.token}",
        "words": ", ".join([recipe, until, *hidden]),
    }


def _hint(request: Request) -> str:
    return ONLY_HERE if is_only_here(request.state.base) else ""
