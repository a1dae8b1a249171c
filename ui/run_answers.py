"""What the routes of a run's own page answer: the run in full, its family, its chain, a repetition.

Reading may open files, and joining a chain takes seconds, so everything runs in threads.
"""

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from sanawm.camera.describe import describe
from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError, SanaWMError
from studio.studio import Studio
from studio.views import RunView
from ui import run_page
from ui.answers import body_of, visitor_of
from ui.command_line import FIRST_FRAME, POSES, command_of, needs_poses
from ui.family import family_tree
from ui.forms import KEY
from ui.presenters import path_map, present

RECIPE = "run.json"
MAP_SIZE = 320  # pixels of the large top view


async def page(studio: Studio, request: Request) -> dict[str, Any]:
    """Everything about a run."""
    return await run_in_threadpool(_page, studio, request.path_params["run"])


async def family(studio: Studio, request: Request) -> dict[str, Any]:
    """The tree a run stands in."""

    def read() -> dict[str, Any]:
        return family_tree(studio.gallery.family(request.path_params["run"]))

    return await run_in_threadpool(read)


async def chain(studio: Studio, request: Request) -> dict[str, Any]:
    """The runs a run goes on from, and with `build` the address of all as one video."""

    def read() -> dict[str, Any]:
        run_id = request.path_params["run"]
        parts = studio.chains.chain(run_id)
        known = {"parts": run_page.chain_parts(parts), "words": run_page.chain_words(parts)}
        if "build" not in request.query_params or len(parts) < 2:
            return known | {"url": "", "download": ""}
        url = studio.chains.joined(run_id)
        name = f"wanderbook-{parts[0].number}-to-{parts[-1].number}.mp4"
        return known | {"url": url, "download": f"{url}&name={name}"}

    return await run_in_threadpool(read)


async def reproduce(studio: Studio, request: Request) -> dict[str, Any]:
    """Make a run once more, to see whether it comes out the same."""
    key = (await body_of(request)).get("client_key")
    if not (isinstance(key, str) and KEY.fullmatch(key)):
        raise InvalidRequestError("The page was not ready yet. Press the button again.")
    run_id, visitor = request.path_params["run"], visitor_of(request)
    run = await run_in_threadpool(studio.reproduce, run_id, key, visitor)
    return {"run": present(studio, run)}


def _page(studio: Studio, run_id: str) -> dict[str, Any]:
    run = studio.run(run_id)
    card, title = card_of(studio, run)
    image = studio.image(run.image_sha256)
    kin = studio.gallery.family(run_id)
    parts = studio.chains.chain(run_id) if run.relation == "extend" and run.state == "done" else []
    return {
        "run": present(studio, run),
        "frames": run.num_frames,
        "recipe": run_page.recipe(run, title, card.fov_degrees),
        "parent": run_page.parent_words(run) if run.parent_number is not None else "",
        "changed": run_page.changed_words(run),
        "went": run_page.how_it_went(run),
        "map": path_map(run, card.distance_unit, card.fov_degrees, MAP_SIZE),
        "path": run_page.path_words(run, _summary(studio, run, card)),
        "holds": run_page.holds(run, image),
        "kin": len(kin),
        "tree": family_tree(kin) if len(kin) > 1 else None,
        "checks": run_page.checks(run, kin),
        "chain": run_page.chain_words(parts) if len(parts) > 1 else "",
        **_to_take_away(studio, run, card, image.url),
    }


def _to_take_away(studio: Studio, run: RunView, card: ModelCard, image_url: str) -> dict[str, Any]:
    """The files of a run, and the command that makes it again."""
    extension = PurePosixPath(urlsplit(image_url).path).suffix.removeprefix(".")
    image = FIRST_FRAME.format(extension=extension)
    command = command_of(run, card, image=image, is_default=run.model == studio.card().name)
    needed = [image, POSES] if needs_poses(run, card) else [image]
    if run.state != "done":
        return {"files": [], "command": command, "needed": needed}
    urls = {
        "image": image_url,
        "poses": studio.run_file_url(run, POSES),
        "recipe": studio.run_file_url(run, RECIPE),
    }
    return {"files": run_page.files(run, image, urls), "command": command, "needed": needed}


def card_of(studio: Studio, run: RunView) -> tuple[ModelCard, str]:
    """The card of a run's model and its title; the default's card where that model is gone."""
    titles = {model.name: model.title for model in studio.models()}
    return studio.card(run.model if run.model in titles else ""), titles.get(run.model, run.model)


def _summary(studio: Studio, run: RunView, card: ModelCard) -> str:
    """What the path does; nothing where its source cannot be resolved any more."""
    try:
        return describe(studio.preview_path(run.path_source, run.num_frames, card.name))
    except SanaWMError:
        return ""
