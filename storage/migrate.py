"""Bring a database to this program's schema: made, migrated after a backup, or refused.

Alembic is imported only where there is something to do, since every start of the program and of
its worker comes through here.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from filelock import FileLock

from storage.errors import (
    LOCKED,
    DamagedDatabaseError,
    DatabaseUnavailableError,
    NewerDatabaseError,
)
from storage.files import DataFolder

HEAD = "0004"  # the newest script in migrations/versions; a test holds it so
SCRIPTS = Path(__file__).parent / "migrations"


def migrate(folder: DataFolder) -> None:
    """Make the database's schema this program's, whatever it is now."""
    if revision(folder.database) == HEAD:
        return
    with FileLock(folder.root / "migrate.lock"):
        current = revision(folder.database)
        if current == HEAD:
            return
        if current is not None:
            _refuse_newer(current)
            backup(folder, f"before-{HEAD}")
        _upgrade(folder.database)


def revision(database: Path) -> str | None:
    """The schema a database has; None where it is not there or empty."""
    if not database.exists():
        return None
    with closing(sqlite3.connect(database)) as connection:
        try:
            found = connection.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
            ).fetchone()
            row = found and connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError as error:
            raise DatabaseUnavailableError(LOCKED) from error
        except sqlite3.DatabaseError as error:
            raise DamagedDatabaseError(
                f"{database} cannot be read: {error}. Move it away and put a copy from the folder "
                "backups in its place, or start without one and run: python -m studio rescan"
            ) from error
    return str(row[0]) if row else None


def backup(folder: DataFolder, label: str) -> Path:
    """Copy the database, also while it is in use, and return where the copy lies."""
    folder.backups.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    copy = folder.backups / f"app-{stamp}-{label}.db"
    unfinished = copy.with_suffix(".tmp")
    copy_database(folder.database, unfinished)
    unfinished.replace(copy)
    return copy


def copy_database(database: Path, target: Path) -> None:
    """One moment of a database that may be in use, as a file of its own."""
    with (
        closing(sqlite3.connect(database)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)


def _refuse_newer(current: str) -> None:
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions()}
    if current not in known:
        raise NewerDatabaseError(
            f"This notebook was written by a newer Wanderbook (its schema is {current}, this "
            f"program's is {HEAD}). Nothing was changed. Update the program, or choose another "
            "folder with WANDERBOOK_DATA."
        )


def _upgrade(database: Path) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["database"] = database
    command.upgrade(config, "head")
