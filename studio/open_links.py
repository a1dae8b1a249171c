"""What links show to whoever has their tokens: a run, or a notebook page by page, and their files.

A token is no id: one that is unknown, withdrawn, expired or names something in the trash opens
nothing, whichever of these it is. A link without the recipe hands nothing of it on, so that no page
can show it by mistake.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import notebooks as rows
from storage.database import Database
from storage.shares import count_done, find, names, naming
from storage.tables import Cell, Notebook, Run, Share
from studio.cells import cell_view
from studio.identity import Ownership
from studio.media import VIDEO
from studio.run_views import thumb_name
from studio.views import CellView, RunView

CELLS = 40  # of a notebook on one page
FIRST_FRAME = "first.webp"
SHOWN = (VIDEO, "poster.jpg", "thumb.webp")  # files of a run that every link shows

Views = Callable[[Session, Sequence[Run]], list[RunView]]


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


@dataclass(frozen=True, kw_only=True, slots=True)
class ToPack:
    """What the bundle of a link is made of, and the database as far as the link shows it."""

    database: Database
    run_ids: list[str]  # on all pages; also some that are not done, or not there
    notebook_id: str | None = None


class OpenLinks:
    """Opens the links of a data folder; safe to call from many threads."""

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

    def open(self, token: str, after: str = "") -> Shared | None:
        """What a link shows; of a notebook the cells behind `after`."""
        share = self._live(token)
        if share is None:
            return None
        with self._scope(share).read() as session:
            if share.kind == "run":
                return self._one_run(session, share)
            return self._notebook(session, share, after)

    def run(self, token: str, run_id: str = "") -> RunView | None:
        """A run that a link shows with its recipe; the only one where none is named."""
        share = self._live(token)
        run = share and self._shown_run(share, run_id or share.run_id or "")
        if not (share and share.with_recipe and run):
            return None
        with self._scope(share).read() as session:
            return self._views(session, [run])[0]

    def shown(self, run_id: str) -> Run | None:
        """The row of a run that some live link shows with its recipe, so that somebody may have
        come by it.
        """
        with self._database.read() as session:
            links = naming(session, run_id, self._clock())
        return next((run for link in links if (run := self._shown_run(link, run_id))), None)

    def to_pack(self, token: str) -> ToPack | None:
        """What the bundle of a link is made of; None where the link leaves recipes out."""
        share = self._live(token)
        if share is None or not share.with_recipe:
            return None
        scope = self._scope(share)
        if share.run_id is not None:
            return ToPack(database=scope, run_ids=[share.run_id])
        with scope.read() as session:
            here = (Cell.notebook_id == share.notebook_id, Cell.deleted_at.is_(None))
            cells = session.scalars(select(Cell).where(*here)).all()
        run_ids = _ids([cell_view(cell) for cell in cells])
        return ToPack(database=scope, run_ids=run_ids, notebook_id=share.notebook_id)

    def file(self, token: str, run_id: str, name: str) -> tuple[Path, bool] | None:
        """A file of a run that a link shows, and whether its recipe must not be in it."""
        share = self._live(token)
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

    def _live(self, token: str) -> Share | None:
        with self._database.read() as session:
            return find(session, token, self._clock())

    # ---- what is in one

    def _one_run(self, session: Session, share: Share) -> Shared | None:
        run = session.get(Run, share.run_id)
        if run is None or run.state != "done":
            return None
        runs = self._as_shown(session, share, [run])
        return Shared(token=share.token, kind="run", with_recipe=share.with_recipe, runs=runs)

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
            runs=self._as_shown(session, share, runs),
            title=notebook.title,
            description=notebook.description,
            count=count_done(session, notebook.id),
            cells=tuple(cell if share.with_recipe else replace(cell, content={}) for cell in cells),
            more=cells[-1].id if len(found) > CELLS else "",
        )

    def _as_shown(self, session: Session, share: Share, runs: Sequence[Run]) -> dict[str, RunView]:
        """Runs by id; without anything of their recipes where the link leaves them out."""
        views = self._views(session, runs)
        return {view.id: view if share.with_recipe else bare(view) for view in views}

    def _shown_run(self, share: Share, run_id: str) -> Run | None:
        """The row of a run that a link shows; None of every other."""
        with self._scope(share).read() as session:
            run = session.get(Run, run_id)
            good = run and run.state == "done" and run.deleted_at is None
            return run if good and names(session, share, run_id) else None

    def _scope(self, share: Share) -> Database:
        """The database as far as a link may show it. A visitor's notebook can hold runs that they
        may not see, and their run can come from one; their link does not show these either.
        """
        if self._ownership.is_owners(share.visitor):
            return self._database
        if share.run_id is not None:
            return self._database.seen_by(share.visitor)
        with self._database.read() as session:
            notebook = session.get_one(Notebook, share.notebook_id)
        made_by_its_owner = notebook.visitor != share.visitor  # nobody else may share another's
        return self._database if made_by_its_owner else self._database.seen_by(share.visitor)


def _done(session: Session, run_ids: Sequence[str]) -> list[Run]:
    """Those of these runs that have a video, in the same order."""
    wanted = (Run.id.in_(run_ids), Run.state == "done", Run.deleted_at.is_(None))
    found = {run.id: run for run in session.scalars(select(Run).where(*wanted))}
    return [found[run_id] for run_id in run_ids if run_id in found]


def bare(run: RunView) -> RunView:
    """A run without what decides its video: what is left says when and by which model."""
    return replace(
        run,
        prompt="",
        negative_prompt="",
        path_source={},
        path_label="",
        path_points=[],
        seed=0,
        steps=0,
        guidance=0.0,
        image_sha256="",
        parent_id=None,
        parent_number=None,
        relation="",
        changes=[],
        tags=[],
        first_frame="",
        video="",  # whose file holds the recipe
    )


def _ids(cells: Sequence[CellView]) -> list[str]:
    """The runs that cells show, each once, in their order."""
    shown = [run for cell in cells for run in ([cell.run_id] if cell.run_id else cell.runs)]
    return list(dict.fromkeys(shown))
