"""Links to one run or one notebook: made, listed, withdrawn, opened.

Whoever has a link's token sees what it shows and nothing else. A token is no id: it is drawn at
random, and one that is unknown, withdrawn, expired or names something in the trash opens nothing,
whichever of these it is. Times are UNIX seconds.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sanawm.errors import InvalidRequestError
from storage import notebooks as rows
from storage.database import Database
from storage.shares import find, is_live, names
from storage.tables import Cell, Notebook, Run, Share
from studio.cells import NOT_YOURS as NOT_YOUR_NOTEBOOK
from studio.cells import cell_view, notebook_row
from studio.desk import row_of
from studio.identity import Ownership, visitor_id
from studio.media import VIDEO
from studio.run_views import thumb_name
from studio.views import CellView, RunView

MOST = 200  # live links of one person
CELLS = 40  # of a notebook on one page
FIRST_FRAME = "first.webp"
SHOWN = (VIDEO, "poster.jpg", "thumb.webp")  # files of a run that every link shows
NOT_YOURS = "Only whoever started this run can share it."
NOT_DONE = "Run {number} is not done yet. It can be shared once it is."
IN_TRASH = "What lies in the trash cannot be shared."
TOO_MANY = "There are {most} links already. Withdraw some of them first."
UNKNOWN = "This link is not there any more."
PAST = "A link can only expire later than now."

Views = Callable[[Session, Sequence[Run]], list[RunView]]


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """What a link shows: one run, or a page of a notebook's cells and the runs in them."""

    token: str
    kind: str
    with_recipe: bool
    runs: dict[str, RunView]  # by id; those that are done
    title: str = ""  # of the notebook
    description: str = ""
    count: int = 1  # runs on all pages
    cells: tuple[CellView, ...] = ()
    more: str = ""  # the last cell, where there are others behind it

    @property
    def run(self) -> RunView:
        """The run, of a link to one."""
        return next(iter(self.runs.values()))


class Shares:
    """Every link of a data folder; safe to call from many threads."""

    def __init__(
        self,
        database: Database,
        ownership: Ownership,
        views: Views,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._ownership = ownership
        self._views = views
        self._clock = clock

    # ---- for whoever makes them

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
                self._check_run(row_of(session, target_id), visitor)
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

    # ---- for whoever has one

    def open(self, token: str, after: str = "") -> Shared | None:
        """What a link shows; of a notebook the cells behind `after`."""
        with self._database.read() as session:
            share = find(session, token, self._clock())
            if share is None:
                return None
            if share.kind == "run":
                return self._one_run(session, share)
        with self._scope(share).read() as session:
            return self._notebook(session, share, after)

    def run(self, token: str, run_id: str = "") -> RunView | None:
        """A run that a link shows with its recipe; the only one where none is named."""
        with self._database.read() as session:
            share = find(session, token, self._clock())
            run = share and self._shown_run(share, run_id or share.run_id or "")
            return self._views(session, [run])[0] if share and share.with_recipe and run else None

    def runs(self, token: str) -> tuple[list[str], str | None] | None:
        """The runs that a link shows with their recipes, on all pages, and its notebook: what its
        bundle is made of.
        """
        with self._database.read() as session:
            share = find(session, token, self._clock())
        if share is None or not share.with_recipe:
            return None
        if share.run_id is not None:
            return [share.run_id], None
        with self._scope(share).read() as session:
            here = (Cell.notebook_id == share.notebook_id, Cell.deleted_at.is_(None))
            cells = session.scalars(select(Cell).where(*here)).all()
            return _ids([cell_view(cell) for cell in cells]), share.notebook_id

    def file(self, token: str, run_id: str, name: str) -> tuple[Path, bool] | None:
        """A file of a run that a link shows, and whether its recipe must not be in it."""
        with self._database.read() as session:
            share = find(session, token, self._clock())
        run = share and self._shown_run(share, run_id)
        if not (share and run):
            return None
        if name in SHOWN:
            file = self._database.folder.attempt(run.id, run.attempt) / name
        elif name == FIRST_FRAME and share.with_recipe:
            file = self._database.folder.root / thumb_name(run.image_sha256)
        else:
            return None
        is_bare = name == VIDEO and not share.with_recipe
        return (file, is_bare) if file.is_file() else None

    # ---- what is in one

    def _one_run(self, session: Session, share: Share) -> Shared | None:
        run = session.get(Run, share.run_id)
        if run is None or run.state != "done":
            return None
        [view] = self._views(session, [run])
        return Shared(
            token=share.token, kind="run", with_recipe=share.with_recipe, runs={run.id: view}
        )

    def _notebook(self, session: Session, share: Share, after: str) -> Shared | None:
        notebook = session.get_one(Notebook, share.notebook_id)
        last = session.get(Cell, after) if after else None
        if last is not None and last.notebook_id != notebook.id:
            return None
        found = rows.shown(session, notebook, last, CELLS + 1)
        cells = [cell_view(cell) for cell in found[:CELLS]]
        runs = _done(session, _ids(cells))
        return Shared(
            token=share.token,
            kind="notebook",
            with_recipe=share.with_recipe,
            runs={view.id: view for view in self._views(session, runs)},
            title=notebook.title,
            description=notebook.description,
            count=rows.run_counts(session).get(notebook.id, 0),
            cells=tuple(cells),
            more=cells[-1].id if len(found) > CELLS else "",
        )

    def _shown_run(self, share: Share, run_id: str) -> Run | None:
        """The row of a run that a link shows; None of every other."""
        with self._scope(share).read() as session:
            run = session.get(Run, run_id)
            good = run and run.state == "done" and run.deleted_at is None
            return run if good and names(session, share, run_id) else None

    def _scope(self, share: Share) -> Database:
        """The database as far as a link may show it. A visitor's notebook can hold runs that they
        may not see; their link does not show them either.
        """
        if share.run_id or self._ownership.is_owners(share.visitor):
            return self._database
        with self._database.read() as session:
            notebook = session.get_one(Notebook, share.notebook_id)
        made_by_its_owner = notebook.visitor != share.visitor  # nobody else may share another's
        return self._database if made_by_its_owner else self._database.seen_by(share.visitor)

    # ---- who may

    def _seen(self, visitor: str) -> Database:
        """The database as far as somebody may see it."""
        is_owner = self._ownership.is_owner(visitor)
        return self._database if is_owner else self._database.seen_by(visitor_id(visitor))

    def _check_run(self, run: Run, visitor: str) -> None:
        if not self._ownership.may_change(run.visitor, visitor):
            raise InvalidRequestError(NOT_YOURS)
        if run.deleted_at is not None:
            raise InvalidRequestError(IN_TRASH)
        if run.state != "done":
            raise InvalidRequestError(NOT_DONE.format(number=run.number))

    def _check_notebook(self, notebook: Notebook, visitor: str) -> None:
        if not self._ownership.may_change(notebook.visitor, visitor):
            raise InvalidRequestError(NOT_YOUR_NOTEBOOK)


def _check_room(session: Session, visitor: str, now: float) -> None:
    query = select(func.count()).select_from(Share).where(is_live(now), Share.visitor == visitor)
    if (session.scalar(query) or 0) >= MOST:
        raise InvalidRequestError(TOO_MANY.format(most=MOST))


def _done(session: Session, run_ids: Sequence[str]) -> list[Run]:
    """Those of these runs that have a video, in the same order."""
    wanted = (Run.id.in_(run_ids), Run.state == "done", Run.deleted_at.is_(None))
    found = {run.id: run for run in session.scalars(select(Run).where(*wanted))}
    return [found[run_id] for run_id in run_ids if run_id in found]


def _ids(cells: Sequence[CellView]) -> list[str]:
    """The runs that cells show, each once, in their order."""
    shown = [run for cell in cells for run in ([cell.run_id] if cell.run_id else cell.runs)]
    return list(dict.fromkeys(shown))


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
