"""A data folder made of a backup, in an empty folder; what was tampered with is refused whole.

Nothing is trusted: names, sizes and hashes are checked first, in a folder inside the new one, which
may be a disk of its own. Then everything moves up, the database last.
"""

import hashlib
import json
import secrets
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from storage.archive import CHUNK, DATABASE, FAILED, MANIFEST, NAME, SCHEMA, check_room, reason
from storage.errors import BackupError
from storage.files import sync_folder, sync_tree

LONGEST_MANIFEST = 256 * 1024 * 1024
STAGING = ".restoring-"  # and a number: a folder of what is being restored
A_DISK_HAS = "lost+found"  # in its top folder, also while it is empty
DAMAGED = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, RuntimeError)
NOT_EMPTY = "{root} is not empty. Name an empty folder with WANDERBOOK_DATA, and restore there."
NO_BACKUP = "{file} is not a backup of Wanderbook: {why}. Nothing was restored."


def restore(file: Path, root: Path) -> int:
    """Make a data folder of a backup; how many files it has. BackupError where it cannot be."""
    is_new, staging = False, root / f"{STAGING}{secrets.token_hex(4)}"
    try:
        is_new = not root.exists()
        _check_empty(root)
        root.mkdir(parents=True, exist_ok=True)
        with _opened(file) as archive:
            count = _unpack(archive, staging)
        _move_up(staging, root)
    except (_UnfitError, *DAMAGED) as error:
        why = str(error) if isinstance(error, _UnfitError) else "it is damaged or no zip file"
        raise BackupError(NO_BACKUP.format(file=file, why=why)) from error
    except OSError as error:
        raise BackupError(FAILED.format(place=root, why=reason(error))) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        with suppress(OSError):  # it is not empty: all went well
            if is_new:
                root.rmdir()
    return count


def _check_empty(root: Path) -> None:
    """Nothing is in the folder but what a restore that was killed left there, which goes."""
    if not root.exists():
        return
    inside = list(root.iterdir()) if root.is_dir() else [root]
    left = [path for path in inside if path.name.startswith(STAGING)]
    if any(path not in left and path.name != A_DISK_HAS for path in inside):
        raise BackupError(NOT_EMPTY.format(root=root))
    for path in left:
        shutil.rmtree(path)


def _unpack(archive: zipfile.ZipFile, staging: Path) -> int:
    listed = _manifest(archive)
    check_room(staging.parent, sum(said["size"] for said in listed.values()))
    for name, said in listed.items():
        _extract(archive, name, said, staging / name)
    sync_tree(staging)
    return len(listed)


def _move_up(staging: Path, root: Path) -> None:
    """Everything out of the staging into the folder around it; all of it or nothing."""
    moved: list[Path] = []
    try:
        for path in sorted(staging.iterdir(), key=lambda path: path.name == DATABASE):
            if (root / path.name).exists():  # a program was started there meanwhile
                raise BackupError(NOT_EMPTY.format(root=root))
            moved.append(path.rename(root / path.name))
            sync_folder(root)
    except BaseException:
        for path in moved:
            path.rename(staging / path.name)
        raise


class _UnfitError(Exception):
    """Why a file cannot be restored, as the end of a sentence."""


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(file)
    except OSError as error:
        raise BackupError(f"{file} cannot be read: {error.strerror}.") from error
    with archive:
        yield archive


def _manifest(archive: zipfile.ZipFile) -> dict[str, dict[str, Any]]:
    """What is in a backup, by name; every name is fit for a data folder."""
    entries = {info.filename: info for info in archive.infolist()}
    if MANIFEST not in entries or entries[MANIFEST].file_size > LONGEST_MANIFEST:
        raise _UnfitError("it has no manifest")
    manifest = json.loads(archive.read(MANIFEST))
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise _UnfitError(f"its manifest is not of {SCHEMA}")
    listed = manifest.get("files")
    names = [info.filename for info in archive.infolist() if info.filename != MANIFEST]
    if not isinstance(listed, dict) or sorted(names) != sorted(listed):
        raise _UnfitError("its manifest does not name what is in it")
    if DATABASE not in listed:
        raise _UnfitError("it holds no database")
    for name, said in listed.items():
        if not NAME.fullmatch(name):
            raise _UnfitError(f"{name!r} is no file of a notebook")
        if not isinstance(said, dict) or said.get("size") != entries[name].file_size:
            raise _UnfitError(f"{name} has another size than its manifest says")
    return listed


def _extract(archive: zipfile.ZipFile, name: str, said: dict[str, Any], target: Path) -> None:
    """Write one file out, piece by piece; its size and hash must be what the manifest says."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, left = hashlib.sha256(), int(said["size"])
    with archive.open(name) as source, target.open("xb") as file:
        while piece := source.read(min(CHUNK, left + 1)):
            left -= len(piece)
            if left < 0:
                break
            file.write(piece)
            digest.update(piece)
    if left or digest.hexdigest() != said.get("sha256"):
        raise _UnfitError(f"{name} is not what it was when the backup was made")
