"""What a dead worker leaves: its jobs, which go back, and its last words, which stay with them."""

from pathlib import Path

from storage.database import Database
from storage.queue import Claim

LOG_NAME = "log.txt"
LOG_TAIL_BYTES = 20_000


def keep_last_words(database: Database, dead: list[Claim]) -> None:
    """Put the end of each dead worker's log beside what it was making."""
    for claim in dead:
        words = _tail(database.folder.worker_log(claim.worker))
        folder = database.folder.attempt(claim.run_id, claim.attempt)
        if words and folder.is_dir():
            (folder / LOG_NAME).write_bytes(words)


def _tail(log: Path) -> bytes:
    return log.read_bytes()[-LOG_TAIL_BYTES:] if log.is_file() else b""
