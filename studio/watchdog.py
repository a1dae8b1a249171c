"""Notices that a worker hangs: its lease is not renewed, or it does not heed a cancel.

What it sees in the database is compared with what it saw before, and how long that has lasted is
taken from a steady clock: a wall clock that is set forward makes no lease look old.
"""

import time
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from storage.database import Database
from storage.tables import Job

CANCEL_PATIENCE_S = 60.0  # the longest step we wait for once a person wants the run gone
LOOKS_PER_LEASE = 20


class Watchdog:
    """Watches one worker; ask `bark` as often as you like."""

    def __init__(
        self,
        database: Database,
        worker: str,
        lease_s: float,
        cancel_patience_s: float = CANCEL_PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._worker = worker
        self._lease_s = lease_s
        self._cancel_patience_s = cancel_patience_s
        self._clock = clock
        self._looked = float("-inf")
        self._since: dict[tuple[object, ...], float] = {}  # when each sign was first seen

    def bark(self) -> str:
        """Why the worker should be killed; empty while it seems well."""
        now = self._clock()
        if now - self._looked < self._lease_s / LOOKS_PER_LEASE:
            return ""
        self._looked = now
        signs = self._signs()
        self._since = {sign: self._since.get(sign, now) for sign in signs}
        for sign, patience_s in signs.items():
            if now - self._since[sign] > patience_s:
                return f"nothing but {sign} for over {patience_s:g} s"
        return ""

    def _signs(self) -> dict[tuple[object, ...], float]:
        """What must not stay the same for longer than so many seconds."""
        query = select(Job.run_id, Job.attempt, Job.lease_until, Job.wish)
        try:
            with self._database.read() as session:
                row = session.execute(query.where(Job.worker == self._worker)).one_or_none()
        except OperationalError:  # a busy database says nothing about the worker
            return {}
        if row is None:
            return {}
        run_id, attempt, lease_until, wish = row
        signs: dict[tuple[object, ...], float] = {}
        signs["lease", run_id, attempt, lease_until] = self._lease_s
        if wish == "cancel":
            signs["cancel", run_id, attempt] = self._cancel_patience_s
        return signs
