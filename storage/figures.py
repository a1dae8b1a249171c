"""Figures about the whole notebook: runs by state, what the caches had, every prompt."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.disk_use import CACHES
from storage.tables import Run


@dataclass(frozen=True, kw_only=True, slots=True)
class Hits:
    """One cache over every finished run."""

    asked: int
    hits: int
    saved_s: float  # what finding it took less than computing it


def cache_hits(session: Session) -> dict[str, Hits]:
    """Every cache, also one that was never asked, as the records of finished runs say."""
    columns = []
    for kind in CACHES:
        hit = func.json_extract(Run.record, f"$.caches.{kind}.hit")
        saved = func.json_extract(Run.record, f"$.caches.{kind}.saved_s")
        columns += [func.count(hit), func.sum(hit), func.sum(saved)]
    values = iter(session.execute(select(*columns).where(Run.state == "done")).one())
    return {
        kind: Hits(asked=asked, hits=int(hits or 0), saved_s=float(saved or 0))
        for kind, asked, hits, saved in zip(CACHES, values, values, values, strict=True)
    }


def runs_by_state(session: Session) -> dict[str, int]:
    """How many runs are in each state that any is in."""
    query = select(Run.state, func.count()).group_by(Run.state).order_by(Run.state)
    return {state: number for state, number in session.execute(query)}


def prompts(session: Session) -> set[str]:
    """Everything people wrote to be drawn or left out."""
    written = select(Run.prompt).union(select(Run.negative_prompt))
    return {prompt for prompt in session.scalars(written) if prompt}
