"""What the records of a bundle say, checked: runs with their pictures and poses, and a notebook.

A record that passes here is fit for the database and for every page that shows it. ValueError and
InvalidRequestError say what is wrong; the caller names the bundle.
"""

import hashlib
import json
import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from sanawm.camera.path import CameraPath
from sanawm.errors import InvalidRequestError
from sanawm.image import open_photo, photo_size
from storage.notebook_records import read_marks, read_notebook
from storage.records import NAME, read_record
from storage.tables import INBOX, Asset, Run
from studio.book import LONGEST_TITLE
from studio.bundle_format import ID, MARKS, MB, NOTEBOOK, POSES
from studio.careful_zip import CarefulFile
from studio.cells import LONGEST_TEXT, MOST_COMPARED
from studio.marks import LONGEST_NOTE, MOST_TAGS, clean_tag

Listing = Mapping[str, Mapping[str, Any]]

LATEST = 2.0**33  # seconds: beyond it calendars of many systems end
LARGEST_NUMBER = 2**63 - 1  # what a database holds
LIMITS = {  # how large numbers of a run may be
    "num_frames": 100_000,
    "fps": 1_000,
    "width": 16_384,
    "height": 16_384,
    "num_inference_steps": 10_000,
    "number": 10**9,
    "attempt": 10**6,
}
LONGEST = {"prompt": 100_000, "negative_prompt": 100_000, "model": 200, "model_revision": 200}
STILLS = {"poster.jpg": "JPEG", "thumb.webp": "WEBP"}
LARGEST_STILL = 16_384  # pixels of a side
HASH = re.compile("[0-9a-f]{64}")
MOST_ARRAYS = 8
LARGEST_ARRAY = 16 * MB
MOST_CELLS = 20_000
# Whatever else differs, runs of one id that agree in these are the same run.
SAME = (
    "created_at",
    "prompt",
    "negative_prompt",
    "image_sha256",
    "path_sha256",
    "num_frames",
    "fps",
    "seed",
    "num_inference_steps",
    "guidance_scale",
    "model",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class BundledRun:
    """The few things of a run in a bundle that are asked for before it is brought in."""

    id: str
    number: int
    prompt: str
    parent_id: str | None
    root_id: str
    origin: str  # the id it had where it was made
    same: tuple[Any, ...]  # the values of `SAME`
    told: str  # a hash of its record
    video_sha256: str


def parsed(content: bytes, name: str) -> Any:
    """JSON that every part of this program can hold; ValueError where it is anything else."""
    try:
        value = json.loads(
            content, parse_constant=_no_number, parse_int=_whole, parse_float=_finite
        )
        json.dumps(value, ensure_ascii=False).encode()  # half a character is none
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} cannot be read") from error
    return value


def read_files(folder: Path, run_id: str) -> tuple[Run, Asset, Asset]:
    """The row of a run in an unpacked bundle, with its marks, its first frame and its poses."""
    place = folder / "runs" / run_id
    value = parsed((place / NAME).read_bytes(), f"runs/{run_id}/{NAME}")
    try:
        run, image, path = read_record(place / NAME)
        _check_numbers(run)
        _check_ids(run, value)
    except ValueError as error:
        why = str(error).replace(str(place / NAME), "it")
        raise ValueError(f"runs/{run_id}/{NAME} cannot be used: {why}") from error
    if run.id != run_id:
        raise ValueError(f"runs/{run_id}/{NAME} belongs to another run")
    marks = place / MARKS
    for column, one in (_marks(marks, run_id) if marks.is_file() else {}).items():
        setattr(run, column, one)
    return run, image, path


def read_run(folder: Path, run_id: str, files: Listing) -> BundledRun:
    """A run of an unpacked bundle, everything of it checked; `files` is the manifest."""
    run, image, path = read_files(folder, run_id)
    place = f"runs/{run_id}"
    first_frame = f"assets/{image.sha256}.{image.extension}"
    if first_frame not in files:
        raise ValueError(f"the first frame of {place} is not in it")
    if path.extension != "npz" or files[f"{place}/{POSES}"]["sha256"] != path.sha256:
        raise ValueError(f"{place}/{POSES} is not the path that its recipe names")
    _check_picture(folder / first_frame, first_frame, image)
    _check_poses(folder / place / POSES, run, f"{place}/{POSES}")
    for name, kind in STILLS.items():
        _check_still(folder / place / name, f"{place}/{name}", kind)
    return BundledRun(
        id=run.id,
        number=run.number,
        prompt=run.prompt,
        parent_id=run.parent_id,
        root_id=run.root_id,
        origin=str(run.record.get("origin", run.id)),
        same=tuple(getattr(run, name) for name in SAME),
        told=told_of(run),
        video_sha256=files[f"{place}/video.mp4"]["sha256"],
    )


def told_of(run: Run) -> str:
    """A hash of what a record says of how its video was made, whatever the run is called."""
    said = {name: one for name, one in run.record.items() if name != "origin"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def read_book(folder: Path, run_ids: set[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The notebook of an unpacked bundle: its columns, and those of its cells in order."""
    try:
        book, cells = read_notebook(parsed((folder / NOTEBOOK).read_bytes(), NOTEBOOK))
        _check_book(book, cells)
        for place, cell in enumerate(cells, start=1):
            _check_cell(cell, f"cell {place}", run_ids)
    except ValueError as error:
        raise ValueError(f"{NOTEBOOK} cannot be used: {error}") from error
    shown = [cell["run_id"] for cell in cells if cell["run_id"]]
    if len(set(shown)) < len(shown):
        raise ValueError(f"{NOTEBOOK} shows a run twice")
    return book, cells


def check_family(runs: Sequence[BundledRun]) -> None:
    """No run comes from itself, over however many others."""
    parents = {run.id: run.parent_id for run in runs}
    settled: set[str] = set()
    for run in runs:
        seen, one = [], run.id
        while one in parents and one not in settled:
            if one in seen:
                raise ValueError(f"run {run.number} comes from itself")
            seen.append(one)
            one = parents[one] or ""
        settled.update(seen)


def _check_numbers(run: Run) -> None:
    for name, limit in LIMITS.items():
        if not 0 < getattr(run, name) <= limit:
            raise ValueError(f"it has no good {name!r}")
    for name, longest in LONGEST.items():
        if len(getattr(run, name)) > longest:
            raise ValueError(f"its {name!r} is too long")
    moments = (run.created_at, run.started_at or 0.0, run.ended_at or 0.0)
    if not all(0 <= moment < LATEST for moment in moments):
        raise ValueError("it was made at no good time")
    if run.seed < 0 or run.guidance_scale < 0:
        raise ValueError("it has no good 'seed' or 'guidance_scale'")
    if len(run.path_points) != run.num_frames:
        raise ValueError("it has no good 'path_points'")


def _check_ids(run: Run, value: dict[str, Any]) -> None:
    start, poses = run.path_source.get("start", {}), run.path_source.get("poses", "0" * 64)
    if not isinstance(start, dict):
        raise ValueError("it goes on from nothing that can be read")
    if not (isinstance(poses, str) and HASH.fullmatch(poses)):
        raise ValueError("it names its poses in a way that none are named")
    named = (run.parent_id, run.root_id or None, start.get("run"), run.record.get("origin"))
    if not all(one is None or (isinstance(one, str) and ID.fullmatch(one)) for one in named):
        raise ValueError("it names a run in a way that none is named")
    if value.get("parent_id") == run.id:
        raise ValueError("it comes from itself")


def _marks(file: Path, run_id: str) -> dict[str, Any]:
    """The columns that marks fill, fit to be shown."""
    name = f"runs/{run_id}/{MARKS}"
    try:
        marks = read_marks(parsed(file.read_bytes(), name))
        tags = [clean_tag(tag) for tag in marks["tags"]]
    except (ValueError, InvalidRequestError) as error:
        raise ValueError(f"{name} cannot be used: {error}") from error
    if len(marks["note"]) > LONGEST_NOTE or len(tags) > MOST_TAGS:
        raise ValueError(f"{name} says more than fits")
    return {"rating": marks["rating"], "note": marks["note"], "tags": tags}


def _check_picture(file: Path, name: str, image: Asset) -> None:
    try:
        size = photo_size(file)
        open_photo(file)
    except InvalidRequestError as error:
        raise ValueError(f"{name} is no picture that can be used: {error}") from error
    if size != (image.width, image.height):
        raise ValueError(f"{name} is {size[0]} × {size[1]}, and its recipe says otherwise")


def _check_still(file: Path, name: str, kind: str) -> None:
    """The header alone: the picture is decoded by browsers only."""
    try:
        with Image.open(file, formats=[kind]) as picture:
            is_good = max(picture.size) <= LARGEST_STILL
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{name} is not what its name says") from error
    if not is_good:
        raise ValueError(f"{name} is too large a picture")


def _check_poses(file: Path, run: Run, name: str) -> None:
    try:
        with file.open("rb") as stream, zipfile.ZipFile(CarefulFile(stream)) as arrays:
            sizes = [info.file_size for info in arrays.infolist()]
        if len(sizes) > MOST_ARRAYS or max(sizes, default=0) > LARGEST_ARRAY:
            raise ValueError(f"{name} is packed too tightly")
        path = CameraPath.load_npz(file)
    except (InvalidRequestError, zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise ValueError(f"{name} holds no camera path: {error}") from error
    if (path.num_frames, path.fps) != (run.num_frames, run.fps):
        raise ValueError(f"{name} has another length than its recipe says")
    if _said(path.source) != _said(run.path_source):
        raise ValueError(f"{name} comes from another path than its recipe says")


def _said(source: dict[str, Any]) -> dict[str, Any]:
    """A path's source but for what names it and the run it goes on from: the file that is named
    cannot hold its own name, and ids may differ by computer.
    """
    said = {name: one for name, one in source.items() if name != "poses"}
    start = said.get("start")
    if isinstance(start, dict):
        said["start"] = {name: one for name, one in start.items() if name != "run"}
    return said


def _check_book(book: dict[str, Any], cells: list[dict[str, Any]]) -> None:
    if book["id"] != INBOX and not ID.fullmatch(book["id"]):
        raise ValueError("it has no good 'id'")
    if not 0 < len(book["title"].strip()) <= LONGEST_TITLE:
        raise ValueError("it has no good 'title'")
    if len(book["description"]) > LONGEST_TEXT or len(cells) > MOST_CELLS:
        raise ValueError("it says more than fits")
    if not 0 <= book["created_at"] < LATEST:
        raise ValueError("it was made at no good time")


def _check_cell(cell: dict[str, Any], where: str, run_ids: set[str]) -> None:
    named = [cell["run_id"]] if cell["run_id"] else cell["content"].get("runs", [])
    if not all(ID.fullmatch(one) for one in [cell["id"], *named]):
        raise ValueError(f"{where} names something in a way that nothing is named")
    if cell["run_id"] and cell["run_id"] not in run_ids:
        raise ValueError(f"{where} shows a run that is not in it")
    if len(cell["content"].get("text", "")) > LONGEST_TEXT:
        raise ValueError(f"{where} says more than fits")
    if cell["kind"] == "compare" and len(named) > MOST_COMPARED:
        raise ValueError(f"{where} compares more than four runs")
    if not 0 <= cell["created_at"] < LATEST:
        raise ValueError(f"{where} was made at no good time")


def _whole(digits: str) -> int:
    number = int(digits)
    if abs(number) > LARGEST_NUMBER:
        raise ValueError("a number is too large")
    return number


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
