"""Stars, tags, notes, the trash and drafts: kept as said, by whoever may, and taken back whole."""

import pytest
from studio_ways import Bench, draft_of

from sanawm.errors import InvalidRequestError
from storage.database import Database
from studio.studio import Studio


@pytest.fixture
def done(studio, settings, database, submit):
    def done(*args, **changes):
        run = submit(*args, **changes)
        Bench(settings, database).make_next()
        return studio.run(run.id)

    return done


def test_marks_say_nothing_about_how_a_run_was_made(studio, done):
    run = done()
    studio.marks.rate(run.id, 4, "me")
    studio.marks.write_note(run.id, "  The *pillar* holds.\n", "me")
    studio.marks.tag([run.id], ["#Red room", "orbit"], [], "me")
    marked = studio.run(run.id)
    assert (marked.rating, marked.note, marked.tags) == (
        4,
        "The *pillar* holds.",
        ["Red-room", "orbit"],
    )
    same = {name for name in run.to_dict() if getattr(run, name) == getattr(marked, name)}
    assert set(run.to_dict()) - same <= {"rating", "note", "tags"}


def test_tags_are_added_dropped_and_put_back_for_many_runs_at_once(studio, done):
    one, two = done(), done()
    studio.marks.tag([one.id], ["cave"], [], "me")
    before = studio.marks.tag([one.id, two.id], ["CAVE", "new"], ["nothing"], "me")
    assert before == {one.id: ["cave"], two.id: []}
    assert studio.run(one.id).tags == ["cave", "new"]
    assert studio.run(two.id).tags == ["CAVE", "new"]
    studio.marks.tag([one.id], [], ["Cave"], "me")
    assert studio.run(one.id).tags == ["new"]
    studio.marks.set_tags(before, "me")
    assert [studio.run(run.id).tags for run in (one, two)] == [["cave"], []]
    assert studio.gallery.tags() == {"cave": 1}


def test_a_run_in_the_trash_is_out_of_sight_and_comes_back(studio, done):
    run = done()
    assert studio.marks.trash([run.id], "me") == [run.id]
    assert studio.run(run.id).deleted
    assert studio.runs() == []
    assert studio.queue_runs() == []
    assert studio.book.cells("inbox") == []
    assert studio.event(0).runs[0].deleted
    studio.marks.restore([run.id], "me")
    assert [found.id for found in studio.runs()] == [run.id]
    video = studio.run(run.id)
    assert video.video == run.video


def test_deleted_for_good_is_gone_and_its_children_stay(studio, done):
    parent = done()
    child = done(parent_id=parent.id)
    assert studio.marks.purge([parent.id], "me") == []
    studio.marks.trash([parent.id], "me")
    assert studio.marks.purge([parent.id], "me") == [parent.id]
    with pytest.raises(InvalidRequestError, match="not in the notebook"):
        studio.run(parent.id)
    orphan = studio.run(child.id)
    assert (orphan.parent_id, orphan.parent_number, orphan.changes) == (parent.id, None, [])


def test_what_makes_no_sense_gets_a_sentence(studio, submit):
    waiting = submit("waits")
    wrong = {
        "one to five stars": lambda: studio.marks.rate(waiting.id, 6, "me"),
        "Up to 20,000": lambda: studio.marks.write_note(waiting.id, "x" * 20_001, "me"),
        "A tag is": lambda: studio.marks.tag([waiting.id], ['sa"y'], [], "me"),
        "Up to 20 fit": lambda: studio.marks.tag(
            [waiting.id], [f"t{n}" for n in range(21)], [], "me"
        ),
        "Cancel it first": lambda: studio.marks.trash([waiting.id], "me"),
        "not in the notebook": lambda: studio.marks.rate("x", 1, "me"),
    }
    for words, act in wrong.items():
        with pytest.raises(InvalidRequestError, match=words):
            act()
    assert studio.run(waiting.id).tags == []


def test_only_whoever_started_a_run_or_the_owner_marks_it(settings, database, picture):
    from dataclasses import replace

    studio = Studio(replace(settings, owner_key="the-owner"), database, runner="nobody:Runner")
    run = studio.submit(draft_of(picture), "a-click-of-sixteen", "visitor-one")
    for act in (
        lambda key: studio.marks.rate(run.id, 1, key),
        lambda key: studio.marks.write_note(run.id, "x", key),
        lambda key: studio.marks.tag([run.id], ["x"], [], key),
        lambda key: studio.marks.set_tags({run.id: ["x"]}, key),
        lambda key: studio.marks.restore([run.id], key),
    ):
        with pytest.raises(InvalidRequestError, match="Only whoever started this run"):
            act("visitor-two")
        act("visitor-one")
        act("the-owner")
    for act in (studio.marks.trash, studio.marks.purge):
        with pytest.raises(InvalidRequestError, match="Only whoever started this run"):
            act([run.id], "visitor-two")
    studio.stop()


def test_a_draft_survives_a_restart_and_belongs_to_one_visitor(settings, studio, picture):
    form = {"prompt": "half a sen", "image": {"sha256": picture.sha256}}
    studio.drafts.save("me", {"prompt": "older"}, None)
    studio.drafts.save("me", form, "parent")
    again = Studio(settings, Database.open(settings.data_folder), local_owner=True)
    kept = again.drafts.load("me")
    assert (kept.form, kept.parent_id) == (form, "parent")
    assert again.drafts.load("you") is None
    with pytest.raises(InvalidRequestError, match="too long"):
        studio.drafts.save("me", {"prompt": "x" * 70_000}, None)


def test_the_first_frame_of_a_draft_is_not_cleaned_away(studio, database, picture, tmp_path):
    from storage.disposal import disposable

    later = 4e9
    file = database.folder.asset(picture.sha256, "png")
    assert file in disposable(database, "pictures", later, tmp_path)
    studio.drafts.save("me", {"image": {"sha256": picture.sha256}}, None)
    assert file not in disposable(database, "pictures", later, tmp_path)
