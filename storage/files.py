"""The data folder: where files lie, and how one is written so that a crash leaves all or nothing.

A file is written beside its place, synced, renamed over it, and its folder synced. Assets are
named by the SHA-256 of their content, so the same picture is kept once. Every attempt at a run
has a folder of its own, so a worker that lost its lease cannot touch its successor's files.
"""

import hashlib
import os
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ORPHAN_AGE_S = 3600.0
UNFINISHED = ("*.tmp", "*.part")  # ours, and the pipeline's
PLACING = "placing.txt"  # in the folder of an import: the runs it was about to put in place
LOG = "log.txt"  # why a run failed
MARKS_FILE = "marks.json"  # what people said about a finished run
WHOLE = ("video.mp4", "run.json")  # what a finished run is known by
ATTEMPT = re.compile(r"a(\d+)")


class Attempt(NamedTuple):
    """The attempt whose folder belongs to a run."""

    number: int
    log_only: bool = False  # the run failed or was cancelled: nothing else of it is kept


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths inside the data folder."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "app.db"

    @property
    def assets(self) -> Path:
        """First frames and camera paths, by content."""
        return self.root / "assets"

    @property
    def runs(self) -> Path:
        """A folder for every run."""
        return self.root / "runs"

    @property
    def notebooks(self) -> Path:
        """A file for every notebook."""
        return self.root / "notebooks"

    @property
    def backups(self) -> Path:
        """Copies of the database."""
        return self.root / "backups"

    @property
    def imports(self) -> Path:
        """Bundles that are being brought in."""
        return self.root / "imports"

    @property
    def trash(self) -> Path:
        """Files of runs that are being deleted for good."""
        return self.root / "trash"

    @property
    def logs(self) -> Path:
        """What the worker processes printed."""
        return self.root / "logs"

    def worker_log(self, worker: str) -> Path:
        """What a worker process printed."""
        return self.logs / f"worker-{worker}.log"

    def create(self) -> None:
        """Make the folders that are missing."""
        for folder in (self.assets, self.runs, self.logs):
            folder.mkdir(parents=True, exist_ok=True)

    def attempt(self, run_id: str, attempt: int) -> Path:
        """The folder of one attempt at a run."""
        return self.runs / run_id / f"a{attempt}"

    def asset(self, sha256: str, extension: str) -> Path:
        """The file of an asset."""
        return self.assets / f"{sha256}.{extension}"

    def store_asset(self, content: bytes, extension: str) -> str:
        """Keep the content and return its SHA-256; nothing is written where it is there already."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.asset(sha256, extension)
        if not path.exists():
            write_whole(path, content)
        return sha256


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that exists wholly or not at all, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_tree(folder: Path) -> None:
    """Push every file of a folder, the folder and its parents' entries for it to the disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    sync_folder(folder)
    sync_folder(folder.parent)
    sync_folder(folder.parent.parent)


def sync_folder(folder: Path) -> None:
    """Push a folder's names to the disk, where the system lets a folder be opened."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clean(folder: DataFolder, attempts: dict[str, Attempt], now: float) -> list[Path]:
    """Delete and return what crashes left behind."""
    old = leftovers(folder, attempts, now)
    for path in old:
        with suppress(OSError):  # somebody else's file, or gone already: it is tried again
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    return old


def leftovers(folder: DataFolder, attempts: dict[str, Attempt], now: float) -> list[Path]:
    """What crashes left behind: unfinished files, and what no row names.

    `attempts` maps every run id to its current attempt. Only what is older than an hour counts, so
    that a file just being written is safe.
    """
    ours = (folder.assets, folder.runs, folder.notebooks, folder.backups, folder.root / "cache")
    unfinished = [path for place in ours for ending in UNFINISHED for path in place.rglob(ending)]
    found = [*unfinished, *folder.imports.glob("*"), *_orphans(folder, attempts)]
    return [path for path in found if age(path, now) > ORPHAN_AGE_S]


def is_whole(attempt: Path) -> bool:
    """Whether a finished run lies in the folder of an attempt."""
    return all((attempt / name).is_file() for name in WHOLE)


def empty_but_for(folder: Path, kept: str) -> None:
    """Delete everything in a folder except one file, and the folder where that is not there."""
    for path in other_files(folder, kept):
        path.unlink(missing_ok=True)
    with suppress(OSError):  # not empty, or not there
        folder.rmdir()


def other_files(folder: Path, kept: str) -> list[Path]:
    """The files of a folder but one; none where there is no folder."""
    return [path for path in folder.glob("*") if path.name != kept and path.is_file()]


def _orphans(folder: DataFolder, attempts: dict[str, Attempt]) -> list[Path]:
    orphans, arriving = [], half_brought_in(folder)
    for run in folder.runs.iterdir():
        if run.name not in attempts or not run.is_dir():
            is_kept = _is_finished(run) and run.name not in arriving
            orphans += [] if is_kept else [run]
            continue
        current = attempts[run.name]
        for path in run.iterdir():
            match = ATTEMPT.fullmatch(path.name)
            if not match or _was_shown(path):
                continue
            if int(match[1]) < current.number:
                orphans.append(path)
            elif int(match[1]) == current.number and current.log_only:
                orphans += other_files(path, LOG)
    return orphans


def _was_shown(attempt: Path) -> bool:
    """Whether a row once said that this attempt is done: its database may have been lost since, and
    an older copy put back that says otherwise.
    """
    return is_whole(attempt) and (attempt / MARKS_FILE).is_file()


def half_brought_in(folder: DataFolder) -> set[str]:
    """The runs of imports that did not end. Where one has no row, the import was killed before its
    rows were there, and its files are leftovers, however whole they are.
    """
    named = [file.read_text(encoding="utf-8") for file in folder.imports.glob(f"*/{PLACING}")]
    return {run_id for names in named for run_id in names.split()}


def _is_finished(run: Path) -> bool:
    """Whether `rescan` could make a row of a run that has none, as after its database was lost."""
    return any(is_whole(record.parent) for record in run.glob("a*/run.json"))


def age(path: Path, now: float) -> float:
    """Seconds since the newest change in it; 0 where another process has just removed it."""
    try:
        stamps = [path.stat().st_mtime]
        if path.is_dir():
            stamps += [inner.stat().st_mtime for inner in path.rglob("*")]
    except FileNotFoundError:
        return 0.0
    return now - max(stamps)
