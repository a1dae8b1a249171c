"""What people do with the cells of a notebook: add, write, collapse, move, remove, bring back.

Whoever may change a notebook may do everything in it; runs themselves never change here. "Above"
is meant as displayed; "" is the top of a notebook, None its bottom.
"""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sanawm.errors import InvalidRequestError
from storage import notebooks as rows
from storage.database import Database
from storage.tables import Cell, Notebook, Run
from studio.identity import Ownership, visitor_id
from studio.limits import check_cells
from studio.views import CellView

LONGEST_TEXT = 20_000
MOST_COMPARED = 4
UNKNOWN = "This notebook is not there any more."
UNKNOWN_CELL = "This cell is not there any more."
NOT_YOURS = "Only whoever made this notebook can change it."


class Cells:
    """Cells of every notebook; safe to call from many threads."""

    def __init__(self, database: Database, ownership: Ownership) -> None:
        self._database = database
        self._ownership = ownership

    def cell(self, cell_id: str) -> CellView:
        """One cell, as it is."""
        with self._database.read() as session:
            found = session.get(Cell, cell_id)
            if found is None:
                raise InvalidRequestError(UNKNOWN_CELL)
            return cell_view(found)

    def add_text(
        self, notebook_id: str, text: str, visitor: str, above: str | None = ""
    ) -> CellView:
        """A text directly above a cell as displayed; "" is the top, None the bottom."""
        return self._add(notebook_id, "text", visitor, above, content={"text": checked_text(text)})

    def add_compare(
        self, notebook_id: str, run_ids: Sequence[str], visitor: str, above: str | None = ""
    ) -> CellView:
        """Two to four runs side by side."""
        content = {"runs": self._compared(run_ids)}
        return self._add(notebook_id, "compare", visitor, above, content=content)

    def add_run(
        self, notebook_id: str, run_id: str, visitor: str, above: str | None = ""
    ) -> CellView:
        """Show a run in one more notebook."""
        self._check_runs([run_id])
        return self._add(notebook_id, "run", visitor, above, run_id=run_id)

    def write(
        self,
        cell_id: str,
        visitor: str,
        *,
        text: str | None = None,
        content: dict[str, Any] | None = None,
    ) -> CellView:
        """Change what a text says, or the runs and the way of a comparison."""
        with self._database.write() as session:
            cell = self._own_cell(session, cell_id, visitor)
            if text is not None and cell.kind == "text":
                cell.content = {"text": checked_text(text)}
            if content is not None and cell.kind == "compare":
                cell.content = {"runs": self._compared(content.get("runs", ()))}
            rows.touch(session, cell)
            return cell_view(cell)

    def collapse(self, cell_id: str, collapsed: bool, visitor: str) -> CellView:
        """Show a cell as one line, or whole."""
        with self._database.write() as session:
            cell = self._own_cell(session, cell_id, visitor)
            cell.collapsed = collapsed
            rows.touch(session, cell)
            return cell_view(cell)

    def move(
        self,
        cell_id: str,
        visitor: str,
        *,
        above: str | None,
        notebook_id: str | None = None,
    ) -> dict[str, str | None]:
        """Put a cell elsewhere; where it stood, as {"notebook_id", "above"}, to put it back."""
        with self._database.write() as session:
            cell = self._own_cell(session, cell_id, visitor)
            before = notebook_row(session, cell.notebook_id)
            goal = self.own_notebook(session, notebook_id or cell.notebook_id, visitor)
            if goal.id != before.id and cell.run_id:
                _check_not_there(session, goal.id, cell.run_id)
            place = {"notebook_id": before.id, "above": rows.below(session, before, cell)}
            rows.move(session, cell, goal, above)
            return place

    def remove(self, cell_id: str, visitor: str) -> CellView:
        """Take a cell out of its notebook; a run stays in the gallery."""
        return self._put_away(cell_id, visitor, time.time())

    def restore_cell(self, cell_id: str, visitor: str) -> CellView:
        """Bring a removed cell back to where it stood."""
        return self._put_away(cell_id, visitor, None)

    def place_runs(
        self, run_ids: Sequence[str], notebook_id: str, visitor: str, *, also: bool = False
    ) -> dict[str, list[str]]:
        """Let runs stand in a notebook, alone or `also` there, all or none of them.

        What was {"added", "removed"} are cells, to undo it by.
        """
        self._check_runs(run_ids)
        placed: dict[str, list[str]] = {"added": [], "removed": []}
        with self._database.write() as session:
            goal = self.own_notebook(session, notebook_id, visitor)
            self._check_room(session, visitor, len(run_ids))
            for run_id in dict.fromkeys(run_ids):
                shown = select(Cell).where(Cell.run_id == run_id, Cell.deleted_at.is_(None))
                cells = session.scalars(shown).all()
                if not also:
                    placed["removed"] += self._take_away(session, cells, goal, visitor)
                if not any(cell.notebook_id == goal.id for cell in cells):
                    made = rows.add_cell(session, goal, "run", above="", run_id=run_id)
                    placed["added"].append(made.id)
        return placed

    def _take_away(
        self, session: Session, cells: Sequence[Cell], goal: Notebook, visitor: str
    ) -> list[str]:
        """Remove the cells of a run that stand elsewhere, as far as this visitor may."""
        removed = []
        for cell in cells:
            if cell.notebook_id != goal.id and self._may_change(session, cell, visitor):
                cell.deleted_at = time.time()
                rows.touch(session, cell)
                removed.append(cell.id)
        return removed

    def _put_away(self, cell_id: str, visitor: str, when: float | None) -> CellView:
        with self._database.write() as session:
            cell = self._own_cell(session, cell_id, visitor)
            if when is None and cell.deleted_at is not None and cell.run_id:
                _check_not_there(session, cell.notebook_id, cell.run_id)
            cell.deleted_at = when
            rows.touch(session, cell)
            return cell_view(cell)

    def _add(
        self, notebook_id: str, kind: str, visitor: str, above: str | None, **fields: Any
    ) -> CellView:
        with self._database.write() as session:
            notebook = self.own_notebook(session, notebook_id, visitor)
            if run_id := fields.get("run_id"):
                _check_not_there(session, notebook.id, run_id)
            self._check_room(session, visitor)
            return cell_view(rows.add_cell(session, notebook, kind, above=above, **fields))

    def _check_room(self, session: Session, visitor: str, more: int = 1) -> None:
        if not self._ownership.is_owner(visitor):
            check_cells(session, visitor_id(visitor), more)

    def own_notebook(
        self, session: Session, notebook_id: str, visitor: str, *, deleted: bool = False
    ) -> Notebook:
        """A notebook that this visitor may change, or a sentence."""
        notebook = (
            session.get(Notebook, notebook_id) if deleted else notebook_row(session, notebook_id)
        )
        if notebook is None:
            raise InvalidRequestError(UNKNOWN)
        if not self._ownership.may_change(notebook.visitor, visitor):
            raise InvalidRequestError(NOT_YOURS)
        return notebook

    def _may_change(self, session: Session, cell: Cell, visitor: str) -> bool:
        notebook = session.get_one(Notebook, cell.notebook_id)
        return self._ownership.may_change(notebook.visitor, visitor)

    def _own_cell(self, session: Session, cell_id: str, visitor: str) -> Cell:
        cell = session.get(Cell, cell_id)
        if cell is None:
            raise InvalidRequestError(UNKNOWN_CELL)
        self.own_notebook(session, cell.notebook_id, visitor)
        return cell

    def _compared(self, run_ids: Any) -> list[str]:
        ids = run_ids if isinstance(run_ids, list | tuple) else []
        found = list(dict.fromkeys(one for one in ids if isinstance(one, str)))
        if not 2 <= len(found) <= MOST_COMPARED:
            raise InvalidRequestError("Choose two to four runs to compare.")
        self._check_runs(found)
        return found

    def _check_runs(self, run_ids: Sequence[Any]) -> None:
        with self._database.read() as session:
            for run_id in run_ids:
                run = session.get(Run, run_id) if isinstance(run_id, str) else None
                if run is None or run.deleted_at is not None:
                    raise InvalidRequestError("This run is not in the notebook.")


def _check_not_there(session: Session, notebook_id: str, run_id: str) -> None:
    """One notebook shows a run once."""
    shown = select(Cell.id).where(Cell.notebook_id == notebook_id, Cell.run_id == run_id)
    if session.scalar(shown.where(Cell.deleted_at.is_(None)).limit(1)) is not None:
        raise InvalidRequestError("That notebook shows this run already.")


def cell_view(cell: Cell) -> CellView:
    """A cell as the page sees it."""
    content = dict(cell.content)
    return CellView(
        id=cell.id,
        notebook_id=cell.notebook_id,
        visitor=cell.visitor,
        kind=cell.kind,  # type: ignore[arg-type]
        position=cell.position,
        collapsed=bool(cell.collapsed),
        deleted=cell.deleted_at is not None,
        run_id=cell.run_id,
        runs=content.pop("runs", []),
        text=content.pop("text", ""),
        content=content,
    )


def notebook_row(session: Session, notebook_id: str) -> Notebook:
    """A notebook that is not deleted, or a sentence."""
    notebook = session.get(Notebook, notebook_id)
    if notebook is None or notebook.deleted_at is not None:
        raise InvalidRequestError(UNKNOWN)
    return notebook


def checked_text(text: str) -> str:
    """What somebody wrote, unless it is a book of its own."""
    if len(text) > LONGEST_TEXT:
        raise InvalidRequestError(
            f"This text has {len(text):,} characters. Up to {LONGEST_TEXT:,} fit.", field="text"
        )
    return text
