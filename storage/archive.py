"""The whole notebook as one file, and a data folder made of such a file again.

A backup is a zip without compression: the database as it was at one moment, every file that this
database names, and at last `manifest.json` (wanderbook.backup/1), which has the size and SHA-256 of
each. It is made while the program runs. Caches can be worked out again and secrets belong to one
computer, so neither is in it. Restoring trusts nothing: names, sizes and hashes are checked before
the folder takes its name.
"""

import hashlib
import json
import re
import secrets
import shutil
import sqlite3
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

from storage.errors import BackupError
from storage.files import DataFolder, sync_tree
from storage.migrate import copy_database

SCHEMA = "wanderbook.backup/1"
MANIFEST = "manifest.json"
DATABASE = "app.db"
# What a data folder holds; no name in a backup may be anything else.
NAME = re.compile(
    r"app\.db|assets/[0-9a-f]{64}\.(png|jpg|npz|thumb\.webp)|notebooks/[\w-]{1,64}\.json"
    r"|runs/[0-9A-Z]{26}/(a\d{1,6}/)?[\w][\w.-]{0,80}"
)
LONGEST_MANIFEST = 256 * 1024 * 1024
CHUNK = 1024 * 1024
TRIES = 3  # a run deleted for good meanwhile takes its files along
VANISHED = "Runs were deleted for good while the backup was made. Make it again."
NO_ROOM = "The backup needs {need} MB and {free} MB are free there. Choose another place."
NOT_EMPTY = "{root} is not empty. Name an empty folder with WANDERBOOK_DATA, and restore there."
NO_BACKUP = "{file} is not a backup of Wanderbook: {why}. Nothing was restored."


def default_place(folder: DataFolder) -> Path:
    """Where a backup goes that is told no place."""
    return folder.backups / f"wanderbook-{time.strftime('%Y%m%d-%H%M%S')}.zip"


def make(folder: DataFolder, output: Path) -> int:
    """Write a backup, whole or not at all; how many files are in it. BackupError in words."""
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f".{output.name}.{secrets.token_hex(4)}.tmp")
    try:
        for _ in range(TRIES):
            with _snapshot(folder) as snapshot, closing(_create(unfinished)) as file:
                try:
                    count = _write(file, snapshot, _named(folder, snapshot))
                except FileNotFoundError:
                    continue
                if _runs(snapshot) <= _runs(folder.database):
                    unfinished.replace(output)
                    return count
    finally:
        unfinished.unlink(missing_ok=True)
    raise BackupError(VANISHED)


@contextmanager
def _snapshot(folder: DataFolder) -> Iterator[Path]:
    """The database as it is at this moment, in a file of its own for the length of the block."""
    folder.backups.mkdir(parents=True, exist_ok=True)
    copy = folder.backups / f"snapshot-{secrets.token_hex(4)}.tmp"
    try:
        copy_database(folder.database, copy)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _named(folder: DataFolder, snapshot: Path) -> dict[str, Path]:
    """The files that the rows name, by their names in the data folder."""
    with closing(sqlite3.connect(snapshot)) as rows:
        assets = rows.execute("SELECT sha256, extension FROM assets").fetchall()
        runs = rows.execute("SELECT id, attempt FROM runs WHERE state IN ('done', 'failed')")
        attempts = runs.fetchall()
    files = [folder.asset(sha256, extension) for sha256, extension in assets]
    files += [folder.assets / f"{sha256}.thumb.webp" for sha256, _ in assets]
    for run_id, attempt in attempts:
        for place in (folder.runs / run_id, folder.attempt(run_id, attempt)):
            files += sorted(path for path in place.glob("*") if path.is_file())
    files += sorted((folder.root / "notebooks").glob("*.json"))
    named = {file.relative_to(folder.root).as_posix(): file for file in files}
    # What is missing by now is for `doctor` to tell: the rest must not be lost for it.
    return {name: file for name, file in named.items() if NAME.fullmatch(name) and file.is_file()}


def _runs(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as rows:
        return {run_id for (run_id,) in rows.execute("SELECT id FROM runs")}


def _create(path: Path) -> IO[bytes]:
    path.touch(mode=0o600)
    return path.open("wb")


def _write(file: IO[bytes], snapshot: Path, named: dict[str, Path]) -> int:
    need = snapshot.stat().st_size + sum(path.stat().st_size for path in named.values())
    free = shutil.disk_usage(Path(file.name).parent).free
    if need > free:
        raise BackupError(NO_ROOM.format(need=need // 10**6 + 1, free=free // 10**6))
    listed: dict[str, Any] = {}
    with zipfile.ZipFile(file, "w") as archive:
        for name, path in {DATABASE: snapshot, **named}.items():
            listed[name] = _add(archive, name, path)
        manifest = {"schema": SCHEMA, "made_at": time.time(), "files": listed}
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
    return len(listed)


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    """Copy one file in, piece by piece; its size and hash."""
    size, digest = 0, hashlib.sha256()
    info = zipfile.ZipInfo(name, time.localtime()[:6])
    with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
        while piece := source.read(CHUNK):
            target.write(piece)
            digest.update(piece)
            size += len(piece)
    return {"size": size, "sha256": digest.hexdigest()}


# ---- restoring


def restore(file: Path, root: Path) -> int:
    """Make a data folder of a backup; how many files it has. BackupError where it cannot be."""
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise BackupError(NOT_EMPTY.format(root=root))
    root.parent.mkdir(parents=True, exist_ok=True)
    staging = root.with_name(f".{root.name}.{secrets.token_hex(4)}.restoring")
    try:
        with _opened(file) as archive:
            listed = _manifest(archive)
            for name, said in listed.items():
                _extract(archive, name, said, staging / name)
        sync_tree(staging)
        if root.exists():
            root.rmdir()
        staging.replace(root)
    except (_UnfitError, zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        why = str(error) if isinstance(error, _UnfitError) else "it is damaged or no zip file"
        raise BackupError(NO_BACKUP.format(file=file, why=why)) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return len(listed)


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
