"""What the routes of the queue answer: each act on a run, its order, pause, and the page's list.

Who may do what is decided by the studio. An act answers with the run as it is afterwards; what
becomes of the others is told by the event stream.
"""

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from sanawm.errors import InvalidRequestError
from studio.studio import Studio
from studio.views import RunView
from ui.answers import body_of, visitor_of
from ui.forms import KEY
from ui.presenters import present, present_all


async def queue(studio: Studio, request: Request) -> dict[str, Any]:
    """What runs, what waits in order, what ended in the last day."""
    return await run_in_threadpool(lambda: {"runs": present_all(studio, studio.queue_runs())})


async def cancel(studio: Studio, request: Request) -> dict[str, Any]:
    """Cancel a run."""
    return await _change(studio, request, studio.cancel)


async def retry(studio: Studio, request: Request) -> dict[str, Any]:
    """Queue a failed or cancelled run again."""
    return await _change(studio, request, studio.retry)


async def keep(studio: Studio, request: Request) -> dict[str, Any]:
    """Stop drawing after the step in hand and keep what there is."""
    return await _change(studio, request, studio.keep)


async def run_next(studio: Studio, request: Request) -> dict[str, Any]:
    """Put a waiting run in front of all others."""
    run_id = request.path_params["run"]
    await run_in_threadpool(studio.run_next, run_id, visitor_of(request))
    return {}


async def move(studio: Studio, request: Request) -> dict[str, Any]:
    """Put a waiting run before another one, or at the end."""
    before = (await body_of(request)).get("before")
    if before is not None and not isinstance(before, str):
        raise InvalidRequestError("Say before which run it goes.")
    run_id = request.path_params["run"]
    await run_in_threadpool(studio.move, run_id, before, visitor_of(request))
    return {}


async def reseed(studio: Studio, request: Request) -> dict[str, Any]:
    """The same run once more, with another seed."""
    return await _copy(studio, request, studio.reseed)


async def duplicate(studio: Studio, request: Request) -> dict[str, Any]:
    """The same run once more, right behind this one."""
    return await _copy(studio, request, studio.duplicate)


async def smaller(studio: Studio, request: Request) -> dict[str, Any]:
    """A failed run again as the next shorter clip."""
    return await _copy(studio, request, studio.retry_smaller)


async def pause(studio: Studio, request: Request) -> dict[str, Any]:
    """Start no further run."""
    await run_in_threadpool(studio.pause, visitor_of(request))
    return {}


async def resume(studio: Studio, request: Request) -> dict[str, Any]:
    """Start queued runs again."""
    await run_in_threadpool(studio.resume, visitor_of(request))
    return {}


async def log(studio: Studio, request: Request) -> dict[str, Any]:
    """What the worker wrote down about a failed run, for whoever may change the run."""
    run_id, visitor = request.path_params["run"], visitor_of(request)
    return {"text": await run_in_threadpool(studio.diagnose, run_id, visitor)}


async def _change(
    studio: Studio, request: Request, act: Callable[[str, str], RunView]
) -> dict[str, Any]:
    """Do something to a run, as the visitor who asks."""
    run = await run_in_threadpool(act, request.path_params["run"], visitor_of(request))
    return {"run": present(studio, run)}


async def _copy(
    studio: Studio, request: Request, act: Callable[[str, str, str], RunView]
) -> dict[str, Any]:
    """Make a new run of a run; the client key makes one of it, however often it is sent."""
    key = (await body_of(request)).get("client_key")
    if not (isinstance(key, str) and KEY.fullmatch(key)):
        raise InvalidRequestError("The page was not ready yet. Press the button again.")
    run_id, visitor = request.path_params["run"], visitor_of(request)
    return {"run": present(studio, await run_in_threadpool(act, run_id, key, visitor))}
