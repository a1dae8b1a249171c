"""What can go wrong around a run, in sentences that say what is kept and what to do next."""

import errno

from sanawm.errors import SanaWMError
from storage.errors import DatabaseFullError, DatabaseUnavailableError

KEPT = "The prompt, the picture and the path are kept."
NO_MEMORY = f"Not enough memory. {KEPT} Try a shorter clip."
DISK_FULL = f"The disk is full. {KEPT} Free some space, or clean up under Settings, and retry."
LOCKED = f"Another program held the notebook's database for too long. {KEPT} Close it, and retry."
UNREADABLE = f"A file could not be read or written. {KEPT} The log says which."
UNFORESEEN = f"The program failed while it made this run. {KEPT} So is a log."
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def sentence_of(error: Exception) -> str:
    """What to tell the person about an error that ended their run."""
    if isinstance(error, SanaWMError):
        return str(error)
    if isinstance(error, MemoryError):
        return NO_MEMORY
    if isinstance(error, DatabaseUnavailableError):
        return DISK_FULL if isinstance(error, DatabaseFullError) else LOCKED
    if isinstance(error, OSError):
        return DISK_FULL if error.errno in NO_SPACE else UNREADABLE
    return UNFORESEEN


def spoils_the_model(error: Exception) -> bool:
    """Whether the opened model may be in any state after it, so that the next run needs another."""
    return not isinstance(error, SanaWMError | OSError | DatabaseUnavailableError)
