"""What a dead worker leaves: its jobs, which go back, and its last words, which stay with them."""

from pathlib import Path

from storage.database import Database
from storage.files import LOG, empty_but_for, write_whole
from storage.queue import Claim

LOG_TAIL_BYTES = 20_000


def bury(database: Database, dead: list[Claim]) -> None:
    """Of what each dead worker was making, keep the end of its log and nothing else."""
    for claim in dead:
        folder = database.folder.attempt(claim.run_id, claim.attempt)
        if words := _tail(database.folder.worker_log(claim.worker)):
            write_whole(folder / LOG, words)
        empty_but_for(folder, LOG)


def _tail(log: Path) -> bytes:
    return log.read_bytes()[-LOG_TAIL_BYTES:] if log.is_file() else b""
