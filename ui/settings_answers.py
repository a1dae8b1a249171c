"""What the routes of the settings page answer: figures and what may be cleaned, in words.

Only the owner gets anything; whoever else asks is told so. A visitor's page asks too, to know that
it is one: that is answered, with nothing in it.
"""

from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from sanawm.errors import InvalidRequestError
from storage.disk_use import CACHES, Use
from storage.figures import Hits
from studio.housekeeping import HouseView, ModelFacts, RoomView
from studio.preferences import Preferences
from studio.studio import Studio
from ui.answers import body_of, visitor_of
from ui.words import duration

# Title, what it is, what goes in a clean-up and what stays.
KINDS = {
    "videos": ("Videos", "Every run with its video, stills and record.", ""),
    "pictures": (
        "First frames and paths",
        "What runs start from, each kept once.",
        "Removes what no run starts from and is older than an hour. What any run uses stays.",
    ),
    "text": (
        "Prompts, encoded",
        "A prompt used before need not be read again.",
        "Removes them all. They are made again when a run needs them; every run stays.",
    ),
    "latents": (
        "First frames, encoded",
        "A first frame used before need not be prepared again.",
        "Removes them all. They are made again when a run needs them; every run stays.",
    ),
    "features": (
        "Camera paths, encoded",
        "A path used before need not be worked out again.",
        "Removes them all. They are made again when a run needs them; every run stays.",
    ),
    "stage1": (
        "Drawn latents",
        "A run that asks for exactly the same is only decoded.",
        "Removes them all. Every run and its video stay; the same run again is drawn anew.",
    ),
    "database": ("Database", "Settings, prompts and everything else about runs.", ""),
    "backups": (
        "Copies of the database",
        "Made before every change of its form, and by hand.",
        "Removes all but the newest copy. The database itself stays.",
    ),
    "logs": (
        "Logs",
        "What the worker said, for when something fails.",
        "Removes the logs of workers that ended. The newest and those of failed runs stay.",
    ),
    "trash": (
        "Trash",
        "What was thrown away.",
        "Removes it for good. What is in the notebook stays.",
    ),
    "temporary": (
        "Passing files",
        "Pictures on their way in, as programs send them.",
        "Removes what is older than an hour. First frames of runs are kept elsewhere and stay.",
    ),
}
SHARED = "Lies outside the data folder and may be shared with other programs."


def temporary_folder() -> Path:
    """Where Gradio puts what is sent to its own endpoints."""
    return Path(get_upload_folder())


async def show(studio: Studio, request: Request) -> dict[str, Any]:
    """The page of the owner; for everybody else only that they are not."""
    visitor = visitor_of(request)
    if not studio.is_owner(visitor):
        return {"owner": False, "can_own": bool(studio.settings.owner_key)}
    house = await run_in_threadpool(studio.housekeeping.view, visitor, temporary_folder())
    return {"owner": True, **page_of(house)}


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
    return {"owner": True, **page_of(house), "said": went_words(went)}


async def diagnostics(studio: Studio, request: Request) -> dict[str, Any]:
    """A text for a bug report."""
    return {"text": await run_in_threadpool(studio.housekeeping.diagnose, visitor_of(request))}


def page_of(house: HouseView) -> dict[str, Any]:
    """Everything the page draws."""
    sizes = {room.kind: room.use.size for room in house.rooms}
    return {
        "folder": house.folder,
        "total": size_words(sum(sizes.values())),
        "free": size_words(house.free),
        "rooms": [_room(room) for room in house.rooms],
        "caches": [
            _cache(kind, sizes[kind], house.hits[kind], house.preferences) for kind in CACHES
        ],
        "models": [_model(model) for model in house.models],
        "device": house.device,
        "threads": house.threads,
        "preferences": house.preferences.to_dict(),
    }


def size_words(size: int) -> str:
    """Bytes as people say them: 0, 812 bytes, 4 KB, 3.1 MB, 46 GB; a KB is 1024 bytes."""
    if size < 1024:
        return "nothing" if not size else f"{size} bytes"
    amount = float(size)
    for unit in ("KB", "MB", "GB"):
        amount /= 1024
        if amount < 1023.5 or unit == "GB":
            break
    return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:,.0f} {unit}"


def went_words(went: Use) -> str:
    """What a clean-up freed."""
    if not went.files:
        return "There was nothing to remove."
    files = "1 file is" if went.files == 1 else f"{went.files:,} files are"
    return f"{files} gone, {size_words(went.size)} free again."


def _room(room: RoomView) -> dict[str, Any]:
    title, text, says = KINDS[room.kind]
    if room.kind == "temporary" and room.may_go is None:
        says = SHARED
    may_go = room.may_go.size if room.may_go and room.may_go.files else 0
    return {
        "kind": room.kind,
        "title": title,
        "text": text,
        "size": size_words(room.use.size),
        "files": f"{room.use.files:,} {'file' if room.use.files == 1 else 'files'}",
        "says": says,
        "cleans": room.may_go is not None,
        "frees": size_words(may_go) if room.may_go and room.may_go.files else "",
    }


def _cache(kind: str, size: int, hits: Hits, preferences: Preferences) -> dict[str, Any]:
    rate = f"{hits.hits:,} of {hits.asked:,}" if hits.asked else "not asked yet"
    return {
        "kind": kind,
        "title": KINDS[kind][0],
        "size": size_words(size),
        "limit_mb": preferences.cache_limit_mb[kind],
        "rate": rate,
        "saved": f"{duration(hits.saved_s)} saved" if hits.saved_s > 0 else "",
    }


def _model(model: ModelFacts) -> dict[str, Any]:
    return {
        "name": model.name,
        "title": model.title,
        "folder": model.folder,
        "size": size_words(model.size),
        "license": model.license,
        "source": model.source,
        "revision": model.revision,
    }
