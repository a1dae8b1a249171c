"""What the routes of marks answer: stars, notes, tags, the trash, the kept draft, a sweep of runs.

Who may mark a run is decided by the studio. What taking an act back needs is in its answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from sanawm.errors import InvalidRequestError, SanaWMError
from studio.studio import Studio
from studio.views import DraftView
from ui.answers import body_of, visitor_of
from ui.forms import FIELDS, KEY, image_value, read_draft
from ui.gallery_answers import ids_in
from ui.presenters import present, present_all, present_cell

LARGEST_SEED = 2**63 - 1


async def rate(studio: Studio, request: Request) -> dict[str, Any]:
    """Give a run stars, or take them back."""
    stars = (await body_of(request)).get("stars")
    if not isinstance(stars, int) or isinstance(stars, bool):
        raise InvalidRequestError("Say how many stars.")
    run_id, visitor = request.path_params["run"], visitor_of(request)
    run = await run_in_threadpool(studio.marks.rate, run_id, stars, visitor)
    return {"run": present(studio, run)}


async def note(studio: Studio, request: Request) -> dict[str, Any]:
    """Write a run's note; the answer has it drawn."""
    text = (await body_of(request)).get("text")
    if not isinstance(text, str):
        raise InvalidRequestError("A note is text.", field="note")
    run_id, visitor = request.path_params["run"], visitor_of(request)
    run = await run_in_threadpool(studio.marks.write_note, run_id, text, visitor)
    return {"run": present(studio, run)}


async def tags(studio: Studio, request: Request) -> dict[str, Any]:
    """Every tag in use, the most used first, with how many runs carry it."""
    counts = await run_in_threadpool(studio.gallery.tags)
    ordered = sorted(counts.items(), key=lambda known: (-known[1], known[0].lower()))
    return {"tags": [{"tag": tag, "count": count} for tag, count in ordered]}


async def tag(studio: Studio, request: Request) -> dict[str, Any]:
    """Add tags to runs and take others off; what each carried before."""
    body, visitor = await body_of(request), visitor_of(request)
    runs, add, drop = ids_in(body, "runs"), _words(body.get("add")), _words(body.get("drop"))
    return {"before": await run_in_threadpool(studio.marks.tag, runs, add, drop, visitor)}


async def set_tags(studio: Studio, request: Request) -> dict[str, Any]:
    """Let runs carry exactly these tags, as before something was changed."""
    sent = (await body_of(request)).get("tags")
    if not isinstance(sent, dict):
        raise InvalidRequestError("Say which run carries which tags.", field="tag")
    wanted = {str(run_id): _words(words) for run_id, words in sent.items()}
    await run_in_threadpool(studio.marks.set_tags, wanted, visitor_of(request))
    return {}


async def trash(studio: Studio, request: Request) -> dict[str, Any]:
    """Move runs to the trash."""
    return await _with_runs(request, studio.marks.trash)


async def restore(studio: Studio, request: Request) -> dict[str, Any]:
    """Take runs out of the trash."""
    return await _with_runs(request, studio.marks.restore)


async def kept_draft(studio: Studio, request: Request) -> dict[str, Any]:
    """What this visitor's form held, with addresses that are good now."""

    def read() -> dict[str, Any]:
        draft = studio.drafts.load(visitor_of(request))
        return {"draft": _refreshed(studio, draft) if draft else None}

    return await run_in_threadpool(read)


async def keep_draft(studio: Studio, request: Request) -> dict[str, Any]:
    """Keep what this visitor's form holds."""
    form, parent = _form_in(await body_of(request))
    await run_in_threadpool(studio.drafts.save, visitor_of(request), form, parent)
    return {}


async def sweep(studio: Studio, request: Request) -> dict[str, Any]:
    """Queue every seed with every path and every prompt as one cell, or none of them."""
    body, visitor = await body_of(request), visitor_of(request)
    key, above, notebook = (body.get(name) for name in ("client_key", "above", "notebook_id"))
    if not (isinstance(key, str) and KEY.fullmatch(key)):
        raise InvalidRequestError("The page was not ready yet. Press the button again.")
    form, parent = _form_in(body)
    draft = read_draft([form.get(name) for name in FIELDS], parent)
    if isinstance(notebook, str):
        draft = replace(draft, notebook_id=notebook)

    def queue() -> dict[str, Any]:
        cell = studio.sweep(
            draft,
            seeds=_seeds(body.get("seeds")),
            paths=_sources(body.get("paths")),
            prompts=_words(body.get("prompts")),
            client_key=key,
            visitor=visitor,
            above=above if isinstance(above, str) else None,
        )
        runs = [studio.run(run_id) for run_id in cell.runs]
        return {"cell": present_cell(cell), "runs": present_all(studio, runs)}

    return await run_in_threadpool(queue)


async def _with_runs(
    request: Request, act: Callable[[Sequence[str], str], list[str]]
) -> dict[str, Any]:
    runs = ids_in(await body_of(request), "runs")
    return {"runs": await run_in_threadpool(act, runs, visitor_of(request))}


def _refreshed(studio: Studio, draft: DraftView) -> dict[str, Any]:
    """A kept draft; a picture or a parent that is gone is left out of it."""
    form, parent = dict(draft.form), draft.parent_id
    image = form.get("image")
    if isinstance(image, dict):
        try:
            form["image"] = image | image_value(studio.image(str(image.get("sha256"))))
        except SanaWMError:
            form["image"] = None
    known = parent is not None and studio.may_come_from(parent)
    return {"form": form, "parent_id": parent if known else None}


def _form_in(body: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The form and its parent in a request's body; fields that are none of ours are dropped."""
    form, parent = body.get("form"), body.get("parent_id")
    if not isinstance(form, dict):
        raise InvalidRequestError("The page was not ready yet. Press the button again.")
    known = {name: form[name] for name in FIELDS if name in form}
    return known, parent if isinstance(parent, str) else None


def _words(value: Any) -> list[str]:
    if value is None:
        return []
    if not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
        raise InvalidRequestError("This must be a list of words.")
    return value


def _sources(value: Any) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
        raise InvalidRequestError("Choose a camera path, or write one.", field="camera")
    return value


def _seeds(value: Any) -> list[int]:
    if value is None:
        return []
    if not (isinstance(value, list) and all(type(seed) is int for seed in value)):
        raise InvalidRequestError("Seeds are whole numbers.", field="seed")
    if not all(0 <= seed <= LARGEST_SEED for seed in value):
        raise InvalidRequestError(f"A seed is at most {LARGEST_SEED}.", field="seed")
    return value
