"""The trash: runs that are out of sight for a month before they are gone.

A run in the trash keeps its row, its files and its places in notebooks. When it is deleted for
good, its folder first moves aside in one step, then the row goes, then the files: a program that
dies in between leaves nothing that comes back.
"""

import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.database import Database
from storage.disk_use import cache_folder
from storage.errors import StorageError
from storage.files import DataFolder
from storage.mirror_marker import is_foreign
from storage.notebooks import forget_removed, touch_cells_of
from storage.runs import touch, touch_parents
from storage.tables import Run

UNFINISHED = ("queued", "running")
KEPT_S = 30 * 86_400.0
STILL_MADE = "Run {number} is still being made or waits for it. Cancel it first."

logger = logging.getLogger(__name__)


def throw_away(session: Session, runs: Sequence[Run], now: float) -> None:
    """Move runs to the trash; StorageError where one is not finished."""
    for run in runs:
        if run.state in UNFINISHED:
            raise StorageError(STILL_MADE.format(number=run.number))
        run.deleted_at = run.deleted_at or now
        touch(session, run)
    _tell_around(session, runs)


def take_back(session: Session, runs: Sequence[Run]) -> None:
    """Take runs out of the trash; they stand where they stood."""
    for run in runs:
        run.deleted_at = None
        touch(session, run)
    _tell_around(session, runs)


def in_trash(session: Session, before: float | None = None) -> Sequence[Run]:
    """Runs in the trash, or those that came there before a moment."""
    query = select(Run).where(Run.deleted_at.is_not(None))
    if before is not None:
        query = query.where(Run.deleted_at < before)
    return session.scalars(query).all()


def purge(database: Database, run_ids: Sequence[str]) -> list[str]:
    """Delete runs that lie in the trash for good; the ids that went.

    A run whose files cannot be moved stays in the trash.
    """
    purged = []
    for run_id in run_ids:
        try:
            if _purge_one(database, run_id):
                purged.append(run_id)
        except OSError:
            logger.exception("run %s stays in the trash", run_id)
    return purged


def purge_old(database: Database, now: float | None = None) -> list[str]:
    """Delete for good what has been in the trash for a month; called at every start.

    Nothing where an older copy of the database was put back: it may have been taken out since.
    """
    if is_foreign(database):
        return []
    before = (time.time() if now is None else now) - KEPT_S
    with database.read() as session:
        old = [run.id for run in in_trash(session, before)]
    purged = purge(database, old)
    with database.write() as session:
        forget_removed(session, before)
    return purged


def _purge_one(database: Database, run_id: str) -> bool:
    with ExitStack() as files, database.write() as session:  # files come back if the row stays
        run = session.get(Run, run_id)
        if run is None or run.deleted_at is None or run.state in UNFINISHED:
            return False
        files.enter_context(_set_aside(database.folder, run_id))
        for child in session.scalars(select(Run).where(Run.parent_id == run_id)).all():
            touch(session, child)
        session.execute(delete(Run).where(Run.id == run_id))
    shutil.rmtree(database.folder.trash / run_id, ignore_errors=True)
    for copied in cache_folder(database.folder, "chains").glob(f"{run_id}-*.mp4"):
        copied.unlink(missing_ok=True)
    return True


@contextmanager
def _set_aside(folder: DataFolder, run_id: str) -> Iterator[None]:
    """The files of a run out of the way, and back if what is done meanwhile fails."""
    files, aside = folder.runs / run_id, folder.trash / run_id
    if not files.is_dir():
        yield
        return
    folder.trash.mkdir(exist_ok=True)
    shutil.rmtree(aside, ignore_errors=True)  # of an earlier time, before it was taken back
    files.rename(aside)
    try:
        yield
    except BaseException:
        aside.rename(files)
        raise


def _tell_around(session: Session, runs: Sequence[Run]) -> None:
    """Notebooks show more or fewer runs, parents have more or fewer children."""
    touch_cells_of(session, [run.id for run in runs])
    touch_parents(session, runs)
