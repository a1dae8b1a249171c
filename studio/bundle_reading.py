"""Bundles are read as what a stranger sent: nothing in one is believed before it was checked.

First the list of files, before any is opened: names, kinds, sizes, and that nothing is packed
larger than it could be. Then each file once, against the manifest's hash, and what it says. Nothing
is unpickled or run, no video is decoded. The first thing that is wrong refuses the whole bundle, by
name.
"""

import hashlib
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from sanawm.errors import InvalidRequestError
from studio import bundle_format as form
from studio.bundle_contents import BundledRun, check_family, parsed, read_book, read_run
from studio.careful_zip import CarefulFile

CHUNK = 1024 * 1024
ENCRYPTED = 0x1
END_SIGN, END_BYTES = b"PK\5\6", 22  # the last record of a zip without a comment
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
BROKEN = "{file} was not brought in: {why}. Nothing was changed."
NOT_WHOLE = "it is no bundle, or was not saved whole"
DAMAGED = "it is damaged, or not a bundle"
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError)
LONGEST_SAID = 80  # characters of a name that a sentence shows
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


def inspect(file: Path, into: Path | None = None) -> Inspected:
    """Check everything in a bundle; a sentence for the first thing that is wrong.

    With `into` every file is put there as it is checked, except what only readers need.
    """
    try:
        with _opened(file) as archive:
            names = _listed(archive, file.stat().st_size)
            manifest = _manifest(archive, names)
            return _read_all(archive, names, manifest, into)
    except UNREADABLE as error:
        raise InvalidRequestError(BROKEN.format(file=file.name, why=DAMAGED)) from error
    except ValueError as error:
        raise InvalidRequestError(BROKEN.format(file=file.name, why=error)) from error


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - END_BYTES))
        if not stream.read().startswith(END_SIGN):  # or poses inside it would be taken for it
            raise ValueError(NOT_WHOLE)
        try:
            archive = zipfile.ZipFile(CarefulFile(stream))
        except (zipfile.BadZipFile, ValueError, OSError, *UNREADABLE) as error:
            raise ValueError(NOT_WHOLE) from error
        with archive:
            yield archive


def _listed(archive: zipfile.ZipFile, packed: int) -> dict[str, zipfile.ZipInfo]:
    """The files of a bundle by name; none is opened here."""
    names: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.orig_filename
        if form.FOLDER.fullmatch(name) and not info.file_size:
            continue
        _check_entry(info)
        if name in names:
            raise ValueError(f"{_said(name)} is in it twice")
        names[name] = info
    if sum(info.file_size for info in names.values()) > form.MOST_BYTES:
        raise ValueError("it holds more than 8 GB")
    if sum(info.compress_size for info in names.values()) > packed:
        raise ValueError("its files lie over each other")
    return names


def _check_entry(info: zipfile.ZipInfo) -> None:
    """Refuse what has no place in a bundle, and what could not be as large as it says."""
    name, mode = info.orig_filename, info.external_attr >> 16
    if not form.PLACE.fullmatch(name):
        raise ValueError(f"{_said(name)} does not belong in a bundle")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise ValueError(f"{name} is a link or a device, not a file")
    if info.flag_bits & ENCRYPTED:
        raise ValueError(f"{name} is encrypted")
    if info.compress_type not in METHODS:
        raise ValueError(f"{name} is packed in a way that is not read here")
    if info.file_size > form.largest(name):
        raise ValueError(f"{name} is larger than {form.largest(name) // form.MB:,} MB")
    if info.file_size > form.MB + form.MOST_PACKED * info.compress_size:
        raise ValueError(f"{name} is packed smaller than any such file can be")


def _manifest(
    archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo]
) -> dict[str, dict[str, Any]]:
    """The size and hash of every other file; it names all of them, and no other."""
    if form.MANIFEST not in names:
        raise ValueError(f"{form.MANIFEST} is missing, so it is no bundle of Wanderbook")
    value = parsed(_bytes_of(archive, names[form.MANIFEST]), form.MANIFEST)
    if not isinstance(value, dict) or value.get("schema") != form.SCHEMA:
        raise ValueError(f"{form.MANIFEST} is not of the schema {form.SCHEMA}")
    files = value.get("files")
    if not isinstance(files, dict) or not all(map(_is_listing, files.values())):
        raise ValueError(f"{form.MANIFEST} lists no sizes and hashes")
    for name in sorted(files.keys() ^ (names.keys() - {form.MANIFEST})):
        why = "is not in it" if name in files else f"is not listed in {form.MANIFEST}"
        raise ValueError(f"{_said(name)} {why}")
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
    archive: zipfile.ZipFile,
    names: dict[str, zipfile.ZipInfo],
    manifest: dict[str, dict[str, Any]],
    into: Path | None,
) -> Inspected:
    """Every file once, against its hash; then what the records say."""
    ids = dict.fromkeys(
        match["run"] for name in names if (match := form.PLACE.fullmatch(name)) and match["run"]
    )
    with tempfile.TemporaryDirectory(prefix="wanderbook-") as scratch:
        folder = into or Path(scratch)
        for name, listing in manifest.items():
            _take(archive, names[name], listing["sha256"], folder, keep=into is not None)
        _check_whole(ids, manifest)
        runs = [read_run(folder, run_id, manifest) for run_id in ids]
        book = read_book(folder, set(ids)) if form.NOTEBOOK in manifest else None
    check_family(runs)
    files = {name: info.file_size for name, info in names.items()}
    return Inspected(runs=runs, notebook=book, files=files)


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


def _take(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, sha256: str, folder: Path, *, keep: bool
) -> None:
    """Read one file against its hash; it is kept where its content is looked at, or where all are.
    The bundle's own page is never kept.
    """
    name, digest = info.orig_filename, hashlib.sha256()
    place = folder / name
    needed = keep or not name.endswith(".mp4")
    begins = b""
    with _target(place if needed and name != form.PAGE else None) as target:
        for chunk in _chunks(archive, info):
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


def _chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(info) as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except (*UNREADABLE, OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"{info.orig_filename} is damaged") from error


def _said(name: str) -> str:
    """A name as a sentence can hold it, whatever is in it."""
    shown = ascii(name)[1:-1]
    return shown if len(shown) <= LONGEST_SAID else f"{shown[:LONGEST_SAID]}…"


def _bytes_of(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    return b"".join(_chunks(archive, info))
