"""The whole notebook as one file, made while the program runs; `storage.restoring` is the way back.

A backup is a zip without compression: the database as it was at one moment, every file that this
database names, and at last `manifest.json` (wanderbook.backup/1), which has the size and SHA-256 of
each. Caches can be worked out again and secrets belong to one computer, so neither is in it.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import sqlite3
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from storage.errors import BackupError
from storage.files import DataFolder, sync_folder
from storage.migrate import copy_database

SCHEMA = "wanderbook.backup/1"
MANIFEST = "manifest.json"
DATABASE = "app.db"
# What a data folder holds; no name in a backup may be anything else.
NAME = re.compile(
    r"app\.db|assets/[0-9a-f]{64}\.(png|jpg|npz|thumb\.webp)|notebooks/[\w-]{1,64}\.json"
    r"|runs/[0-9A-Z]{26}/(a\d{1,6}/)?[\w][\w.-]{0,80}"
)
CHUNK = 1024 * 1024
TRIES = 3  # a run deleted for good meanwhile takes its files along
VANISHED = "Runs were deleted for good while the backup was made. Make it again."
NO_ROOM = "The backup needs {need} MB and {free} MB are free there. Choose another place."
FAILED = "{place}: {why}. Choose another place."
NO_COPY = "The database cannot be copied: {why}. Free some space in {place}, and try again."


def default_place(folder: DataFolder) -> Path:
    """Where a backup goes that is told no place."""
    return folder.backups / f"wanderbook-{time.strftime('%Y%m%d-%H%M%S')}.zip"


def make(folder: DataFolder, output: Path) -> int:
    """Write a backup, whole or not at all; how many files are in it. BackupError in words."""
    unfinished = output.with_name(f".{output.name}.{secrets.token_hex(4)}.tmp")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        return _make(folder, output, unfinished)
    except OSError as error:
        place = output if error.filename in (None, str(unfinished)) else error.filename
        raise BackupError(FAILED.format(place=place, why=reason(error))) from error
    except sqlite3.Error as error:
        raise BackupError(NO_COPY.format(why=error, place=folder.backups)) from error


def _make(folder: DataFolder, output: Path, unfinished: Path) -> int:
    try:
        for _ in range(TRIES):
            with _snapshot(folder) as snapshot, closing(_create(unfinished)) as file:
                try:
                    count = _write(file, snapshot, _named(folder, snapshot))
                except FileNotFoundError:
                    continue
                if _runs(snapshot) <= _runs(folder.database):
                    unfinished.replace(output)
                    sync_folder(output.parent)
                    return count
    finally:
        with suppress(OSError):
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
    check_room(Path(file.name).parent, need)
    listed: dict[str, Any] = {}
    with zipfile.ZipFile(file, "w") as archive:
        for name, path in {DATABASE: snapshot, **named}.items():
            listed[name] = _add(archive, name, path)
        manifest = {"schema": SCHEMA, "made_at": time.time(), "files": listed}
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
    file.flush()
    os.fsync(file.fileno())
    return len(listed)


def check_room(place: Path, need: int) -> None:
    """Refuse what does not fit onto the disk of a folder."""
    free = shutil.disk_usage(place).free
    if need > free:
        raise BackupError(NO_ROOM.format(need=need // 10**6 + 1, free=free // 10**6))


def reason(error: OSError) -> str:
    """What the system says of it."""
    return error.strerror or str(error)


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
