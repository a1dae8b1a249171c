"""What the routes of the settings page answer: figures and what may be cleaned, in words.

Only the owner gets anything; whoever else asks is told so. A visitor's page asks too, to know that
it is one: that is answered, with nothing in it.
"""

from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError
from sanawm.sizes import size_words
from storage.disk_use import CACHES, Use
from storage.figures import Hits
from studio.housekeeping import HouseView, RoomView
from studio.preferences import Preferences
from studio.studio import Studio
from ui.answers import body_of, visitor_of
from ui.model_answers import models_of
from ui.words import duration, length

# Title, what it is, what goes in a clean-up and what stays.
REMADE = "Removes them all. They are made again when a run needs them. Every run stays."
KINDS = {
    "videos": ("Videos", "Every run with its video, stills and record.", ""),
    "pictures": (
        "First frames and paths",
        "What runs start from, each kept once.",
        "Removes what no run starts from and is older than an hour. What any run uses stays.",
    ),
    "database": ("Database", "Settings, prompts and all else that is known of runs.", ""),
    "backups": (
        "Copies of the database",
        "Made before its form changes, and by hand.",
        "Removes all but the newest copy. The database itself stays.",
    ),
    "text": ("Prompts", "A prompt used before is not read again.", REMADE),
    "latents": ("First frames", "A first frame used before is not encoded again.", REMADE),
    "features": ("Camera paths", "A path used before is not worked out again.", REMADE),
    "stage1": (
        "Drawings",
        "A clip as it was drawn: the same run again is only decoded.",
        "Removes them all. Every run and its video stay. The same run again is drawn anew.",
    ),
    "chains": (
        "Made for download",
        "Runs that go on from one another as one file, and videos without their recipes.",
        "Removes them all. The runs stay, and these are made again when asked for.",
    ),
    "logs": (
        "Logs",
        "What the worker said, for when something fails.",
        "Removes those older than an hour but the newest. Logs of failed runs stay with them.",
    ),
    "trash": (
        "Trash",
        "Runs that were thrown away; each goes by itself after 30 days.",
        "Deletes them for good, with their videos. All other runs stay.",
    ),
    "temporary": (
        "Passing files",
        "Pictures on their way in, as programs send them.",
        "Removes what is older than an hour. First frames of runs are kept elsewhere and stay.",
    ),
}
SHARED = "They lie outside the data folder, perhaps with those of other programs, and stay."
PARTS = {
    "kept": ("videos", "pictures", "database", "backups"),
    "caches": CACHES,
    "passing": ("chains", "logs", "trash", "temporary"),
}
LATENT_BYTES = 4  # a number of a drawing
LEAST_SAVED_S = 0.05  # less is not worth a word


def temporary_folder() -> Path:
    """Where Gradio puts what is sent to its own endpoints."""
    return Path(get_upload_folder())


async def show(studio: Studio, request: Request) -> dict[str, Any]:
    """The page of the owner; for everybody else only that they are not."""
    visitor = visitor_of(request)
    if not studio.is_owner(visitor):
        return {"owner": False, "can_own": bool(studio.settings.owner_key)}
    house = await run_in_threadpool(studio.housekeeping.view, visitor, temporary_folder())
    return {"owner": True, "by_key": not studio.is_owner(""), **page_of(house, studio.card())}


async def change(studio: Studio, request: Request) -> dict[str, Any]:
    """Choose otherwise."""
    values, visitor = await body_of(request), visitor_of(request)
    if unknown := values.keys() - set(Preferences.__dataclass_fields__):
        raise InvalidRequestError(f"There is no setting named {min(unknown)}.")
    chosen = await run_in_threadpool(lambda: studio.set_preferences(visitor, **values))
    return {"preferences": chosen.to_dict()}


async def clean(studio: Studio, request: Request) -> dict[str, Any]:
    """Clean one kind up and say what that freed."""
    kind, visitor = (await body_of(request)).get("kind"), visitor_of(request)
    if not isinstance(kind, str):
        raise InvalidRequestError("Say what to clean up.")
    temporary = temporary_folder()
    went = await run_in_threadpool(studio.housekeeping.clean, kind, visitor, temporary)
    house = await run_in_threadpool(studio.housekeeping.view, visitor, temporary)
    return {"parts": parts_of(house), "total": total_words(house), "said": went_words(went)}


async def diagnostics(studio: Studio, request: Request) -> dict[str, Any]:
    """A text for a bug report."""
    return {"text": await run_in_threadpool(studio.housekeeping.diagnose, visitor_of(request))}


def page_of(house: HouseView, card: ModelCard) -> dict[str, Any]:
    """Everything the page draws."""
    return {
        "folder": house.folder,
        "total": total_words(house),
        "parts": parts_of(house),
        "cost": cost_words(card),
        "models": models_of(house.models, house.revisions),
        "facts": [
            ["Device", house.device or "known once the model is open"],
            ["Threads", f"{house.threads}, as many as there are cores for this program"],
        ],
        "preferences": house.preferences.to_dict(),
    }


def parts_of(house: HouseView) -> dict[str, list[dict[str, Any]]]:
    """What takes room, part by part; an empty trash is not worth a line."""
    rooms = {room.kind: room for room in house.rooms}
    return {
        part: [
            _room(rooms[kind]) | (_found(house.hits[kind]) if kind in CACHES else {})
            for kind in kinds
            if kind != "trash" or rooms[kind].use.files
        ]
        for part, kinds in PARTS.items()
    }


def total_words(house: HouseView) -> str:
    """What everything takes together, and what is left."""
    total = sum(room.use.size for room in house.rooms)
    return f"{size_words(total)} in use, {size_words(house.free)} free on its disk."


def cost_words(card: ModelCard) -> str:
    """What it costs to keep whole drawings."""
    rows, columns = card.latent_size
    numbers = card.latent_channels * card.num_latent_frames(card.num_frames) * rows * columns
    clip = length(card.num_frames, card.fps)
    return f"Takes about {size_words(numbers * LATENT_BYTES)} for a clip of {clip} by {card.title}."


def went_words(went: Use) -> str:
    """What a clean-up freed."""
    if not went.files:
        return "There was nothing to remove."
    files = "1 file is" if went.files == 1 else f"{went.files:,} files are"
    return f"{files} gone, {size_words(went.size)} free again."


def _room(room: RoomView) -> dict[str, Any]:
    title, text, says = KINDS[room.kind]
    if room.kind == "temporary" and room.may_go is None:
        text, says = f"{text} {SHARED}", ""
    return {
        "kind": room.kind,
        "title": title,
        "text": text,
        "size": size_words(room.use.size),
        "files": f"{room.use.files:,} {'file' if room.use.files == 1 else 'files'}",
        "says": says,
        "frees": size_words(room.may_go.size) if room.may_go and room.may_go.files else "",
    }


def _found(hits: Hits) -> dict[str, str]:
    """How often a cache had what was needed."""
    if not hits.asked:
        return {"found": "Not needed yet."}
    saved = f", {duration(hits.saved_s)} saved" if hits.saved_s >= LEAST_SAVED_S else ""
    return {"found": f"Found {hits.hits:,} of {hits.asked:,} times{saved}."}
