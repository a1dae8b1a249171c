"""Cells stand where they were put, whatever was put, moved, removed and brought back before."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_rows import make_run

from storage import notebooks
from storage.queue import Queue
from storage.tables import INBOX, Cell, Notebook
from storage.trash import take_back, throw_away


def shown(session, notebook_id=INBOX):
    notebook = session.get_one(Notebook, notebook_id)
    return [cell.id for cell in notebooks.shown(session, notebook, None, 200)]


def add_text(session, above, notebook_id=INBOX):
    notebook = session.get_one(Notebook, notebook_id)
    return notebooks.add_cell(session, notebook, "text", above=above, content={"text": "x"}).id


PLACES = st.one_of(st.sampled_from(["top", "bottom"]), st.integers(0, 30))
STEPS = st.lists(st.tuples(st.sampled_from(["add", "move"]), PLACES, st.integers(0, 30)))


@given(steps=STEPS, newest_first=st.booleans())
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_order_is_that_of_a_plain_list(database, steps, newest_first):
    with database.write() as session:
        notebook = notebooks.add_notebook(session, "Order", "")
        notebook.newest_first = newest_first
        session.flush()
        wanted = []
        for step, place, which in steps:
            if place == "top":
                above, at = "", 0
            elif place == "bottom" or not wanted:
                above, at = None, len(wanted)
            else:
                at = place % len(wanted)
                above = wanted[at]
            if step == "add" or not wanted:
                wanted.insert(at, add_text(session, above, notebook.id))
                continue
            moved = wanted[which % len(wanted)]
            if moved != above:
                notebooks.move(session, session.get_one(Cell, moved), notebook, above)
                wanted.remove(moved)
                ends = {"": 0, None: len(wanted)}
                wanted.insert(ends[above] if above in ends else wanted.index(above), moved)
        assert shown(session, notebook.id) == wanted


def test_a_place_can_be_halved_for_ever(database):
    with database.write() as session:
        first, last = add_text(session, ""), add_text(session, None)
        middle = [add_text(session, last) for _ in range(60)]
        assert shown(session) == [first, *middle, last]


def test_a_new_run_has_a_cell_at_the_top_of_its_notebook(database):
    with database.write() as session:
        text, other = add_text(session, ""), notebooks.add_notebook(session, "Other", "").id
    queue = Queue(database)
    first, second = queue.add(make_run()), queue.add(make_run())
    elsewhere = queue.add(make_run(), notebook_id=other)
    nowhere = queue.add(make_run(), notebook_id="gone")
    with database.read() as session:
        runs = [session.get_one(Cell, cell).run_id for cell in shown(session)]
        assert runs == [nowhere.id, second.id, first.id, None]
        assert shown(session)[-1] == text
        [cell] = shown(session, other)
        assert session.get_one(Cell, cell).run_id == elsewhere.id
        assert notebooks.run_counts(session) == {INBOX: 3, other: 1}
        assert notebooks.home_of(session, elsewhere.id) == other


def test_pages_of_cells_meet_without_gap_or_overlap(database):
    with database.write() as session:
        for _ in range(7):
            add_text(session, "")
        notebook, found, last = session.get_one(Notebook, INBOX), [], None
        while page := notebooks.shown(session, notebook, last, 3):
            found += [cell.id for cell in page]
            last = page[-1]
        assert found == shown(session)


def test_a_run_in_the_trash_is_shown_nowhere_and_comes_back_where_it_stood(database):
    queue = Queue(database)
    runs = [queue.add(make_run()) for _ in range(3)]
    queue.cancel(runs[1].id)
    with database.write() as session:
        before = shown(session)
        run = session.get_one(type(runs[1]), runs[1].id)
        throw_away(session, [run], 5.0)
        assert len(shown(session)) == 2
        rev = run.rev
        take_back(session, [run])
        assert shown(session) == before
        assert [cell.run_id for cell in notebooks.changed_cells(session, rev, 10**9)] == [run.id]


@pytest.mark.parametrize("limited", [True, False])
def test_a_sweep_is_queued_whole_or_not_at_all(database, limited):
    queue = Queue(database, max_queued=5, max_per_visitor=3)
    place = {"limited": limited, "notebook_id": INBOX, "above": "", "content": {"seeds": [1]}}
    room = 3 if limited else 5
    with pytest.raises(Exception, match=f"{room} more may wait"):
        queue.add_sweep([make_run(visitor="v") for _ in range(room + 1)], **place)
    runs = [make_run(visitor="v") for _ in range(room)]
    cell = queue.add_sweep(runs, **place)
    again = queue.add_sweep([make_run(client_key=runs[0].client_key)], **place)
    assert cell.id == again.id
    with database.read() as session:
        assert shown(session) == [cell.id]
        assert cell.content == {"seeds": [1], "runs": [run.id for run in runs]}
        assert notebooks.home_of(session, runs[-1].id) == INBOX
