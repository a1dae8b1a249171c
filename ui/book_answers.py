"""What the routes of the notebooks answer: cells page by page, and each act on book and cell.

"Above" is a cell's id as displayed; "" is the top of a notebook, null its bottom. An act answers
with the cell as it is afterwards; what becomes of the others is told by the event stream. Who may
do what is decided by the studio.
"""

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from sanawm.errors import InvalidRequestError
from studio.studio import Studio
from studio.views import CellView, NotebookView
from ui.answers import body_of, number_in, visitor_of
from ui.presenters import present_all, present_cell

MOST_CELLS = 60


async def books(studio: Studio, request: Request) -> dict[str, Any]:
    """Every notebook, and which of them this visitor may change."""
    visitor = visitor_of(request)
    return await run_in_threadpool(
        lambda: {"notebooks": [_present(studio, book, visitor) for book in studio.book.all()]}
    )


async def one_book(studio: Studio, request: Request) -> dict[str, Any]:
    """One notebook, without its cells."""
    return await _book(studio, request, lambda key, visitor: studio.book.view(key))


async def make(studio: Studio, request: Request) -> dict[str, Any]:
    """A new notebook."""
    title = _text(await body_of(request), "title") or ""
    return await _book(studio, request, lambda key, visitor: studio.book.create(title, visitor))


async def change(studio: Studio, request: Request) -> dict[str, Any]:
    """Another title, description or order; what is not named stays."""
    body = await body_of(request)
    newest_first = body.get("newest_first")
    if newest_first is not None and not isinstance(newest_first, bool):
        raise InvalidRequestError("Say whether the newest comes first.")
    return await _book(
        studio,
        request,
        lambda key, visitor: studio.book.change(
            key,
            visitor,
            title=_text(body, "title"),
            description=_text(body, "description"),
            newest_first=newest_first,
        ),
    )


async def trash(studio: Studio, request: Request) -> dict[str, Any]:
    """Put a notebook away; its runs stay."""
    await run_in_threadpool(studio.book.trash, _key(request), visitor_of(request))
    return {}


async def restore(studio: Studio, request: Request) -> dict[str, Any]:
    """Bring a notebook back."""
    return await _book(studio, request, studio.book.restore)


async def cells(studio: Studio, request: Request) -> dict[str, Any]:
    """A page of cells as displayed, and each run they show once."""
    limit = min(max(number_in(request, "limit", 12), 1), MOST_CELLS)
    after = request.query_params.get("after")

    def read() -> dict[str, Any]:
        found = studio.book.cells(_key(request), after, limit)
        ids = [cell.run_id for cell in found if cell.run_id]
        ids += [run_id for cell in found for run_id in cell.runs]
        runs = studio.runs_named(list(dict.fromkeys(ids)))
        return {
            "cells": [present_cell(cell) for cell in found],
            "runs": present_all(studio, runs),
        }

    return await run_in_threadpool(read)


async def outline(studio: Studio, request: Request) -> dict[str, Any]:
    """Headings and runs of a notebook, as displayed."""
    found = await run_in_threadpool(studio.book.outline, _key(request))
    return {
        "outline": [
            {
                "cell": line.cell_id,
                "kind": line.kind,
                "number": line.number,
                "words": line.words,
                "level": line.level,
            }
            for line in found
        ]
    }


async def add(studio: Studio, request: Request) -> dict[str, Any]:
    """A new cell: a text, a comparison, or a run that is shown here, too."""
    body, key, visitor = await body_of(request), _key(request), visitor_of(request)
    kind, above = body.get("kind"), _above(body)

    def do() -> CellView:
        if kind == "text":
            return studio.book.add_text(key, _text(body, "text") or "", visitor, above)
        if kind == "compare":
            return studio.book.add_compare(key, body.get("runs", []), visitor, above)
        if kind == "run":
            return studio.book.add_run(key, _text(body, "run") or "", visitor, above)
        raise InvalidRequestError("A new cell is a text, a comparison or a run.")

    return {"cell": present_cell(await run_in_threadpool(do))}


async def write(studio: Studio, request: Request) -> dict[str, Any]:
    """What a text says, which runs a comparison shows, or whether a cell is folded to one line."""
    body, cell_id, visitor = await body_of(request), _key(request), visitor_of(request)
    text, content, collapsed = _text(body, "text"), body.get("content"), body.get("collapsed")
    if content is not None and not isinstance(content, dict):
        raise InvalidRequestError("Say what the cell shows.")

    def do() -> CellView:
        if isinstance(collapsed, bool):
            return studio.book.collapse(cell_id, collapsed, visitor)
        return studio.book.write(cell_id, visitor, text=text, content=content)

    return {"cell": present_cell(await run_in_threadpool(do))}


async def move(studio: Studio, request: Request) -> dict[str, Any]:
    """Put a cell elsewhere; how it is there, and where it stood, to put it back."""
    body, cell_id, visitor = await body_of(request), _key(request), visitor_of(request)
    above, notebook = _above(body), _text(body, "notebook")

    def do() -> dict[str, Any]:
        place = studio.book.move(cell_id, visitor, above=above, notebook_id=notebook)
        return {"place": place, "cell": present_cell(studio.book.cell(cell_id))}

    return await run_in_threadpool(do)


async def remove(studio: Studio, request: Request) -> dict[str, Any]:
    """Take a cell out of its notebook."""
    return await _cell(request, studio.book.remove)


async def restore_cell(studio: Studio, request: Request) -> dict[str, Any]:
    """Bring a removed cell back to where it stood."""
    return await _cell(request, studio.book.restore_cell)


async def _book(
    studio: Studio, request: Request, act: Callable[[str, str], NotebookView]
) -> dict[str, Any]:
    key, visitor = _key(request), visitor_of(request)
    return await run_in_threadpool(
        lambda: {"notebook": _present(studio, act(key, visitor), visitor)}
    )


async def _cell(request: Request, act: Callable[[str, str], CellView]) -> dict[str, Any]:
    return {"cell": present_cell(await run_in_threadpool(act, _key(request), visitor_of(request)))}


def _present(studio: Studio, book: NotebookView, visitor: str) -> dict[str, Any]:
    return book.to_dict() | {"may_change": studio.book.may_change(book.id, visitor)}


def _key(request: Request) -> str:
    """The notebook or cell that the address names; none of them where one is made."""
    return str(next(iter(request.path_params.values()), ""))


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidRequestError("This must be text.", field=name)
    return value


def _above(body: dict[str, Any]) -> str | None:
    above = body.get("above")
    if above is not None and not isinstance(above, str):
        raise InvalidRequestError("Say above which cell it goes.")
    return above
