"""What the route of dropped files answers: the form that a file's recipe makes, and what it lacks.

The file's bytes are the body of the POST. Lengths and models that are not offered here become those
that are, and the answer says so.
"""

import tempfile
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from sanawm.card import ModelCard
from studio.recipes import FoundRecipe
from studio.studio import Studio
from ui.forms import clean_form, image_value
from ui.uploads import file_name, write_body
from ui.words import length

LARGEST_BYTES = 512 * 1024 * 1024  # static/dropfile.js says the same before it sends
LARGEST_SEED = 2**63 - 1
OTHER_MODEL = "It was made by the model {model}, which is not here. {title} is chosen."
OTHER_LENGTH = "{title} does not offer {asked}, so the length is {length}."
OTHER_SEED = "Its seed is larger than seeds here can be, so a new one will be drawn."


async def read(studio: Studio, request: Request) -> dict[str, Any]:
    """The draft in a file that was dropped: {"form", "parent_id", "said"}."""
    with tempfile.TemporaryDirectory(prefix="wanderbook-") as folder:
        file = Path(folder) / file_name(request.headers.get("x-file-name", ""))
        await write_body(request, file, LARGEST_BYTES)
        found = await run_in_threadpool(studio.recipes.read, file)
    return await run_in_threadpool(_draft, studio, found)


def _draft(studio: Studio, found: FoundRecipe) -> dict[str, Any]:
    known = found.model is None or found.model in {model.name for model in studio.models()}
    card = studio.card((found.model or "") if known else "")
    form, said = form_of(found, card)
    if not known:
        said.append(OTHER_MODEL.format(model=found.model, title=card.title))
    parent = found.run_id if found.run_id and studio.may_come_from(found.run_id) else None
    return {"form": form, "parent_id": parent, "said": said}


def form_of(found: FoundRecipe, card: ModelCard) -> tuple[dict[str, Any], list[str]]:
    """A recipe as the form holds it; what it does not say is as the model's card advises."""
    form, said = clean_form(card), list(found.said)
    values = {
        "image": image_value(found.image) if found.image else None,
        "prompt": found.prompt,
        "camera": _camera(found),
        "negative": found.negative_prompt,
        "steps": found.steps,
        "guidance": found.guidance,
    }
    form |= {name: value for name, value in values.items() if value is not None}
    if found.seed is not None and 0 <= found.seed <= LARGEST_SEED:
        form["seed"] = str(found.seed)
    elif found.seed is not None:
        said.append(OTHER_SEED)
    frames = found.num_frames
    if frames is not None:
        nearest = min(card.lengths, key=lambda offered: abs(offered - frames))
        form["length"] = nearest
        if nearest != frames:
            asked, taken = length(frames, card.fps), length(nearest, card.fps)
            said.append(OTHER_LENGTH.format(title=card.title, asked=asked, length=taken))
    return form, said


def _camera(found: FoundRecipe) -> dict[str, Any] | None:
    """The path as the page holds it; one that goes on from a run belongs to the first frame."""
    source = found.path_source
    if source is None or "start" not in source:
        return {"source": source} if source else None
    if found.image is None:
        return {"source": {name: value for name, value in source.items() if name != "start"}}
    return {"source": source, "image": found.image.sha256}
