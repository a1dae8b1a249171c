"""A draft from a file: a video, a run.json or a bundle of Wanderbook, or what a peer program wrote.

Read is what decides a run: words, path, seed, settings, first frame. The first frame is the very
picture where it is kept here or lies in the bundle, else the first frame of the video. What cannot
be taken over is said in a sentence each. Nothing in a file is believed: the draft it makes is
checked like any other when it is submitted.
"""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from sanawm.camera.path import CameraPath
from sanawm.camera.start import kept_start
from sanawm.errors import InvalidRequestError
from sanawm.image import PICTURE_SUFFIXES
from storage.database import Database
from storage.records import NAME
from storage.tables import Asset
from studio.bundle_listing import Entries, run_ids
from studio.bundle_reading import inspect
from studio.file_probe import kind_of, probe
from studio.limits import check_disk
from studio.peer_recipes import PeerRecipe, peer_recipe
from studio.views import AssetView

SCHEMA = "wanderbook.run/1"
LARGEST_TEXT = 16 * 1024 * 1024  # bytes of a run.json
LARGEST_BUNDLE = 512 * 1024 * 1024  # bytes of all its files, unpacked
LARGEST_SOURCE = 64 * 1024  # bytes; the poses themselves are no part of it
LARGEST = 2**128  # what a number says; all below are floats too
LONGEST_FILE_NAME = 80
PICTURE = "The first frame is that of the video; the picture it was made from is not kept here."
NO_PICTURE = "The picture it began with is not kept here. Choose a first frame."
NO_PATH = "Its camera path is not one that can be read, so the path stays as it was."
NOTHING = (
    "{name} tells nothing of how it was made. Videos and run.json files of Wanderbook do, and many "
    "of other programs."
)
NO_KIND = "{name} is no video, recipe, bundle or picture that can be read."
MANY = "{name} holds {count} runs. Take one of its videos to start a run from it."
LARGE = "{name} holds more than 512 MB. Take its video to start a run from it."
OF_A_PEER = "Taken from a file of {program}. It has no camera path, so choose one."


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundRecipe:
    """What a file says; None where it does not."""

    prompt: str | None = None
    negative_prompt: str | None = None
    path_source: dict[str, Any] | None = None
    num_frames: int | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    model: str | None = None
    run_id: str | None = None
    image_sha256: str | None = None
    image: AssetView | None = None
    said: list[str] = field(default_factory=list)  # what could not be taken over, or how it was


class Recipes:
    """Reads files that people drop on the page; safe to call from many threads."""

    def __init__(
        self,
        database: Database,
        store_image: Callable[[Path], AssetView],
        find_image: Callable[[str], AssetView],
    ) -> None:
        self._database = database
        self._store_image = store_image
        self._find_image = find_image

    def read(self, file: Path) -> FoundRecipe:
        """The recipe in a file; InvalidRequestError where there is none to be read."""
        with file.open("rb") as stream:
            begins = stream.read(16)
        if kind_of(begins):
            return self._of_video(file)
        if begins[:4] == b"PK\x03\x04":
            return self._of_bundle(file)
        if begins.lstrip()[:1] in (b"{", b"["):
            return self._of_text(file)
        return self._of_picture(file)

    # ---- kinds of files

    def _of_video(self, file: Path) -> FoundRecipe:
        with tempfile.TemporaryDirectory() as folder:
            probed = probe(file, Path(folder) / "first.png", file.name)
            ours = probed.texts.get("wanderbook") or probed.texts.get("comment") or ""
            found = self._of_record(_json(ours)) or _of_peer(peer_recipe(probed.texts))
            if found is None:
                raise InvalidRequestError(NOTHING.format(name=file.name))
            found = self._with_kept_picture(found)
            if found.image is not None:
                return found
            said = [*found.said, PICTURE] if found.image_sha256 else found.said
            return replace(found, image=self._store_image(probed.first), said=said)

    def _of_text(self, file: Path) -> FoundRecipe:
        if file.stat().st_size > LARGEST_TEXT:
            raise InvalidRequestError(f"{file.name} has more than 16 MB, so it is no recipe.")
        text = file.read_text("utf-8", errors="replace")
        found = self._of_record(_json(text)) or _of_peer(peer_recipe({"": text}))
        if found is None:
            raise InvalidRequestError(NOTHING.format(name=file.name))
        found = self._with_kept_picture(found)
        return found if found.image else replace(found, said=[*found.said, NO_PICTURE])

    def _of_picture(self, file: Path) -> FoundRecipe:
        try:
            image = self._store_image(file)
        except InvalidRequestError as error:
            if file.suffix.lower() in PICTURE_SUFFIXES:
                raise
            raise InvalidRequestError(NO_KIND.format(name=file.name)) from error
        with Image.open(file) as picture:
            texts = {str(key): text for key, text in picture.info.items() if isinstance(text, str)}
        found = _of_peer(peer_recipe(texts)) or FoundRecipe()
        return replace(found, image=image)

    def _of_bundle(self, file: Path) -> FoundRecipe:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            check_disk(
                folder
            )  # it is not the data folder's: visitors must not fill that one either
            check = partial(_check_small, file.name)
            [run] = inspect(file, folder, check, videos=False).runs
            record = json.loads((folder / "runs" / run.id / NAME).read_text("utf-8"))
            found = self._of_record(record)
            assert found is not None, "a bundle's records were checked"
            [picture] = (folder / "assets").glob(f"{found.image_sha256}.*")
            return replace(found, image=self._store_image(picture))

    # ---- recipes of our own

    def _of_record(self, value: Any) -> FoundRecipe | None:
        """The recipe in a run.json, or as a video carries it."""
        if not isinstance(value, dict) or value.get("schema") != SCHEMA:
            return None
        recipe = value.get("record", value)
        request = recipe.get("request") if isinstance(recipe, dict) else None
        if isinstance(request, dict):
            found, path = _of_request(recipe, request), request.get("camera_path")
        else:  # the row's own columns, where it was made without a record
            found = _of_request({"model": {"name": value.get("model")}}, value)
            path = {"source": value.get("path_source")}
        source, picture = self._path(path), value.get("image")
        if isinstance(picture, dict):  # a run.json names the picture as it is kept
            found = replace(found, image_sha256=_text(picture.get("sha256")))
        return replace(
            found,
            path_source=source,
            said=[] if source else [NO_PATH],
            run_id=_text(value.get("id")),
        )

    def _path(self, path: Any) -> dict[str, Any] | None:
        """The source of a path; one that was given by poses takes them along."""
        source = path.get("source") if isinstance(path, dict) else None
        if not isinstance(source, dict) or not _is_plain(source):
            return None
        if source.get("kind") in ("actions", "preset"):
            return source if _starts_well(source) else None
        try:
            content = CameraPath.from_dict(path).to_npz()
        except InvalidRequestError:
            return None
        check_disk(self._database.folder.root)
        sha256 = self._database.folder.store_asset(content, "npz")
        asset = Asset(sha256=sha256, extension="npz", width=0, height=0, created_at=time.time())
        with self._database.write() as session:
            session.merge(asset)
        name = source.get("file")
        named = {"file": name[:LONGEST_FILE_NAME]} if isinstance(name, str) else {}
        return {"kind": "poses", "poses": sha256} | named

    def _with_kept_picture(self, found: FoundRecipe) -> FoundRecipe:
        """The very picture a run began with, where it is kept here."""
        if found.image_sha256 is None:
            return found
        try:
            return replace(found, image=self._find_image(found.image_sha256))
        except InvalidRequestError:
            return found


def _check_small(name: str, entries: Entries) -> None:
    """Refuse by its list of files what is no bundle of a single run that many may drop here."""
    if (count := len(run_ids(entries))) > 1:
        raise InvalidRequestError(MANY.format(name=name, count=count))
    if sum(info.file_size for info in entries.values()) > LARGEST_BUNDLE:
        raise InvalidRequestError(LARGE.format(name=name))


def _starts_well(source: dict[str, Any]) -> bool:
    """Whether a path begins at rest, or goes on in a way that can be read."""
    try:
        return "start" not in source or bool(kept_start(source["start"]))
    except (InvalidRequestError, AttributeError):
        return False


def _of_request(recipe: Mapping[str, Any], request: Mapping[str, Any]) -> FoundRecipe:
    model = recipe.get("model")
    return FoundRecipe(
        prompt=_text(request.get("prompt")),
        negative_prompt=_text(request.get("negative_prompt")),
        num_frames=_whole(request.get("num_frames")),
        seed=_whole(request.get("seed")),
        steps=_whole(request.get("num_inference_steps")),
        guidance=_number(request.get("guidance_scale")),
        model=_text(model.get("name")) if isinstance(model, dict) else None,
        image_sha256=_text(request.get("image_sha256")),
    )


def _of_peer(peer: PeerRecipe | None) -> FoundRecipe | None:
    if peer is None:
        return None
    return FoundRecipe(
        prompt=peer.prompt,
        negative_prompt=peer.negative_prompt,
        num_frames=peer.frames,
        seed=peer.seed,
        steps=peer.steps,
        guidance=peer.guidance,
        said=[OF_A_PEER.format(program=peer.program)],
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LARGEST_TEXT


def _text(value: Any) -> str | None:
    return value.encode(errors="ignore").decode() if _is_text(value) else None


def _is_number(value: Any) -> bool:
    """Whether it is a number that a page can hold; a NaN is none."""
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and abs(value) < LARGEST


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and _is_number(value) else None


def _number(value: Any) -> float | None:
    return float(value) if _is_number(value) else None


def _is_plain(value: Any) -> bool:
    """Whether a page can be told it: no NaN, no half characters, no more than a path needs."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        return len(text.encode()) <= LARGEST_SOURCE
    except ValueError:
        return False
