"""What can go wrong with the kept rows and files. `str(error)` is a sentence for a person."""

LOCKED = "Another program holds the notebook's database. Close it, or wait, and try again."
FULL = "The disk is full, so nothing was changed. Free some space and try again."


class StorageError(Exception):
    """Root of them all."""


class NewerDatabaseError(StorageError):
    """The data folder was written by a newer version of the program."""


class DamagedDatabaseError(StorageError):
    """The file of the database is not one."""


class DatabaseUnavailableError(StorageError):
    """The database cannot be read or written now: locked by another program, or out of room."""


class DatabaseFullError(DatabaseUnavailableError):
    """There is no room for what was to be written."""


class BackupError(StorageError):
    """A backup cannot be made or restored."""


class QueueFullError(StorageError):
    """Too many runs are waiting already."""


class UnknownRunError(StorageError):
    """No run has this id."""
