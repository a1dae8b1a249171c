"""Notebooks as people use them: who may change what, and that everything can be taken back."""

import pytest
from studio_ways import draft_of

from sanawm.errors import InvalidRequestError
from storage.database import Database
from studio.studio import Studio
from studio.views import CellView


@pytest.fixture
def shared(settings, database):
    """A page that others see, without an owner's key given."""
    from dataclasses import replace

    studio = Studio(replace(settings, owner_key="the-owner"), database, runner="nobody:Runner")
    yield studio
    studio.stop()


def ids(cells):
    return [cell.id for cell in cells]


def test_a_new_notebook_gets_the_runs_made_in_it_and_keeps_its_words(studio, submit, picture):
    book = studio.book.create("  Slow   turns ", "me")
    studio.book.change(book.id, "me", description="How far?", newest_first=False)
    run = submit(notebook_id=book.id)
    copy = studio.reseed(run.id, "another-click-16", "me")
    text = studio.book.add_text(book.id, "# Inside", "me", above=None)
    seen = studio.book.view(book.id)
    assert (seen.title, seen.description, seen.runs) == ("Slow turns", "How far?", 2)
    cells = studio.book.cells(book.id)
    assert [cell.run_id for cell in cells] == [run.id, copy.id, None]
    lines = [(line.kind, line.number, line.words) for line in studio.book.outline(book.id)]
    assert lines == [("run", 1, "a lamp"), ("run", 2, "a lamp"), ("text", None, "Inside")]
    assert studio.book.write(text.id, "me", text="# Outside").text == "# Outside"
    assert [view.title for view in studio.book.all()] == ["Inbox", "Slow turns"]


def test_a_moved_cell_says_where_it_can_be_put_back(studio):
    cells = [studio.book.add_text("inbox", str(n), "me") for n in range(4)]
    before = ids(studio.book.cells("inbox"))
    for cell in cells:
        for goal in (*before, "", None):
            place = studio.book.move(cell.id, "me", above=goal)
            studio.book.move(cell.id, "me", **place)
            assert ids(studio.book.cells("inbox")) == before


def test_removed_cells_and_notebooks_come_back_as_they_were(studio):
    book = studio.book.create("One", "me")
    cells = [studio.book.add_text(book.id, str(n), "me") for n in range(3)]
    before = studio.book.cells(book.id)
    studio.book.remove(cells[1].id, "me")
    assert len(studio.book.cells(book.id)) == 2
    studio.book.restore_cell(cells[1].id, "me")
    assert studio.book.cells(book.id) == before
    studio.book.trash(book.id, "me")
    with pytest.raises(InvalidRequestError, match="not there any more"):
        studio.book.cells(book.id)
    studio.book.restore(book.id, "me")
    assert studio.book.cells(book.id) == before


def test_runs_moved_to_a_notebook_stand_there_alone_and_can_go_back(studio, submit):
    run, other = submit(), studio.book.create("Other", "me")
    moved = studio.book.place_runs([run.id], other.id, "me")
    assert studio.book.cells("inbox") == []
    assert [cell.run_id for cell in studio.book.cells(other.id)] == [run.id]
    for cell in moved["added"]:
        studio.book.remove(cell, "me")
    for cell in moved["removed"]:
        studio.book.restore_cell(cell, "me")
    assert [cell.run_id for cell in studio.book.cells("inbox")] == [run.id]
    assert studio.book.cells(other.id) == []


def test_a_run_may_stand_in_several_notebooks(studio, submit):
    run, other = submit(), studio.book.create("Other", "me")
    studio.book.add_run(other.id, run.id, "me")
    shown = [studio.book.cells(name)[0].run_id for name in ("inbox", other.id)]
    assert shown == [run.id, run.id]


def test_events_tell_of_changed_cells_and_notebooks(studio):
    cell = studio.book.add_text("inbox", "one", "me")
    rev = studio.rev()
    assert studio.book.changes(rev, rev) == ([], None)
    studio.book.write(cell.id, "me", text="two")
    event = studio.event(rev)
    assert [(told.id, told.text) for told in event.cells] == [(cell.id, "two")]
    assert [view.id for view in event.notebooks] == ["inbox"]


def test_a_visitor_changes_only_notebooks_of_their_own(shared, picture):
    mine = shared.book.create("Mine", "visitor-one")
    cell = shared.book.add_text(mine.id, "x", "visitor-one")
    inbox_text = shared.book.add_text("inbox", "x", "the-owner")
    run = shared.submit(draft_of(picture), "a-click-of-sixteen", "visitor-two")
    refused = [
        lambda: shared.book.add_text("inbox", "x", "visitor-one"),
        lambda: shared.book.change(mine.id, "visitor-two", title="Theirs"),
        lambda: shared.book.trash(mine.id, "visitor-two"),
        lambda: shared.book.write(cell.id, "visitor-two", text="y"),
        lambda: shared.book.collapse(inbox_text.id, True, "visitor-one"),
        lambda: shared.book.remove(cell.id, "visitor-two"),
        lambda: shared.book.move(cell.id, "visitor-one", above="", notebook_id="inbox"),
        lambda: shared.book.move(inbox_text.id, "visitor-one", above=""),
        lambda: shared.book.add_run("inbox", run.id, "visitor-two"),
    ]
    for act in refused:
        with pytest.raises(InvalidRequestError, match="Only whoever made this notebook"):
            act()
    assert shared.book.may_change(mine.id, "visitor-one")
    assert not shared.book.may_change("inbox", "visitor-one")
    assert shared.book.collapse(cell.id, True, "the-owner").collapsed


def test_what_makes_no_sense_gets_a_sentence(studio, submit):
    run = submit()
    wrong = {
        "needs a title": lambda: studio.book.create(" ", "me"),
        "Up to 120": lambda: studio.book.create("x" * 121, "me"),
        "Up to 20,000": lambda: studio.book.add_text("inbox", "x" * 20_001, "me"),
        "inbox stays": lambda: studio.book.trash("inbox", "me"),
        "two to four": lambda: studio.book.add_compare("inbox", [run.id, run.id], "me"),
        "not in the notebook": lambda: studio.book.add_compare("inbox", [run.id, "x"], "me"),
        "This run": lambda: studio.book.add_run("inbox", "x", "me"),
        "cell is not there": lambda: studio.book.remove("x", "me"),
        "notebook is not there": lambda: studio.book.add_text("x", "y", "me"),
    }
    for words, act in wrong.items():
        with pytest.raises(InvalidRequestError, match=words):
            act()


def test_cells_are_there_after_a_restart(settings, studio):
    cell = studio.book.add_text("inbox", "kept", "me")
    with_new_eyes = Studio(settings, Database.open(settings.data_folder), local_owner=True)
    [found] = with_new_eyes.book.cells("inbox")
    assert isinstance(found, CellView)
    assert (found.id, found.text) == (cell.id, "kept")


def test_runs_shown_in_one_more_notebook_are_all_there_once(studio, submit):
    runs, other = [submit().id for _ in range(3)], studio.book.create("Other", "me")
    studio.book.add_run(other.id, runs[1], "me")
    placed = studio.book.place_runs(runs, other.id, "me", also=True)
    assert (len(placed["added"]), placed["removed"]) == (2, [])
    assert sorted(cell.run_id for cell in studio.book.cells(other.id)) == sorted(runs)
    assert len(studio.book.cells("inbox")) == 3
