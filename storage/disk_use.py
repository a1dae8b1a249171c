"""How much room the data folder takes, by kind. Sizes are bytes as files say them.

Links are never followed, neither out of the folder nor in circles, and what vanishes while it is
counted counts nothing.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from storage.files import DataFolder

CACHES = ("text", "latents", "features", "stage1")
DATABASE_FILES = ("app.db", "app.db-wal", "app.db-shm", "app.db-journal")


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """What lies somewhere."""

    files: int = 0
    size: int = 0


def places(folder: DataFolder) -> dict[str, list[Path]]:
    """Where each kind lies: folders, and single files."""
    return {
        "videos": [folder.runs],
        "pictures": [folder.assets],
        **{kind: [cache_folder(folder, kind)] for kind in CACHES},
        "chains": [cache_folder(folder, "chains")],
        "database": [*(folder.root / name for name in DATABASE_FILES), folder.notebooks],
        "backups": [folder.backups],
        "logs": [folder.logs],
        "trash": [folder.root / "trash"],
    }


def cache_folder(folder: DataFolder, kind: str) -> Path:
    """Where a cache keeps its entries."""
    return folder.root / "cache" / kind


def disk_use(folder: DataFolder) -> dict[str, Use]:
    """How much of each kind there is."""
    return {kind: _add(map(measure_below, paths)) for kind, paths in places(folder).items()}


def measure_below(path: Path) -> Use:
    """What lies at or below a path."""
    if path.is_file():
        return measure(walk(path))
    return _add(Use(files=1, size=size) for entry in _entries(path) if (size := _size(entry)) >= 0)


def measure(files: Iterable[Path]) -> Use:
    """What these files hold together."""
    return _add(Use(files=1, size=size) for file in files if (size := _size(file)) >= 0)


def walk(path: Path) -> Iterator[Path]:
    """Every file at or below a path, in no particular order."""
    if path.is_file() and not path.is_symlink():
        yield path
    for entry in _entries(path):
        yield Path(entry.path)


def _entries(path: Path | str) -> Iterator[os.DirEntry[str]]:
    """The files below a folder that is none of somebody else's by a link."""
    try:
        entries = [] if Path(path).is_symlink() else list(os.scandir(path))
    except OSError:  # no folder, not there any more, or not ours to read
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path)
        elif entry.is_file(follow_symlinks=False):
            yield entry


def _size(file: Path | os.DirEntry[str]) -> int:
    """Bytes; -1 of a file that is gone."""
    try:
        return file.stat(follow_symlinks=False).st_size
    except OSError:
        return -1


def _add(uses: Iterable[Use]) -> Use:
    files = size = 0
    for use in uses:
        files, size = files + use.files, size + use.size
    return Use(files=files, size=size)
