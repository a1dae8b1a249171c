"""Bundles are read as what a stranger sent: nothing in one is believed before it was checked.

First the list of files, before any is opened, and whether there is room for them. Then each file
once, against the manifest's hash, and what it says. Nothing is unpickled or run, no video is
decoded. The first thing that is wrong refuses the whole bundle, by name.
"""

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from sanawm.errors import InvalidRequestError
from storage.errors import FULL
from studio import bundle_format as form
from studio.bundle_contents import BundledRun, check_family, parsed, read_book, read_run
from studio.bundle_listing import (
    UNREADABLE,
    Entries,
    bytes_of,
    chunks,
    listed,
    opened,
    run_ids,
    said,
)
from studio.limits import SPARE_BYTES
from studio.mishaps import NO_SPACE

BROKEN = "{file} was not brought in: {why}. Nothing was changed."
DAMAGED = "it is damaged, or not a bundle"
NO_ROOM = "{file} holds {need} MB, and {free} MB of the disk are free. Make room and try again."
HASH_DIGITS = set("0123456789abcdef")


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspected:
    """What a bundle holds. `files` are its sizes by name; `notebook` its columns and cells."""

    runs: list[BundledRun]
    notebook: tuple[dict[str, Any], list[dict[str, Any]]] | None
    files: dict[str, int]

    @property
    def bytes(self) -> int:
        """All files together, unpacked."""
        return sum(self.files.values())


def inspect(
    file: Path,
    into: Path | None = None,
    check: Callable[[Entries], None] = lambda entries: None,
    *,
    videos: bool = True,
) -> Inspected:
    """Check everything in a bundle; a sentence for the first thing that is wrong.

    With `into` every file is put there as it is checked, except what only readers need, and videos
    where they are not wanted. `check` may refuse by the list of files, before any is opened.
    """
    try:
        with disk_in_words(file.name), opened(file) as archive:
            entries = listed(archive, file.stat().st_size)
            check(entries)
            manifest = _manifest(archive, entries)
            return _read_all(file.name, archive, entries, manifest, into, videos=videos)
    except UNREADABLE as error:
        raise InvalidRequestError(BROKEN.format(file=file.name, why=DAMAGED)) from error
    except ValueError as error:
        raise InvalidRequestError(BROKEN.format(file=file.name, why=error)) from error


@contextmanager
def disk_in_words(name: str) -> Iterator[None]:
    """What a disk refuses to a bundle, as a sentence."""
    try:
        yield
    except OSError as error:
        full, why = error.errno in NO_SPACE, f"the disk says: {error.strerror or error}"
        said_so = FULL if full else BROKEN.format(file=name, why=why)
        raise InvalidRequestError(said_so) from error


def _manifest(archive: zipfile.ZipFile, names: Entries) -> dict[str, dict[str, Any]]:
    """The size and hash of every other file; it names all of them, and no other."""
    if form.MANIFEST not in names:
        raise ValueError(f"{form.MANIFEST} is missing, so it is no bundle of Wanderbook")
    value = parsed(bytes_of(archive, names[form.MANIFEST]), form.MANIFEST)
    if not isinstance(value, dict) or value.get("schema") != form.SCHEMA:
        raise ValueError(f"{form.MANIFEST} is not of the schema {form.SCHEMA}")
    files = value.get("files")
    if not isinstance(files, dict) or not all(map(_is_listing, files.values())):
        raise ValueError(f"{form.MANIFEST} lists no sizes and hashes")
    for name in sorted(files.keys() ^ (names.keys() - {form.MANIFEST})):
        why = "is not in it" if name in files else f"is not listed in {form.MANIFEST}"
        raise ValueError(f"{said(name)} {why}")
    for name, listing in files.items():
        if names[name].file_size != listing["size"]:
            raise ValueError(f"{name} has another size than its manifest says")
    return files


def _is_listing(listing: Any) -> bool:
    if not isinstance(listing, dict) or type(listing.get("size")) is not int:
        return False
    sha256 = listing.get("sha256")
    return isinstance(sha256, str) and len(sha256) == 64 and HASH_DIGITS.issuperset(sha256)


def _read_all(
    name: str,
    archive: zipfile.ZipFile,
    entries: Entries,
    manifest: dict[str, dict[str, Any]],
    into: Path | None,
    *,
    videos: bool,
) -> Inspected:
    """Every file once, against its hash; then what the records say."""
    ids = run_ids(entries)
    with tempfile.TemporaryDirectory(prefix="wanderbook-") as scratch:
        folder = into or Path(scratch)
        kept = {one for one in manifest if _is_kept(one, videos=videos and into is not None)}
        need = sum(entries[one].file_size for one in kept)
        _check_room(name, folder, need, SPARE_BYTES if into else 0)
        for one, listing in manifest.items():
            place = folder / one if one in kept else None
            _take(archive, entries[one], listing["sha256"], place)
        _check_whole(ids, manifest)
        runs = [read_run(folder, run_id, manifest) for run_id in ids]
        book = read_book(folder, set(ids)) if form.NOTEBOOK in manifest else None
    check_family(runs)
    files = {one: info.file_size for one, info in entries.items()}
    return Inspected(runs=runs, notebook=book, files=files)


def _is_kept(name: str, *, videos: bool) -> bool:
    """Whether a file is unpacked: never the bundle's own page, and videos where they are wanted."""
    return name != form.PAGE and (videos or not name.endswith(".mp4"))


def _check_room(name: str, place: Path, need: int, spare: int) -> None:
    """Refuse what would not fit once it is unpacked, before it is."""
    free = max(0, shutil.disk_usage(place).free - spare)
    if need > free:
        words = NO_ROOM.format(file=name, need=need // form.MB + 1, free=free // form.MB)
        raise InvalidRequestError(words)


def _check_whole(run_ids: Iterable[str], manifest: dict[str, dict[str, Any]]) -> None:
    """Every run has all its files, and there is one."""
    missing = [
        f"runs/{run_id}/{name}"
        for run_id in run_ids
        for name in form.NEEDED
        if f"runs/{run_id}/{name}" not in manifest
    ]
    if missing or not run_ids:
        raise ValueError(f"{missing[0]} is missing" if missing else "it holds no run")


def _take(archive: zipfile.ZipFile, info: zipfile.ZipInfo, sha256: str, place: Path | None) -> None:
    """Read one file against its hash, into its place where it has one."""
    name, digest = info.orig_filename, hashlib.sha256()
    begins = b""
    with _target(place) as target:
        for chunk in chunks(archive, info):
            digest.update(chunk)
            begins = begins or chunk[:64]
            target.write(chunk)
    if digest.hexdigest() != sha256:
        raise ValueError(f"{name} was changed: its hash is not the manifest's")
    match = form.PLACE.fullmatch(name)
    if match and match["sha256"] and match["sha256"] != sha256:
        raise ValueError(f"{name} is named after another content")
    if not _looks_like(name, begins):
        raise ValueError(f"{name} is not what its name says")


@contextmanager
def _target(place: Path | None) -> Iterator[IO[bytes]]:
    if place is None:
        yield _Nowhere()
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("xb") as file:
        yield file


class _Nowhere(BytesIO):
    """Takes bytes and keeps none."""

    def write(self, data: Any) -> int:
        return len(data)


def _looks_like(name: str, begins: bytes) -> bool:
    """Whether a file begins as its kind does; pages are told its kind by its name alone."""
    kinds: dict[str, Callable[[bytes], bool]] = {
        ".mp4": lambda head: head[4:8] == b"ftyp",
        ".jpg": lambda head: head.startswith(b"\xff\xd8\xff"),
        ".png": lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"),
        ".webp": lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
        ".npz": lambda head: head.startswith(b"PK\x03\x04"),
    }
    is_kind = kinds.get(name[name.rindex(".") :])
    return is_kind is None or is_kind(begins)
