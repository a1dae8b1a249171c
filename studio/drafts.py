"""What people's forms hold, kept so that a closed page or a restarted app loses no typing.

One draft for each visitor. It comes from a browser and is handed back to that browser alone;
nothing in it is believed before it is submitted.
"""

import json
import time
from typing import Any

from sanawm.errors import InvalidRequestError
from storage.database import Database
from storage.tables import KeptDraft
from studio.identity import visitor_id
from studio.limits import drop_old_drafts
from studio.views import DraftView

LARGEST = 64 * 1024  # characters of JSON


class Drafts:
    """One draft a visitor; safe to call from many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, visitor: str, form: dict[str, Any], parent_id: str | None) -> None:
        """Keep what the form holds now, in place of what it held before."""
        if len(json.dumps([form, parent_id])) > LARGEST:
            raise InvalidRequestError("This draft is too long to be kept.")
        with self._database.write() as session:
            session.merge(
                KeptDraft(
                    visitor=visitor_id(visitor),
                    form=form,
                    parent_id=parent_id,
                    updated_at=time.time(),
                )
            )
            session.flush()
            drop_old_drafts(session)

    def load(self, visitor: str) -> DraftView | None:
        """What the form held, None where nothing was kept."""
        with self._database.read() as session:
            kept = session.get(KeptDraft, visitor_id(visitor))
        return DraftView(form=kept.form, parent_id=kept.parent_id) if kept else None
