"""What can go wrong with the kept rows and files. `str(error)` is a sentence for a person."""


class StorageError(Exception):
    """Root of them all."""


class NewerDatabaseError(StorageError):
    """The data folder was written by a newer version of the program."""


class DamagedDatabaseError(StorageError):
    """The file of the database is not one."""


class QueueFullError(StorageError):
    """Too many runs are waiting already."""


class UnknownRunError(StorageError):
    """No run has this id."""
