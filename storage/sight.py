"""What a visitor may see: row-level rules that hold for every reading of a session.

A run is seen by the visitor it belongs to, a cell by whoever its runs belong to, a notebook by
whoever made it; everybody has the inbox, in which each sees their own. The rules are put into the
statements themselves, joins, subqueries and readings by key included, so that no caller can forget
them. Jobs, pictures and counters say nothing about anybody and are left alone.
"""

from sqlalchemy import Engine, event, false, or_
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from storage.tables import INBOX, Cell, Notebook, Run, Share

VISITOR = "visitor"  # under which a session knows who is looking


class SightSession(Session):
    """A session of one visitor."""


def session(engine: Engine, visitor: str) -> SightSession:
    """A session that reads what the visitor may see; nothing where nobody in particular looks."""
    return SightSession(engine, expire_on_commit=False, info={VISITOR: visitor})


@event.listens_for(SightSession, "do_orm_execute")
def _leave_out_others(state: ORMExecuteState) -> None:
    if state.is_column_load or state.is_relationship_load:  # of a row that was seen already
        return
    visitor = state.session.info[VISITOR]
    own = (Run.visitor == visitor, Cell.visitor == visitor, Share.visitor == visitor)
    runs, cells, shares = own if visitor else (false(), false(), false())
    books = or_(Notebook.id == INBOX, Notebook.visitor == visitor if visitor else false())
    state.statement = state.statement.options(
        with_loader_criteria(Run, runs, include_aliases=True),
        with_loader_criteria(Cell, cells, include_aliases=True),
        with_loader_criteria(Notebook, books, include_aliases=True),
        with_loader_criteria(Share, shares, include_aliases=True),
    )
