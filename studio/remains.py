"""What a dead worker leaves: its jobs, which go back, and its last words, which stay with them."""

from pathlib import Path

from storage.database import Database
from storage.files import LOG, empty_but_for, is_whole, write_whole
from storage.queue import Claim

LOG_TAIL_BYTES = 20_000


def bury(database: Database, dead: list[Claim]) -> None:
    """Of what each dead worker was making, keep the end of its log and nothing else.

    A whole run stays: it was finished since, where an older copy of the database was put back.
    """
    for claim in dead:
        folder = database.folder.attempt(claim.run_id, claim.attempt)
        if words := _tail(database.folder.worker_log(claim.worker)):
            write_whole(folder / LOG, words)
        if not is_whole(folder):
            empty_but_for(folder, LOG)


def _tail(log: Path) -> bytes:
    return log.read_bytes()[-LOG_TAIL_BYTES:] if log.is_file() else b""
