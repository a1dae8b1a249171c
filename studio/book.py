"""Notebooks as the people at the page see them: cells of runs, texts, comparisons and sweeps.

Whoever may change a notebook may do everything in it; what is removed can be brought back. Runs
themselves never change here. Everything a person can get wrong raises `InvalidRequestError`.
"""

import re
import time

from sqlalchemy.orm import Session

from sanawm.errors import InvalidRequestError
from storage import notebooks as rows
from storage.tables import INBOX, Cell, Notebook
from studio.cells import Cells, cell_view, checked_text, notebook_row
from studio.identity import visitor_id
from studio.limits import check_notebooks
from studio.views import CellView, NotebookView, OutlineView

LONGEST_TITLE = 120
OUTLINE_WORDS = 80  # characters of a prompt or a heading that an outline shows
HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(\S.*)")
CODE = ("```", "~~~")


class Book(Cells):
    """Every notebook of a data folder, and its cells; safe to call from many threads."""

    # ---- notebooks

    def all(self) -> list[NotebookView]:
        """The inbox first, then the newest."""
        with self._database.read() as session:
            return _views(session)

    def view(self, notebook_id: str) -> NotebookView:
        """One notebook."""
        with self._database.read() as session:
            return _notebook_view(notebook_row(session, notebook_id), rows.run_counts(session))

    def create(self, title: str, visitor: str) -> NotebookView:
        """A new notebook, which belongs to whoever makes it."""
        with self._database.write() as session:
            if not self._ownership.is_owner(visitor):
                check_notebooks(session, visitor_id(visitor))
            made = rows.add_notebook(session, _title(title), visitor_id(visitor))
            return _notebook_view(made, {})

    def change(
        self,
        notebook_id: str,
        visitor: str,
        *,
        title: str | None = None,
        description: str | None = None,
        newest_first: bool | None = None,
    ) -> NotebookView:
        """Give it another title, description or order; what is None stays."""
        with self._database.write() as session:
            notebook = self.own_notebook(session, notebook_id, visitor)
            if title is not None:
                notebook.title = _title(title)
            if description is not None:
                notebook.description = checked_text(description)
            if newest_first is not None:
                notebook.newest_first = newest_first
            rows.touch(session, notebook)
            return _notebook_view(notebook, rows.run_counts(session))

    def trash(self, notebook_id: str, visitor: str) -> None:
        """Put a notebook away; its runs stay in the gallery and in other notebooks."""
        if notebook_id == INBOX:
            raise InvalidRequestError("The inbox stays: new runs need a place.")
        with self._database.write() as session:
            notebook = self.own_notebook(session, notebook_id, visitor)
            notebook.deleted_at = time.time()
            rows.touch(session, notebook)

    def restore(self, notebook_id: str, visitor: str) -> NotebookView:
        """Bring a notebook back as it was."""
        with self._database.write() as session:
            notebook = self.own_notebook(session, notebook_id, visitor, deleted=True)
            notebook.deleted_at = None
            rows.touch(session, notebook)
            return _notebook_view(notebook, rows.run_counts(session))

    def may_change(self, notebook_id: str, visitor: str) -> bool:
        """Whether this visitor may change a notebook; its owner may change every one."""
        with self._database.read() as session:
            notebook = session.get(Notebook, notebook_id)
        return notebook is not None and self._ownership.may_change(notebook.visitor, visitor)

    # ---- reading cells

    def cells(self, notebook_id: str, after: str | None = None, limit: int = 12) -> list[CellView]:
        """Cells as displayed; `after` is the id of the last one already shown."""
        with self._database.read() as session:
            notebook = notebook_row(session, notebook_id)
            last = session.get(Cell, after) if after else None
            return [cell_view(cell) for cell in rows.shown(session, notebook, last, limit)]

    def outline(self, notebook_id: str) -> list[OutlineView]:
        """The headings of texts and the runs between them."""
        with self._database.read() as session:
            found = rows.every_cell(session, notebook_row(session, notebook_id))
        lines: list[OutlineView] = []
        level = 1
        for cell, number, prompt in found:
            if cell.kind == "text":
                headings = headings_of(cell.content.get("text", ""))
                lines += [_line(cell, None, words[:OUTLINE_WORDS], 1) for words in headings]
                level = 2 if headings else level
            else:
                lines.append(_line(cell, number, prompt[:OUTLINE_WORDS], level))
        return lines

    def changes(
        self, after_rev: int, until_rev: int
    ) -> tuple[list[CellView], list[NotebookView] | None]:
        """Cells written between two revisions, the newest first; every notebook if any changed."""
        with self._database.read() as session:
            cells = rows.changed_cells(session, after_rev, until_rev)
            changed = bool(cells) or rows.notebooks_changed(session, after_rev)
            return [cell_view(cell) for cell in cells[::-1]], _views(session) if changed else None


def headings_of(text: str) -> list[str]:
    """The headings of a Markdown text, one pass over its lines; those in code are none."""
    found, in_code = [], False
    for line in text.split("\n"):
        if line.lstrip().startswith(CODE):
            in_code = not in_code
        elif not in_code and (match := HEADING.match(line)):
            words = match[1].rstrip()
            bare = words.rstrip("#")  # signs may close a heading, behind a space
            found.append(bare.rstrip() if bare[-1:].isspace() else words)
    return [words for words in found if words.strip("#")]


def _views(session: Session) -> list[NotebookView]:
    counts = rows.run_counts(session)
    return [_notebook_view(notebook, counts) for notebook in rows.notebooks(session)]


def _notebook_view(notebook: Notebook, counts: dict[str, int]) -> NotebookView:
    return NotebookView(
        id=notebook.id,
        title=notebook.title,
        description=notebook.description,
        newest_first=notebook.newest_first,
        runs=counts.get(notebook.id, 0),
        is_inbox=notebook.id == INBOX,
        created_at=notebook.created_at,
    )


def _line(cell: Cell, number: int | None, words: str, level: int) -> OutlineView:
    return OutlineView(
        cell_id=cell.id,
        kind=cell.kind,  # type: ignore[arg-type]
        number=number,
        words=words,
        level=level,
    )


def _title(title: str) -> str:
    words = " ".join(title.split())
    if not words:
        raise InvalidRequestError("A notebook needs a title.", field="title")
    if len(words) > LONGEST_TITLE:
        raise InvalidRequestError(
            f"This title has {len(words)} characters. Up to {LONGEST_TITLE} fit.", field="title"
        )
    return words
