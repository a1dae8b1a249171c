"""The list of files of a bundle, checked before any of them is opened.

Names, kinds and sizes are looked at, and that nothing is packed larger than it could be. ValueError
says what is wrong.
"""

import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from studio import bundle_format as form
from studio.careful_zip import CarefulFile

CHUNK = 1024 * 1024
ENCRYPTED = 0x1
END_SIGN, END_BYTES = b"PK\5\6", 22  # the last record of a zip without a comment
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
NOT_WHOLE = "it is no bundle, or was not saved whole"
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError)
LONGEST_SAID = 80  # characters of a name that a sentence shows

Entries = dict[str, zipfile.ZipInfo]


@contextmanager
def opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """A bundle whose list of files can be read."""
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


def listed(archive: zipfile.ZipFile, packed: int) -> Entries:
    """The files of a bundle by name; none is opened here."""
    names: Entries = {}
    for info in archive.infolist():
        name = info.orig_filename
        if form.FOLDER.fullmatch(name) and not info.file_size:
            continue
        _check_entry(info)
        if name in names:
            raise ValueError(f"{said(name)} is in it twice")
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
        raise ValueError(f"{said(name)} does not belong in a bundle")
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


def run_ids(names: Iterable[str]) -> list[str]:
    """The runs whose files are in a bundle, each once."""
    places = (form.PLACE.fullmatch(name) for name in names)
    return list(dict.fromkeys(place["run"] for place in places if place and place["run"]))


def chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """A file of a bundle, piece by piece."""
    try:
        with archive.open(info) as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except (*UNREADABLE, OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"{info.orig_filename} is damaged") from error


def said(name: str) -> str:
    """A name as a sentence can hold it, whatever is in it."""
    shown = ascii(name)[1:-1]
    return shown if len(shown) <= LONGEST_SAID else f"{shown[:LONGEST_SAID]}…"


def bytes_of(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """A small file of a bundle."""
    return b"".join(chunks(archive, info))
