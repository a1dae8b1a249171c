"""Finding runs among many: a page by key, how many a day, and what there is to choose from.

A `Filter` says what is wanted in terms of columns; `studio.search` makes one from what a person
typed. Words go to SQLite's full-text index, everything else to the rows themselves. Newest first.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, String, cast, exists, func, or_, select, text, true
from sqlalchemy.orm import Session, aliased

from storage.notebooks import shown_alone, shown_in_sweeps, shown_runs
from storage.tables import Cell, Notebook, Run

MOST = 200
DAY_S = 86_400

Condition = ColumnElement[bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """What is wanted: words in prompt, note and tags, and conditions that all must hold."""

    words: tuple[str, ...] = ()  # words and phrases; the last one may be unfinished
    conditions: tuple[Condition, ...] = field(default=())
    in_trash: bool = False

    def where(self) -> Condition:
        """Everything together, as SQL."""
        gone = Run.deleted_at.is_not(None)
        parts = [gone if self.in_trash else ~gone, *self.conditions]
        if self.words:
            found = text("SELECT rowid FROM run_words WHERE run_words MATCH :words")
            chosen = found.bindparams(words=match_of(self.words)).columns(rowid=Run.number.type)
            parts.append(Run.number.in_(chosen.subquery().select()))
        condition: Condition = true()
        for part in parts:
            condition = condition & part
        return condition


def match_of(words: Sequence[str]) -> str:
    """The full-text query of words: each must be there, the last one at least begin so.

    Everything is quoted, so nothing a person types is taken for the index's own language.
    """
    quoted = ['"' + word.replace('"', '""') + '"' for word in words]
    return " ".join(quoted) + "*"


def is_searchable(word: str) -> bool:
    """Whether a word holds a letter or a figure; what does not would match nothing at all."""
    return re.search(r"\w", word) is not None


def page(
    session: Session, wanted: Filter, *, before: str | None, limit: int, stacked: bool
) -> Sequence[Run]:
    """The newest runs that match, older than the run `before`; of each family one, if stacked."""
    query = select(Run).where(wanted.where())
    if stacked:
        newest = select(func.max(Run.id)).where(wanted.where()).group_by(Run.root_id)
        query = query.where(Run.id.in_(newest))
    if before is not None:
        query = query.where(Run.id < before)
    return session.scalars(query.order_by(Run.id.desc()).limit(max(1, min(limit, MOST)))).all()


def total(session: Session, wanted: Filter, *, stacked: bool) -> int:
    """How many match; how many families, if stacked."""
    what = func.count(Run.root_id.distinct()) if stacked else func.count()
    return session.scalar(select(what).select_from(Run).where(wanted.where())) or 0


def days(session: Session, wanted: Filter, utc_offset_min: int, *, stacked: bool) -> dict[str, int]:
    """How many match on each day, as "2026-11-22", where clocks differ from UTC by the offset."""
    day = func.date(Run.created_at + utc_offset_min * 60, "unixepoch")
    what = func.count(Run.root_id.distinct()) if stacked else func.count()
    query = select(day, what).where(wanted.where()).group_by(day)
    return {str(found): number for found, number in session.execute(query)}


def family_sizes(session: Session, roots: Sequence[str]) -> dict[str, int]:
    """How many runs each family has, the trash left out."""
    query = (
        select(Run.root_id, func.count())
        .where(Run.root_id.in_(roots), Run.deleted_at.is_(None))
        .group_by(Run.root_id)
    )
    return {root: number for root, number in session.execute(query)}


def family(session: Session, root_id: str) -> Sequence[Run]:
    """Every run that comes from one, oldest first; of the trash only what others came from."""
    found = session.scalars(select(Run).where(Run.root_id == root_id).order_by(Run.id)).all()
    shown: list[Run] = []
    needed: set[str | None] = set()
    for run in reversed(found):
        if run.deleted_at is None or run.id in needed:
            shown.append(run)
            needed.add(run.parent_id)
    return shown[::-1]


def children(session: Session, run_ids: Sequence[str]) -> dict[str, int]:
    """How many runs were made of each of these."""
    query = (
        select(Run.parent_id, func.count())
        .where(Run.parent_id.in_(run_ids), Run.deleted_at.is_(None))
        .group_by(Run.parent_id)
    )
    return {str(parent): number for parent, number in session.execute(query)}


# ---- what there is to choose from


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """How many of the runs that match have each value of a column."""

    rating: Counter[int]
    state: Counter[str]
    model: Counter[str]
    path: Counter[str]
    tag: Counter[str]


def tally(session: Session, wanted: Filter) -> Tally:
    """Every count at once: the runs that match are looked for a single time."""
    columns = Run.rating, Run.state, Run.model, Run.path_name, cast(Run.tags, String)
    found = session.execute(select(*columns).where(wanted.where())).all()
    rating, state, model, path, tags = zip(*found, strict=True) if found else ((),) * 5
    tag: Counter[str] = Counter()
    for text_of_tags, number in Counter(tags).items():
        for each in json.loads(text_of_tags):
            tag[each] += number
    return Tally(
        rating=Counter(rating),
        state=Counter(state),
        model=Counter(model),
        path=Counter(path),
        tag=tag,
    )


def counts_by_notebook(session: Session, wanted: Filter) -> list[tuple[str, str, int]]:
    """Each notebook that shows any of the runs that match: id, title, how many."""
    pairs = shown_runs().subquery()
    query = (
        select(Notebook.id, Notebook.title, func.count())
        .select_from(Run)
        .join(pairs, pairs.c.run_id == Run.id)
        .join(Notebook, Notebook.id == pairs.c.notebook_id)
        .where(wanted.where(), Notebook.deleted_at.is_(None))
        .group_by(Notebook.id)
        .order_by(func.count().desc())
    )
    return [(notebook, title, number) for notebook, title, number in session.execute(query)]


# ---- conditions


ACTIONS = func.json_extract(Run.path_source, "$.actions")
OWN_PATH = Run.path_name == "own"


def has_tag(tag: str) -> Condition:
    """The run carries a tag, whatever the case of its letters from a to z."""
    each = func.json_each(Run.tags).table_valued("value")
    return exists(select(1).select_from(each).where(_alike(each.c.value, tag)))


def in_notebook(name: str) -> Condition:
    """The notebook of this id shows the run, else one of those with this title."""
    other = aliased(Notebook)
    is_no_id = ~exists(select(1).select_from(other).where(other.id == name))
    named = (Notebook.id == name) | (is_no_id & _alike(Notebook.title, name))
    open_ones = select(Notebook.id).where(named, Notebook.deleted_at.is_(None))
    alone, swept = shown_alone(), shown_in_sweeps()
    return or_(
        Run.id.in_(alone.with_only_columns(Cell.run_id).where(Cell.notebook_id.in_(open_ones))),
        Run.id.in_(
            swept.with_only_columns(swept.selected_columns.run_id).where(
                Cell.notebook_id.in_(open_ones)
            )
        ),
    )


def _alike(column: Any, words: str) -> Condition:
    """The same but for case; the database folds both, as it knows the letters from a to z only."""
    alike: Condition = func.lower(column) == func.lower(words)
    return alike


def has_children() -> Condition:
    """Another run was made of it."""
    child = aliased(Run)
    return Run.id.in_(
        select(child.parent_id).where(child.parent_id.is_not(None), child.deleted_at.is_(None))
    )


def child_of(number: int) -> Condition:
    """The run was made of the one with this number."""
    parent = aliased(Run)
    return Run.parent_id == select(parent.id).where(parent.number == number).scalar_subquery()


def path_like(words: str) -> Condition:
    """A preset's name begins so, or the run's own actions contain it."""
    if words == "own":
        return OWN_PATH
    begins = Run.path_name.startswith(words, autoescape=True)
    return begins | OWN_PATH & cast(ACTIONS, String).contains(words, autoescape=True)


def seconds() -> ColumnElement[Any]:
    """The length of the clip."""
    return (Run.num_frames - 1) / Run.fps
