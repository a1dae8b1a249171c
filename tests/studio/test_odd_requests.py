"""What pages, visitors and other tabs may send at an odd time, or never should, does no harm."""

import time
from dataclasses import replace

import pytest
from studio_ways import draft_of

from sanawm.errors import InvalidRequestError
from storage.disposal import disposable
from storage.runs import finished
from storage.tables import Run
from studio.book import headings_of
from studio.studio import Studio

KEY = "a-key-of-16-or-more"


@pytest.fixture
def shared(settings, database):
    studio = Studio(replace(settings, owner_key="the-owner"), database, runner="nobody:Runner")
    yield studio
    studio.stop()


@pytest.fixture
def cancelled(studio, submit):
    def make(prompt="a lamp", **changes):
        run = submit(prompt, **changes)
        return studio.cancel(run.id, "me")

    return make


def told_of(studio, rev):
    """Runs as an event after a revision shows them, by id."""
    return {run.id: run for run in studio.event(rev).runs}


def swept(studio, picture, paths=(), **changes):
    choice = {"seeds": [1, 2], "paths": paths, "prompts": ["a", "b"]}
    draft = draft_of(picture, **changes)
    return studio.sweep(draft, **choice, client_key=KEY, visitor="me")


# ---- the trash


def test_a_run_that_is_retried_comes_out_of_the_trash_and_cannot_be_purged(studio, cancelled):
    run = cancelled()
    studio.marks.trash([run.id], "me")
    again = studio.retry(run.id, "me")
    assert (again.state, again.deleted) == ("queued", False)
    with studio._database.write() as session:
        session.get_one(Run, run.id).deleted_at = 1.0  # however it came there
    assert studio.marks.purge([run.id], "me") == []
    assert studio.run(run.id).state == "queued"


def test_pages_hear_how_many_children_and_runs_are_left(studio, submit, cancelled):
    parent, rev = submit(), studio.rev()
    child = cancelled("another", parent_id=parent.id)
    assert told_of(studio, rev)[parent.id].children == 1
    for act, children, runs in ((studio.marks.trash, 0, 1), (studio.marks.restore, 1, 2)):
        rev = studio.rev()
        act([child.id], "me")
        event = studio.event(rev)
        assert told_of(studio, rev)[parent.id].children == children
        assert event.notebooks[0].runs == runs
    grandchild = submit("a third", parent_id=child.id)
    studio.marks.trash([child.id], "me")
    rev = studio.rev()
    studio.marks.purge([child.id], "me")
    assert told_of(studio, rev)[grandchild.id].parent_number is None


# ---- notebooks


def test_a_sweep_for_a_deleted_notebook_goes_to_the_inbox(studio, picture):
    book = studio.book.create("Gone", "me")
    studio.book.trash(book.id, "me")
    assert swept(studio, picture, notebook_id=book.id).notebook_id == "inbox"


def test_runs_go_only_to_notebooks_their_visitor_may_change(shared, picture):
    book = shared.book.create("Anns", "ann")
    draft = draft_of(picture, notebook_id=book.id)
    shared.submit(draft, "press-of-ann-16ch", "ann")
    shared.submit(draft, "press-of-bob-16ch", "bob")
    choice = {"seeds": [1], "paths": [], "prompts": []}
    cell = shared.sweep(draft, **choice, client_key=KEY, visitor="bob")
    assert cell.notebook_id == "inbox"
    assert shared.book.view(book.id).runs == 1


def test_runs_of_a_sweep_count_and_are_found_in_its_notebook(studio, picture):
    book = studio.book.create("Slow turns", "me")
    cell = swept(studio, picture, notebook_id=book.id)
    assert studio.book.view(book.id).runs == 4
    assert studio.gallery.search('notebook:"slow turns"').total == 4
    studio.cancel(cell.runs[0], "me")
    rev = studio.rev()
    studio.marks.trash([cell.runs[0]], "me")
    assert {view.title: view.runs for view in studio.event(rev).notebooks}["Slow turns"] == 3
    studio.book.trash(book.id, "me")
    assert studio.gallery.search('notebook:"slow turns"').total == 0


def test_a_sweep_says_what_its_runs_hold_and_nothing_else_a_page_sent(studio, picture):
    path = {"kind": "preset", "preset": "push-in", "more": float("nan")}
    cell = swept(studio, picture, [path, {"kind": "actions", "actions": "w-8"}])
    runs = [studio.run(run_id) for run_id in cell.runs]
    assert cell.content["paths"] == [runs[0].path_source, runs[2].path_source]
    assert "more" not in cell.content["paths"][0]
    assert (cell.content["seeds"], cell.content["prompts"]) == ([1, 2], ["a", "b"])


def test_a_move_is_taken_back_exactly_also_beside_a_removed_cell(studio):
    for number in range(3):
        studio.book.add_text("inbox", str(number), "me")
    before = [cell.id for cell in studio.book.cells("inbox")]
    first, removed, _ = before
    studio.book.remove(removed, "me")
    studio.book.move(first, "me", **studio.book.move(first, "me", above=None))
    studio.book.restore_cell(removed, "me")
    assert [cell.id for cell in studio.book.cells("inbox")] == before


def test_a_removed_cell_stays_away_where_its_run_is_shown_again(studio, submit):
    run = submit()
    [cell] = studio.book.cells("inbox")
    studio.book.remove(cell.id, "me")
    studio.book.add_run("inbox", run.id, "me")
    with pytest.raises(InvalidRequestError, match="shows this run already"):
        studio.book.restore_cell(cell.id, "me")
    with pytest.raises(InvalidRequestError, match="two to four"):
        studio.book.add_compare("inbox", [["no"], ["ids"]], "me")


def test_headings_are_read_line_by_line_however_long_the_lines_are():
    text = "# One #\n## C#\n#\nno heading\n#none\n```\n# code\n```\n   ### Three ## three ##\n# #\n"
    assert headings_of(text) == ["One", "C#", "Three ## three"]
    hard = "# a" + " " * 9_000 + "#" * 9_000 + " b"  # would take days to try in every way
    assert headings_of(hard) == [hard.removeprefix("# ")]


# ---- marks and the search


def test_tags_and_titles_are_found_in_every_language(studio, submit):
    books = [studio.book.create(title, "me") for title in ("Übung", 'Say "hi"', "Two", "two")]
    runs = [submit(notebook_id=book.id) for book in books]
    studio.marks.tag([runs[0].id], ["Épée", "épée", "Épée"], [], "me")
    assert studio.run(runs[0].id).tags == ["Épée"]
    for query in ("tag:Épée", "épée", "notebook:Übung"):
        assert [run.id for run in studio.gallery.search(query).runs] == [runs[0].id], query
    facets = studio.gallery.facets()["notebook"]
    assert [studio.gallery.search(facet.field).total for facet in facets] == [1, 1, 1, 1]


def test_a_search_for_something_odd_finds_nothing_or_says_so(studio, submit):
    submit()
    assert studio.gallery.search("lamp\0").total == 1
    with pytest.raises(InvalidRequestError, match="takes a day"):
        studio.gallery.search("before:0001-01-01", utc_offset_min=60)


def test_stars_on_old_runs_do_not_make_them_the_latest_that_were_made(studio, submit):
    ids = [submit().id for _ in range(3)]
    with studio._database.write() as session:
        for ended_at, run_id in enumerate(ids, start=1):
            run = session.get_one(Run, run_id)
            run.state, run.ended_at = "done", float(ended_at)
    studio.marks.rate(ids[0], 5, "me")
    with studio._database.read() as session:
        model = session.get_one(Run, ids[0]).model
        assert [run.id for run in finished(session, model)] == ids[::-1]


def test_a_kept_form_may_hold_anything_and_the_pictures_can_still_be_cleaned(studio, tmp_path):
    studio.drafts.save("me", {"image": {"sha256": ["no hash"]}}, None)
    assert disposable(studio._database, "pictures", time.time(), tmp_path) == []
    with pytest.raises(InvalidRequestError, match="too long"):
        studio.drafts.save("me", {}, "x" * 70_000)


# ---- families


def test_a_run_goes_on_only_from_a_frame_that_is_there(studio, submit):
    parent = submit()
    start = {"run": parent.id, "velocity": [0, 0, 0, 0], "pitch": 0, "held": ""}
    source = {"kind": "preset", "preset": "push-in"}
    relations = [
        submit(parent_id=parent.id, path_source=source | {"start": start | {"frame": frame}})
        for frame in (parent.num_frames - 1, parent.num_frames)
    ]
    assert [run.relation for run in relations] == ["extend", "remix"]


def test_a_new_revision_of_the_model_is_no_new_seed(studio, submit):
    run = submit()
    with studio._database.write() as session:
        session.get_one(Run, run.id).model_revision = "older"
    assert studio.duplicate(run.id, KEY, "me").relation == "remix"
    assert studio.reseed(run.id, f"{KEY}-2", "me").relation == "reseed"


def test_an_edited_run_keeps_its_parent_and_says_what_it_is_to_it(studio, submit, picture):
    parent = submit()
    child = submit("another", parent_id=parent.id)
    edited = studio.edit(child.id, draft_of(picture, prompt="a third"), "visitor")
    assert (edited.parent_id, edited.relation) == (parent.id, "remix")


def test_a_chain_that_goes_in_a_circle_ends(studio, submit):
    runs = [submit(), submit()]
    with studio._database.write() as session:
        for one, other in (runs, runs[::-1]):
            run = session.get_one(Run, one.id)
            run.parent_id, run.relation, run.start_frame = other.id, "extend", 3
            run.path_source = {"kind": "actions", "start": {"run": other.id, "frame": 3}}
            run.root_id, run.state = runs[0].id, "done"
    assert len(studio.chains.chain(runs[0].id)) == 2
