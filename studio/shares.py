"""Links to one run or one notebook: made, listed, withdrawn. Times are UNIX seconds."""

import secrets
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sanawm.errors import InvalidRequestError
from storage.database import Database
from storage.shares import is_live
from storage.tables import Notebook, Run, Share
from studio.cells import NOT_YOURS as NOT_YOUR_NOTEBOOK
from studio.cells import notebook_row
from studio.desk import row_of
from studio.identity import visitor_id
from studio.open_links import OpenLinks

MOST = 200  # live links of one person
NOT_DONE = "Run {number} is not done yet. It can be shared once it is."
IN_TRASH = "What lies in the trash cannot be shared."
TOO_MANY = "There are {most} links already. Withdraw some of them first."
UNKNOWN = "This link is not there any more."
PAST = "A link can only expire later than now."


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareView:
    """A link as whoever made it sees it."""

    token: str
    kind: str  # run, notebook
    run_id: str | None
    notebook_id: str | None
    title: str  # "Run 14", or the notebook's
    with_recipe: bool
    created_at: float
    expires_at: float | None
    hidden: bool  # what it names lies in the trash, so it shows nothing


class Shares(OpenLinks):
    """Every link of a data folder; safe to call from many threads."""

    def create(
        self,
        kind: str,
        target_id: str,
        visitor: str,
        *,
        expires_at: float | None = None,
        with_recipe: bool = True,
    ) -> ShareView:
        """A new link to a run that is done or to a notebook; only whoever may change it may."""
        now = self._clock()
        if expires_at is not None and expires_at <= now:
            raise InvalidRequestError(PAST)
        share = Share(
            token=secrets.token_urlsafe(16),
            kind=kind,
            visitor=visitor_id(visitor),
            with_recipe=with_recipe,
            created_at=now,
            expires_at=expires_at,
        )
        with self._seen(visitor).write() as session:
            if kind == "run":
                _check_run(row_of(session, target_id))  # who sees it may change it
                share.run_id = target_id
            else:
                self._check_notebook(notebook_row(session, target_id), visitor)
                share.notebook_id = target_id
            _check_room(session, share.visitor, now)
            session.add(share)
            session.flush()
            return _view(session, share)

    def all(
        self, visitor: str, *, run_id: str | None = None, notebook_id: str | None = None
    ) -> list[ShareView]:
        """Live links, the newest first: one's own, or everybody's for the owner."""
        query = select(Share).where(is_live(self._clock())).order_by(Share.created_at.desc())
        if not self._ownership.is_owner(visitor):
            query = query.where(Share.visitor == visitor_id(visitor), Share.visitor != "")
        for column, value in ((Share.run_id, run_id), (Share.notebook_id, notebook_id)):
            query = query if value is None else query.where(column == value)
        with self._database.read() as session:
            return [_view(session, share) for share in session.scalars(query)]

    def revoke(self, token: str, visitor: str) -> None:
        """Take a link back, at once and for good."""
        with self._database.write() as session:
            share = session.get(Share, token)
            if share is None or not self._ownership.may_change(share.visitor, visitor):
                raise InvalidRequestError(UNKNOWN)
            share.revoked_at = share.revoked_at or self._clock()

    # ---- who may

    def _seen(self, visitor: str) -> Database:
        """The database as far as somebody may see it."""
        is_owner = self._ownership.is_owner(visitor)
        return self._database if is_owner else self._database.seen_by(visitor_id(visitor))

    def _check_notebook(self, notebook: Notebook, visitor: str) -> None:
        if not self._ownership.may_change(notebook.visitor, visitor):
            raise InvalidRequestError(NOT_YOUR_NOTEBOOK)


def _check_run(run: Run) -> None:
    if run.deleted_at is not None:
        raise InvalidRequestError(IN_TRASH)
    if run.state != "done":
        raise InvalidRequestError(NOT_DONE.format(number=run.number))


def _check_room(session: Session, visitor: str, now: float) -> None:
    query = select(func.count()).select_from(Share).where(is_live(now), Share.visitor == visitor)
    if (session.scalar(query) or 0) >= MOST:
        raise InvalidRequestError(TOO_MANY.format(most=MOST))


def _view(session: Session, share: Share) -> ShareView:
    """A link, with the words that its run or notebook goes by."""
    if share.run_id is not None:
        run = session.get_one(Run, share.run_id)
        title, hidden = f"Run {run.number}", run.deleted_at is not None
    else:
        notebook = session.get_one(Notebook, share.notebook_id)
        title, hidden = notebook.title, notebook.deleted_at is not None
    return ShareView(
        token=share.token,
        kind=share.kind,
        run_id=share.run_id,
        notebook_id=share.notebook_id,
        title=title,
        with_recipe=share.with_recipe,
        created_at=share.created_at,
        expires_at=share.expires_at,
        hidden=hidden,
    )
