"""What each JSON route answers: read the request, call the studio, put the result in words.

The studio's calls touch the database, so they run in threads and never hold up the server. What
cannot be done raises `SanaWMError`; `ui.routes` turns that into a sentence for the page.
"""

import json
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from sanawm.camera.actions import count_actions
from sanawm.camera.describe import describe
from sanawm.camera.presets import preset_actions
from sanawm.errors import InvalidRequestError
from studio.identity import visitor_id
from studio.run_views import path_label
from studio.studio import Studio
from studio.views import SHORT_HASH, Draft
from ui.drawing import top_view
from ui.forms import image_value
from ui.presenters import present, present_all, present_event
from ui.repairs import repair

PATH_MAP_SIZE = 116  # pixels of the composer's top view
MOST_RUNS = 60


def visitor_of(request: Request) -> str:
    """The visitor's key; `ui.routes` lets nobody in without one."""
    return request.headers["x-wanderbook-visitor"]


async def session(studio: Studio, request: Request) -> dict[str, Any]:
    """What a page needs once, with addresses that expire."""
    visitor = visitor_of(request)
    rev, examples = await run_in_threadpool(lambda: (studio.rev(), studio.examples()))
    return {
        "rev": rev,
        "visitor": visitor_id(visitor)[:SHORT_HASH],
        "owner": studio.is_owner(visitor),
        "events": studio.events_url(),
        "examples": [
            {
                "id": example.id,
                "title": example.title,
                "prompt": example.prompt,
                "license": example.license,
                "url": example.url,
            }
            for example in examples
        ],
    }


async def changes(studio: Studio, request: Request) -> dict[str, Any]:
    """What changed after a revision, where events cannot be streamed."""

    after = number_in(request, "after", -1)
    return await run_in_threadpool(lambda: present_event(studio, studio.event(after)))


async def runs(studio: Studio, request: Request) -> dict[str, Any]:
    """A page of cells, newest first."""
    limit = min(max(number_in(request, "limit", 12), 1), MOST_RUNS)

    def read() -> dict[str, Any]:
        found = studio.runs(request.query_params.get("before"), limit)
        return {"runs": present_all(studio, found)}

    return await run_in_threadpool(read)


async def one_run(studio: Studio, request: Request) -> dict[str, Any]:
    """One cell."""
    run = await run_in_threadpool(studio.run, request.path_params["run"])
    return {"run": present(studio, run)}


async def example(studio: Studio, request: Request) -> dict[str, Any]:
    """Take an example as the first frame."""
    image = await run_in_threadpool(studio.use_example, request.path_params["example"])
    return image_value(image)


async def estimate(studio: Studio, request: Request) -> dict[str, Any]:
    """The sentence over Generate; only what decides the time is looked at."""
    card = studio.card()
    draft = Draft(
        image_sha256="",
        prompt="",
        path_source={},
        num_frames=number_in(request, "frames", card.num_frames),
        num_inference_steps=number_in(request, "steps", card.num_inference_steps),
        guidance_scale=_guidance(request, card.guidance_scale),
        model=request.query_params.get("model", ""),
    )
    found = await run_in_threadpool(studio.estimate, draft)
    nearest = found.memory.nearest_frames if found.memory else None
    return {"sentence": found.sentence, "seconds": found.seconds, "nearest": nearest}


async def path(studio: Studio, request: Request) -> dict[str, Any]:
    """Resolve a camera path and draw it, or say which segment is wrong and how to mend it."""
    source = _source(request)
    frames, model = number_in(request, "frames", 0), request.query_params.get("model", "")
    try:
        return await run_in_threadpool(_drawn_path, studio, source, frames, model)
    except InvalidRequestError as error:
        fix = repair(source.get("actions"), frames - 1)
        return {"error": str(error), "field": error.field, "fix": fix}


def _drawn_path(studio: Studio, source: dict[str, Any], frames: int, model: str) -> dict[str, Any]:
    resolved = studio.preview_path(source, frames, model)
    card, points, label = studio.card(model), studio.path_points(resolved), path_label(source)
    actions = _actions_of(source, frames - 1)
    drawing = top_view(
        points,
        fps=resolved.fps,
        label=label,
        unit=card.distance_unit,
        fov_degrees=card.fov_degrees,
        size=PATH_MAP_SIZE,
    )
    return {
        "label": label,
        "actions": actions,
        "steps": count_actions(actions) if actions else None,
        "summary": describe(resolved),
        "map": drawing,
    }


def _actions_of(source: dict[str, Any], steps: int) -> str:
    """The action string of a path; empty where no keys make it."""
    if source.get("kind") == "poses":
        return ""
    if source.get("kind") == "actions":
        return str(source["actions"])
    return preset_actions(str(source.get("preset")), steps) or ""


def _source(request: Request) -> dict[str, Any]:
    try:
        source = json.loads(request.query_params.get("source", ""))
    except ValueError:
        source = None
    if not isinstance(source, dict):
        raise InvalidRequestError("Choose a camera path, or write one.", field="camera")
    return source


def number_in(request: Request, name: str, default: int) -> int:
    """A whole number of the query; the default where there is none."""
    text = request.query_params.get(name, "")
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 16 else default


def _guidance(request: Request, default: float) -> float:
    try:
        return float(request.query_params.get("guidance", default))
    except ValueError:
        return default


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON of a POST; anything but an object counts as empty."""
    if request.headers.get("content-type", "").split(";")[0] != "application/json":
        raise InvalidRequestError("This address takes JSON.")
    try:
        value = json.loads(await request.body(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        return {}
    return _encodable(value) if isinstance(value, dict) else {}


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _encodable(value: dict[str, Any]) -> dict[str, Any]:
    """The same; half a character, as of an emoji that was cut, becomes a question mark."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        value = json.loads(text.encode(errors="replace"))
    return value
