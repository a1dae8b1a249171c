"""What the routes of bundles answer: asked for and streamed, sent and let in.

A browser fetches a download by its address alone, so a press is answered with an address that
nobody can guess and that ends with the hour; whoever opens it gets what the one who pressed may
see. What arrives goes to the data folder's disk piece by piece and is looked at before anything of
it is taken over; nothing is read of what somebody sends who may not import.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from sanawm.errors import InvalidRequestError
from sanawm.sizes import size_words
from studio.bundle_format import MB, MOST_BYTES
from studio.bundle_reading import Inspected
from studio.bundle_writing import Bundle
from studio.importing import Imported, Known
from studio.studio import Studio
from ui.answers import body_of, visitor_of
from ui.offline_page import page_of
from ui.uploads import file_name
from ui.words import counted

PREFIX = "/gradio_api/wm"
T = TypeVar("T")
MOST_RUNS = 500  # of one press; a notebook may have more
PIECE = MB
SPARE_BYTES = 512 * MB  # of the disk, kept free
SHOWN_PROMPTS = 3
TOO_LARGE = "This bundle has more than 8 GB. Up to 8 GB work."
NO_ROOM = "The bundle needs {need} and {free} is free on the disk. Make room and send it again."
GONE = "This download is over. Ask for the bundle again."
LEFT = "Nobody waits for this bundle any more. Send it again."
TORN = "The bundle did not arrive whole. Send it again."


async def ask(studio: Studio, request: Request) -> dict[str, Any]:
    """The address of a bundle of runs, or of a notebook."""
    body = await body_of(request)
    runs, notebook = body.get("runs"), body.get("notebook")
    if notebook is not None and not isinstance(notebook, str):
        raise InvalidRequestError("Name a notebook.")
    if notebook is None:
        _check_runs(runs)
    wanted = partial(bundle_of, studio, runs or [], notebook)
    bundle = await run_in_threadpool(wanted)
    ticket = studio.tickets.issue(wanted)
    return {"url": f"{PREFIX}/bundles/{ticket}", "name": bundle.name, "size": bundle.size}


def bundle_of(studio: Studio, run_ids: list[str], notebook_id: str | None) -> Bundle:
    """What one may see of these runs or this notebook, ready to be sent."""
    page = page_of(studio)
    if notebook_id is not None:
        return studio.bundles.of_notebook(notebook_id, page)
    return studio.bundles.of_runs(run_ids, page)


async def download(studio: Studio, request: Request) -> Response:
    """The bundle of a ticket, made anew while it is sent."""
    wanted = studio.tickets.find(request.path_params["ticket"])
    if wanted is None:
        return Response(GONE, 404, headers={"X-Content-Type-Options": "nosniff"})
    try:
        return bundle_response(await run_in_threadpool(wanted), request)
    except InvalidRequestError as error:
        return Response(str(error), 404, headers={"X-Content-Type-Options": "nosniff"})


def bundle_response(bundle: Bundle, request: Request) -> Response:
    """A bundle on its way; its names are plain ASCII."""
    headers = {
        "Content-Disposition": f'attachment; filename="{bundle.name}"',
        "Content-Length": str(bundle.size),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "none",
    }
    if request.method == "HEAD":
        return Response(headers=headers, media_type="application/zip")
    return StreamingResponse(bundle.chunks(), headers=headers, media_type="application/zip")


# ---- what arrives


async def receive(studio: Studio, request: Request) -> dict[str, Any]:
    """Keep a bundle that is sent, and say what is in it."""
    visitor = visitor_of(request)
    studio.bundles.check_may_import(visitor)
    ticket, folder = await run_in_threadpool(studio.bundles.make_room)
    try:
        file = folder / file_name(request.headers.get("x-file-name", "") or "bundle.zip")
        await _write_body(request, file)
        found, known = await _while_waited_for(
            request, partial(studio.bundles.inspect, file, visitor)
        )
    except BaseException:
        studio.bundles.forget(ticket)
        raise
    return {"ticket": ticket, "name": file.name} | _told(found, known)


async def bring_in(studio: Studio, request: Request) -> dict[str, Any]:
    """Take over a bundle that was looked at."""
    ticket, visitor = request.path_params["ticket"], visitor_of(request)

    def do() -> dict[str, Any]:
        studio.bundles.check_may_import(visitor)
        try:
            return _brought(studio.bundles.bring_in(studio.bundles.kept(ticket), visitor))
        finally:
            studio.bundles.forget(ticket)

    return await run_in_threadpool(do)


async def cancel(studio: Studio, request: Request) -> dict[str, Any]:
    """Forget a bundle that was looked at."""
    studio.bundles.check_may_import(visitor_of(request))
    await run_in_threadpool(studio.bundles.forget, request.path_params["ticket"])
    return {}


async def _while_waited_for(request: Request, look: Callable[[], T]) -> T:
    """What `look` gives, unless whoever asked has left: they hear no ticket, and cancel nothing.

    The server reads on, and so finds out, only while somebody listens.
    """
    leaving = asyncio.ensure_future(request.receive())  # behind the body nothing else is said
    try:
        seen = await run_in_threadpool(look)
        if leaving.done():
            raise InvalidRequestError(LEFT)
        return seen
    finally:
        leaving.cancel()


async def _write_body(request: Request, file: Path) -> None:
    said = request.headers.get("content-length", "")
    _check_room(file.parent, int(said) if said.isdecimal() and len(said) < 16 else 0)
    size = 0
    with file.open("xb") as stream:
        try:
            async for piece in _pieces(request):
                size += len(piece)
                _check_room(file.parent, size, written=size)
                await run_in_threadpool(stream.write, piece)
        except ClientDisconnect as error:
            raise InvalidRequestError(TORN) from error
    if not size:
        raise InvalidRequestError(f"{file.name} is empty.")


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body in larger pieces than the ones it comes in."""
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) >= PIECE:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def _check_room(folder: Path, size: int, written: int = 0) -> None:
    """Room for the bundle and once more for what is in it, `written` of which is taken already."""
    if size > MOST_BYTES:
        raise InvalidRequestError(TOO_LARGE)
    free, need = shutil.disk_usage(folder).free, 2 * size - written
    if free < need + SPARE_BYTES:
        raise InvalidRequestError(NO_ROOM.format(need=size_words(need), free=size_words(free)))


def _check_runs(runs: Any) -> None:
    if not isinstance(runs, list) or not all(isinstance(run, str) for run in runs) or not runs:
        raise InvalidRequestError("Choose the runs to pack.")
    if len(runs) > MOST_RUNS:
        raise InvalidRequestError(f"Up to {MOST_RUNS} runs fit. Put them into a notebook first.")


def _told(found: Inspected, known: Known) -> dict[str, Any]:
    """What a bundle holds, as the dialog shows it before anything is taken over."""
    fresh = [run for run in found.runs if run.id not in known.runs]
    title = found.notebook[0]["title"] if found.notebook else ""
    is_known = not fresh and (not title or known.notebook_id is not None)
    return {
        "notebook": title,
        "size": size_words(found.bytes),
        "new": counted(len(fresh), "run") if fresh else "",
        "here": counted(len(found.runs) - len(fresh), "run")
        if len(found.runs) > len(fresh)
        else "",
        "prompts": [run.prompt for run in (fresh or found.runs)[:SHOWN_PROMPTS]],
        "nothing_new": is_known,
    }


def _brought(imported: Imported) -> dict[str, Any]:
    added, here = len(imported.added), len(imported.known)
    if not added:
        sentence = f"{counted(here, 'run').capitalize()}, all of them here already."
    else:
        also = f", {counted(here, 'run')} already here" if here else ""
        sentence = f"{counted(added, 'run').capitalize()} brought in{also}."
    return {"sentence": sentence, "runs": imported.added, "notebook": imported.notebook_id}
