"""Bundles: written for whoever may see what is in them, read for the owner alone."""

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from sqlalchemy.orm import Session

from sanawm.errors import InvalidRequestError
from storage.database import Database
from storage.files import ORPHAN_AGE_S, age
from storage.tables import Run
from studio.bundle_reading import Inspected, inspect
from studio.bundle_writing import BundleWriting
from studio.identity import Ownership, visitor_id
from studio.importing import Imported, Importing, Known
from studio.views import RunView

TICKET = re.compile(r"[0-9a-f]{32}")
FORGOTTEN = "This bundle is not here any more. Send it again."
OWNER_ONLY = (
    "Only the owner of this notebook can bring a bundle in. Drop a single video on the form to "
    "start a run from it."
)


class Bundles(BundleWriting):
    """Every bundle of a data folder; safe to call from many threads."""

    def __init__(
        self,
        database: Database,
        views: Callable[[Session, Sequence[Run]], list[RunView]],
        ownership: Ownership,
    ) -> None:
        super().__init__(database, views)
        self._ownership = ownership
        self._importing = Importing(database)

    def check_may_import(self, visitor: str) -> None:
        """Raise a sentence for whoever is not the owner."""
        if not self._ownership.is_owner(visitor):
            raise InvalidRequestError(OWNER_ONLY)

    def make_room(self) -> tuple[str, Path]:
        """A folder for a bundle that arrives, and the ticket by which it is found again.

        What arrived more than an hour ago and was neither taken over nor cancelled goes first.
        """
        now = time.time()
        for old in self._database.folder.imports.glob("*"):
            if TICKET.fullmatch(old.name) and age(old, now) > ORPHAN_AGE_S:
                self.forget(old.name)
        ticket = secrets.token_hex(16)
        folder = self._database.folder.imports / ticket
        folder.mkdir(parents=True)
        return ticket, folder

    def kept(self, ticket: str) -> Path:
        """The bundle that arrived under a ticket; from now on it is in use for another hour."""
        files = list(self._place(ticket).glob("*")) if TICKET.fullmatch(ticket) else []
        if len(files) != 1:
            raise InvalidRequestError(FORGOTTEN)
        with suppress(OSError):  # gone meanwhile, which whoever reads it finds
            os.utime(files[0])
        return files[0]

    def forget(self, ticket: str) -> None:
        """Delete what arrived under a ticket."""
        if TICKET.fullmatch(ticket):
            shutil.rmtree(self._place(ticket), ignore_errors=True)

    def _place(self, ticket: str) -> Path:
        return self._database.folder.imports / ticket

    def inspect(self, file: Path, visitor: str) -> tuple[Inspected, Known]:
        """What a bundle holds, all of it checked, and what of it is here already."""
        self.check_may_import(visitor)
        inspected = inspect(file)
        return inspected, self._importing.known(inspected)

    def bring_in(self, file: Path, visitor: str) -> Imported:
        """Take over everything that is in a bundle, or nothing of it."""
        self.check_may_import(visitor)
        return self._importing.bring_in(file, visitor_id(visitor))
