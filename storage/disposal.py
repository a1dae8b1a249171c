"""What may be deleted by hand: caches, pictures nobody uses, old copies and logs, the trash.

For every kind one function names the files that may go; cleaning deletes exactly those. Nothing
that a run in the notebook needs is ever among them, nor what a run without a row needs to be
found again. What might be in use just now is spared by its age.
"""

import json
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.database import Database
from storage.disk_use import CACHES, Use, cache_folder, measure, walk
from storage.files import DataFolder
from storage.records import NAME
from storage.tables import Asset, KeptDraft, Run
from storage.trash import in_trash, purge

SPARED_S = 3600.0  # younger than this is left alone: somebody may be about to use it
ASSET = re.compile(r"([0-9a-f]{64})\.(?:png|jpg|npz|thumb\.webp)")
UPLOAD = re.compile("[0-9a-f]{64}")  # how Gradio names the folder of a file
KEPT_BACKUPS = 1
KEPT_LOGS = 1


def disposable(database: Database, kind: str, now: float, temporary: Path) -> list[Path]:
    """The files of a kind that may go; `temporary` is a folder for passing files."""
    with database.read() as session:
        return _choose(session, database.folder, kind, now, temporary)


def dispose(database: Database, kind: str, temporary: Path, now: float | None = None) -> Use:
    """Delete what may go of a kind; what went.

    Pictures are stored under the same write lock, so none is taken away while it arrives.
    """
    now = time.time() if now is None else now
    if kind == "trash":
        return _empty_trash(database, now)
    if kind != "pictures":
        return _delete(disposable(database, kind, now, temporary), now)
    with database.write() as session:
        files = _choose(session, database.folder, kind, now, temporary)
        unused = {file.name.partition(".")[0] for file in files}
        session.execute(delete(Asset).where(Asset.sha256.in_(unused)))
        return _delete(files, now)


def _empty_trash(database: Database, now: float) -> Use:
    """The runs in the trash go with their rows; what is left of earlier ones, too."""
    with database.read() as session:
        held = measure(chain.from_iterable(map(walk, _thrown_away(session, database.folder))))
        thrown_away = [run.id for run in in_trash(session)]
    purge(database, thrown_away)
    left = _delete(list(walk(database.folder.trash)), now)
    return Use(files=held.files + left.files, size=held.size + left.size)


def _delete(files: list[Path], now: float) -> Use:
    """Delete the files, and the old folders that were made for one upload each."""
    folders = _old({file.parent for file in files if UPLOAD.fullmatch(file.parent.name)}, now)
    deleted = Use()
    for file in files:
        use = measure([file])
        with suppress(OSError):  # gone already, or held open where that forbids it
            file.unlink()
            deleted = Use(files=deleted.files + use.files, size=deleted.size + use.size)
    for folder in folders:
        with suppress(OSError):  # somebody uses it again
            folder.rmdir()
    return deleted


def _choose(
    session: Session, folder: DataFolder, kind: str, now: float, temporary: Path
) -> list[Path]:
    choices: dict[str, Callable[[], Iterable[Path]]] = {
        **{cache: lambda: cache_folder(folder, kind).glob("*.safetensors") for cache in CACHES},
        "pictures": lambda: _unused_assets(session, folder, now),
        "chains": lambda: walk(cache_folder(folder, "chains")),
        "backups": lambda: _all_but_newest(folder.backups.glob("app-*.db"), KEPT_BACKUPS),
        "logs": lambda: _old(_all_but_newest(folder.logs.glob("worker-*.log"), KEPT_LOGS), now),
        "trash": lambda: chain(walk(folder.trash), *map(walk, _thrown_away(session, folder))),
        "temporary": lambda: _old(walk(temporary), now),
    }
    return sorted(choices[kind]())


def _unused_assets(session: Session, folder: DataFolder, now: float) -> list[Path]:
    """First frames and paths that no run, queued, ended or still to be found again, starts from."""
    rows = select(Run.image_sha256).union(select(Run.path_sha256))
    needed = set(session.scalars(rows)) | _needed_by_records(session, folder)
    needed |= _needed_by_drafts(session)
    needed |= set(session.scalars(select(Asset.sha256).where(Asset.created_at > now - SPARED_S)))
    matched = [(file, ASSET.fullmatch(file.name)) for file in walk(folder.assets)]
    return _old([file for file, match in matched if match and match[1] not in needed], now)


def _thrown_away(session: Session, folder: DataFolder) -> list[Path]:
    """The folders of the runs in the trash."""
    return [folder.runs / run.id for run in in_trash(session)]


def _needed_by_drafts(session: Session) -> set[str]:
    """What forms that were left unfinished name, whatever a page sent as one: pictures, poses."""
    forms = session.scalars(select(KeptDraft.form))
    return {sha256 for form in forms for sha256 in re.findall("[0-9a-f]{64}", json.dumps(form))}


def _needed_by_records(session: Session, folder: DataFolder) -> set[str]:
    """What the records of runs without a row name: `rescan` finds these runs again."""
    known, needed = set(session.scalars(select(Run.id))), set()
    strangers = [run for run in folder.runs.iterdir() if run.name not in known]
    for record in chain.from_iterable(run.glob(f"a*/{NAME}") for run in strangers):
        with suppress(OSError, ValueError):
            needed |= set(re.findall("[0-9a-f]{64}", record.read_text("utf-8")))
    return needed


def _all_but_newest(files: Iterable[Path], kept: int) -> list[Path]:
    """The names of both copies and logs begin with their time."""
    return sorted(files)[:-kept]


def _old(files: Iterable[Path], now: float) -> list[Path]:
    return [file for file in files if _changed(file, now) < now - SPARED_S]


def _changed(file: Path, now: float) -> float:
    try:
        return file.lstat().st_mtime
    except OSError:
        return now
