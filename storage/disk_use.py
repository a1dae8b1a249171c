"""How much room the data folder takes, by kind. Sizes are bytes as files say them.

Links are never followed, neither out of the folder nor in circles, and what vanishes while it is
counted counts nothing.
"""

import os
from collections.abc import Iterator
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
        "database": [folder.root / name for name in DATABASE_FILES],
        "backups": [folder.backups],
        "logs": [folder.logs],
        "trash": [folder.root / "trash"],
    }


def cache_folder(folder: DataFolder, kind: str) -> Path:
    """Where a cache keeps its entries."""
    return folder.root / "cache" / kind


def disk_use(folder: DataFolder) -> dict[str, Use]:
    """How much of each kind there is."""
    return {
        kind: measure(file for path in paths for file in walk(path))
        for kind, paths in places(folder).items()
    }


def measure(files: Iterator[Path] | list[Path]) -> Use:
    """What these files hold together."""
    sizes = [size for file in files if (size := _size(file)) is not None]
    return Use(files=len(sizes), size=sum(sizes))


def walk(path: Path) -> Iterator[Path]:
    """Every file at or below a path, in no particular order."""
    try:
        entries = list(os.scandir(path))
    except NotADirectoryError:
        if not path.is_symlink():
            yield path
        return
    except OSError:  # not there, not there any more, or not ours to read
        return
    if path.is_symlink():
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from walk(Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def _size(file: Path) -> int | None:
    try:
        return file.lstat().st_size
    except OSError:
        return None
