"""The database: SQLite in WAL mode, one file, many readers and one writer at a time.

A writer takes the write lock when it begins (`BEGIN IMMEDIATE`): a transaction that reads first
and writes later could otherwise be refused at once, whatever the busy timeout says.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError, TimeoutError
from sqlalchemy.orm import Session

from storage import sight
from storage.errors import FULL, LOCKED, DatabaseFullError, DatabaseUnavailableError
from storage.files import DataFolder
from storage.migrate import migrate

PRAGMAS = (
    "busy_timeout=5000",  # first: the next one may have to wait
    "journal_mode=WAL",
    "synchronous=NORMAL",  # a killed process loses nothing; a power cut at most the last commits
    "foreign_keys=ON",
    "journal_size_limit=67108864",
    "mmap_size=268435456",  # a search reads many rows, and need not copy them first
)


class Database:
    """Sessions on the data folder's database; safe to share between threads."""

    def __init__(self, engine: Engine, folder: DataFolder, seen_by: str | None = None) -> None:
        self.folder = folder
        self._engine = engine
        self._writer = engine.execution_options(writes=True)
        self._seen_by = seen_by

    @classmethod
    def open(cls, root: Path) -> "Database":
        """Open the data folder, made or migrated where needed; refuse one from the future."""
        folder = DataFolder(root)
        folder.create()
        migrate(folder)
        return cls(connect(folder.database), folder)

    def seen_by(self, visitor: str) -> "Database":
        """The same database, as far as a visitor may see it: every reading leaves out the runs,
        cells and notebooks of others. `visitor` is the hash of their key; "" sees nothing.
        """
        return Database(self._engine, self.folder, visitor)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent view of the rows; DatabaseUnavailableError where there is none now."""
        with _in_our_terms(), self._session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that holds the write lock: committed at the end, or rolled back whole.

        DatabaseUnavailableError where the lock is not to be had, or the disk is full.
        """
        with (
            _in_our_terms(),
            self._session(self._writer) as session,
            session.begin(),
        ):
            yield session

    def _session(self, engine: Engine) -> Session:
        if self._seen_by is None:
            return Session(engine, expire_on_commit=False)
        return sight.session(engine, self._seen_by)

    def watch(self) -> "Watch":
        """A cheap way to notice that anybody has committed something."""
        return Watch(self.folder.database)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


@contextmanager
def _in_our_terms() -> Iterator[None]:
    """What people can do something about, in words; what is a mistake of ours, as it is."""
    try:
        yield
    except TimeoutError as error:  # all connections are waiting for the lock
        raise DatabaseUnavailableError(LOCKED) from error
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise DatabaseFullError(FULL) from error
        raise DatabaseUnavailableError(LOCKED) from error


class Watch:
    """Asks SQLite whether the database was changed, which costs microseconds and reads no row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def version(self) -> int:
        """A number that differs after every commit of any other connection or process."""
        if self._connection is None:  # one thread at a time asks, but not always the same one
            self._connection = sqlite3.connect(self._path, check_same_thread=False)
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def connect(path: Path) -> Engine:
    """An engine with our pragmas and our own BEGIN."""
    engine = create_engine(f"sqlite:///{path}", pool_size=16, max_overflow=48)  # many threads
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would come too late
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _on_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
