"""An older copy of the database was put back: whatever is newer on the disk is in the rows after a
rescan, or in a file that was set aside.
"""

import json
import time
import zipfile
from contextlib import suppress

import pytest
from sqlalchemy import select
from studio_ways import Bench
from test_mirror import Person, everything

from sanawm.errors import InvalidRequestError
from storage.database import Database
from storage.errors import StorageError
from storage.files import ORPHAN_AGE_S, clean
from storage.migrate import copy_database
from storage.mirror_files import write_changes
from storage.mirror_marker import is_foreign, mirrored_until, standing
from storage.queue import Queue
from storage.runs import attempts
from storage.tables import Cell, Job, Notebook, Run
from storage.trash import KEPT_S, purge_old
from storage.upkeep import Rescanned, rescan
from studio.mirror import Mirror
from studio.remains import bury
from studio.studio import Studio

WORDS = "Written since"


class Past:
    """A copy of the database as it is now, to be put back later."""

    def __init__(self, database):
        self.folder, self.database = database.folder, database
        self.copy = self.folder.root / "copy.db"
        copy_database(self.folder.database, self.copy)

    def put_back(self):
        self.database.close()
        for file in self.folder.root.glob("app.db*"):
            file.unlink()
        self.copy.rename(self.folder.database)
        self.database = Database.open(self.folder.root)
        return self.database


@pytest.fixture
def past():
    """Makes copies, and closes what was opened of them."""
    made = []

    def past(database):
        made.append(Past(database))
        return made[-1]

    yield past
    for one in made:
        one.database.close()


@pytest.fixture
def done(settings, database, submit):
    """A finished run."""
    run = submit()
    Bench(settings, database).make_next()
    return run.id


@pytest.fixture
def text(studio):
    return studio.book.add_text("inbox", "Written before", "me").id


def say(studio, run, text, words=WORDS):
    """Stars, a note, and another text."""
    studio.marks.rate(run, 5, "me")
    studio.marks.write_note(run, words, "me")
    studio.book.write(text, "me", text=words)


def said(database, run, text):
    with database.read() as session:
        row, cell = session.get_one(Run, run), session.get_one(Cell, text)
        return row.rating, row.note, cell.content["text"]


def texts(database, notebook="inbox"):
    with database.read() as session:
        query = select(Cell).where(Cell.notebook_id == notebook, Cell.kind == "text")
        return [cell.content["text"] for cell in session.scalars(query.order_by(Cell.position))]


def copied(found):
    with zipfile.ZipFile(found.copied_to) as opened:
        return {name: opened.read(name).decode() for name in opened.namelist()}


def marks_of(database, run, attempt=1):
    return database.folder.attempt(run, attempt) / "marks.json"


def test_what_was_said_since_is_in_the_rows_after_a_rescan(studio, database, past, done, text):
    Mirror(database).write()
    older = past(database)
    say(studio, done, text)
    Mirror(database).write()
    database = older.put_back()
    assert is_foreign(database)

    found = rescan(database)

    assert said(database, done, text) == (5, WORDS, WORDS)
    assert (found.changed, found.problems) == (2, [])
    assert "Records newer than their rows, taken over: 2." in found.sentences()
    held = copied(found)
    assert WORDS in held["notebooks/inbox.json"]
    assert WORDS in held[f"runs/{done}/a1/marks.json"]
    assert str(found.copied_to) in " ".join(found.sentences())
    Mirror(database).write()
    assert WORDS in marks_of(database, done).read_text()
    assert WORDS in (database.folder.notebooks / "inbox.json").read_text()
    again = rescan(database)
    assert (again.changed, again.copied_to) == (0, None)


def test_names_places_and_what_was_removed_since_come_back_too(studio, database, past, done, text):
    book, other = studio.book, studio.book.create("Before", "me")
    first, second, third = (book.add_text("inbox", word, "me").id for word in "abc")
    Mirror(database).write()
    older = past(database)
    book.change(other.id, "me", title="Since", description="How far?")
    book.change("inbox", "me", title="Mine")
    book.move(third, "me", above="", notebook_id=other.id)
    book.move(first, "me", above=None)
    book.move(first, "me", above="")
    book.remove(second, "me")
    Mirror(database).write()
    wanted = texts(database), texts(database, other.id)
    database = older.put_back()

    rescan(database)

    assert (texts(database), texts(database, other.id)) == wanted
    with database.read() as session:
        assert session.get_one(Notebook, other.id).title == "Since"
        assert session.get_one(Notebook, "inbox").title == "Mine"
        assert session.get_one(Cell, second).deleted_at is not None


@pytest.mark.parametrize(
    "seed", [5, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(6, 22))]
)
def test_whatever_was_done_since_comes_back(settings, studio, database, past, submit, seed):
    runs = [submit().id for _ in range(3)]
    bench = Bench(settings, database)
    bench.make_next()
    bench.make_next()
    studio.book.create("Walks", "me")
    person = Person(studio, runs, seed)

    def act(times):
        for _ in range(times):
            with suppress(InvalidRequestError, StorageError):  # what is refused changes nothing
                person.act()
        Mirror(database).write()

    act(30)
    older = past(database)
    bench.make_next()
    act(30)
    wanted = everything(database)
    database = older.put_back()

    found = rescan(database)

    assert (found.finished, found.problems) == (1, [])
    assert everything(database) == wanted
    assert rescan(database) == Rescanned(runs=0, notebooks=0, cells=0, problems=[])


def test_files_stay_newer_however_much_the_older_copy_does(
    settings, studio, database, past, done, text
):
    Mirror(database).write()
    older = past(database)
    say(studio, done, text)
    Mirror(database).write()
    database = older.put_back()
    studio = Studio(settings, database, local_owner=True)
    for number in range(30):
        studio.book.add_text("inbox", f"more {number}", "me")
        Mirror(database).write()

    assert is_foreign(database)
    assert WORDS in marks_of(database, done).read_text()
    rescan(database)

    assert said(database, done, text) == (5, WORDS, WORDS)
    assert len(texts(database)) == 31
    assert texts(database)[-1] == "more 29"
    assert not is_foreign(database)
    studio.stop()


def test_what_was_changed_after_the_copy_was_put_back_is_kept(
    settings, studio, database, past, done, text
):
    Mirror(database).write()
    older = past(database)
    say(studio, done, text)
    studio.marks.set_tags({done: ["fog"]}, "me")
    Mirror(database).write()
    database = older.put_back()
    studio = Studio(settings, database, local_owner=True)
    studio.book.write(text, "me", text="Newest")
    studio.marks.write_note(done, "Newest", "me")

    found = rescan(database)

    assert said(database, done, text) == (5, "Newest", "Newest")
    with database.read() as session:
        assert session.get_one(Run, done).tags == ["fog"]
    assert WORDS in copied(found)["notebooks/inbox.json"]
    assert WORDS in copied(found)[f"runs/{done}/a1/marks.json"]
    studio.stop()


def test_the_same_copy_may_be_put_back_twice(studio, database, past, done, text):
    Mirror(database).write()
    older, oldest = past(database), database.folder.root / "again.db"
    copy_database(database.folder.database, oldest)
    say(studio, done, text)
    Mirror(database).write()
    database = older.put_back()
    rescan(database)
    Mirror(database).write()
    older.copy = oldest
    database = older.put_back()

    assert standing(database).relation == "newer"
    rescan(database)

    assert said(database, done, text) == (5, WORDS, WORDS)


def test_a_copy_from_before_anything_was_written_beside_is_older_too(
    studio, database, past, done, text
):
    older = past(database)
    say(studio, done, text)
    Mirror(database).write()
    database = older.put_back()
    rescan(database)
    assert said(database, done, text) == (5, WORDS, WORDS)


def test_files_written_before_a_kill_count_as_written(studio, database, past, done, text):
    Mirror(database).write()
    older = past(database)
    say(studio, done, text)
    over = iter([False, True])
    assert write_changes(database, mirrored_until(database), lambda: next(over)) is None
    assert WORDS in marks_of(database, done).read_text()
    database = older.put_back()
    assert is_foreign(database)


def test_of_another_database_rows_stay_and_the_files_are_copied(studio, database, done, text):
    say(studio, done, text)
    Mirror(database).write()
    (database.folder.root / "mirror.json").write_text('{"database": "other", "rev": 1}')
    say(studio, done, text, "In the rows")

    found = rescan(database)

    assert said(database, done, text) == (5, "In the rows", "In the rows")
    assert WORDS in copied(found)["notebooks/inbox.json"]
    assert WORDS in copied(found)[f"runs/{done}/a1/marks.json"]


def test_a_restored_folder_whose_notebooks_are_newer_is_known(studio, database, past, text):
    Mirror(database).write()
    older = past(database)
    studio.book.write(text, "me", text=WORDS)
    Mirror(database).write()
    (database.folder.root / "mirror.json").unlink()
    database = older.put_back()
    Mirror(database).write()
    rescan(database)
    assert texts(database) == [WORDS]


def test_nothing_in_the_trash_of_an_older_copy_goes_by_itself(studio, database, past, done):
    studio.marks.trash([done], "me")
    Mirror(database).write()
    older = past(database)
    studio.marks.restore([done], "me")
    Mirror(database).write()
    database = older.put_back()

    assert purge_old(database, time.time() + 2 * KEPT_S) == []
    rescan(database)

    assert database.folder.attempt(done, 1).is_dir()
    with database.read() as session:
        assert session.get_one(Run, done).deleted_at is None


# ---- videos


@pytest.fixture
def finished_since(settings, studio, database, past, submit):
    """A run that waits, or is being made, in an older copy, and was finished and praised since."""

    def finished_since(*, running=False, prompt="a lamp"):
        run, queue = submit(prompt).id, Queue(database)
        Mirror(database).write()
        older = None if running else past(database)
        bench = Bench(settings, database, queue=queue)
        generation = bench.claim()
        older = older or past(database)
        generation.make()
        studio.marks.rate(run, 4, "me")
        Mirror(database).write()
        return run, older.put_back()

    return finished_since


def row_of(database, run):
    with database.read() as session:
        row = session.get_one(Run, run)
        return row.state, row.attempt, row.rating, session.scalars(select(Job.run_id)).all()


def video_of(database, run):
    return (database.folder.attempt(run, 1) / "video.mp4").read_bytes()


def test_a_run_that_was_finished_since_is_done_after_a_rescan(finished_since):
    run, database = finished_since()
    found = rescan(database)
    assert (found.finished, found.problems) == (1, [])
    assert "Runs that were finished already and are done now: 1." in found.sentences()
    assert row_of(database, run) == ("done", 1, 4, [])


@pytest.mark.parametrize("running", [False, True])
def test_no_worker_touches_a_video_that_was_finished_since(settings, finished_since, running):
    run, database = finished_since(running=running)
    video, marks = video_of(database, run), marks_of(database, run).read_bytes()
    bench = Bench(settings, database)
    bury(database, bench.queue.recover())
    bench.stopping.set()
    bench.make_next()
    bench.stopping.clear()
    assert video_of(database, run) == video
    with database.read() as session:
        current = attempts(session)
    clean(database.folder, current, time.time() + 10 * ORPHAN_AGE_S)
    Queue(database).cancel(run)
    with database.read() as session:
        current = attempts(session)
    clean(database.folder, current, time.time() + 10 * ORPHAN_AGE_S)
    assert (video_of(database, run), marks_of(database, run).read_bytes()) == (video, marks)
    rescan(database)
    assert row_of(database, run) == ("done", 1, 4, [])


def test_a_run_drawn_once_more_keeps_what_was_said_of_the_first(settings, finished_since):
    run, database = finished_since()
    Bench(settings, database).make_next()
    assert row_of(database, run) == ("done", 2, 0, [])
    rescan(database)
    assert row_of(database, run) == ("done", 2, 4, [])


def test_a_video_of_other_settings_is_named_and_left_alone(finished_since):
    run, database = finished_since()
    Queue(database).replace(run, seed=99)
    found = rescan(database)
    assert found.finished == 0
    assert "differs in seed" in found.problems[0]
    assert row_of(database, run)[0] == "queued"


def test_a_run_that_is_being_ended_is_left_to_its_worker(settings, studio, database, submit):
    run, bench = submit().id, Bench(settings, database)
    finish, found = bench.queue.finish, []
    bench.queue.finish = lambda *args, **fields: (
        found.append(rescan(database)) or finish(*args, **fields)
    )
    bench.make_next()
    assert found[0].finished == 0
    assert row_of(database, run) == ("done", 1, 0, [])


def test_a_worker_leaves_the_files_that_a_rescan_ended_its_run_with(
    settings, studio, database, submit
):
    run, bench = submit().id, Bench(settings, database, queue=Queue(database, lease_s=-1.0))
    finish, found = bench.queue.finish, []
    bench.queue.finish = lambda *args, **fields: (
        found.append(rescan(database)) or finish(*args, **fields)
    )
    generation = bench.claim()
    bench.queue.lease_s = 3600.0  # no heart beats meanwhile
    bench.queue.report = lambda *_, **__: "held"
    generation.make()
    assert found[0].finished == 1
    assert row_of(database, run) == ("done", 1, 0, [])
    assert video_of(database, run)


# ---- records that cannot be read


def spoil_a_cell(database, cell):
    """Let a cell be of a kind that only a newer program knows."""
    file = database.folder.notebooks / "inbox.json"
    record = json.loads(file.read_text())
    [spoilt] = [one for one in record["cells"] if one["id"] == cell]
    spoilt |= {"kind": "chart", "content": {"words": WORDS}}
    file.write_text(json.dumps(record))


def forget(database):
    database.close()
    for file in database.folder.root.glob("app.db*"):
        file.unlink()
    return Database.open(database.folder.root)


def aside(file):
    [found] = file.parent.glob(f"{file.name}.unreadable-*")
    return found.read_text()


def test_one_bad_cell_loses_neither_the_others_nor_itself(studio, database, done, text):
    bad = studio.book.add_text("inbox", "bad", "me").id
    Mirror(database).write()
    spoil_a_cell(database, bad)
    again = forget(database)
    found = rescan(again)
    assert texts(again) == ["Written before"]
    [problem] = found.problems
    assert "cell 3 has no good 'kind'" in problem
    Mirror(again).write()
    inbox = again.folder.notebooks / "inbox.json"
    assert WORDS in aside(inbox)
    assert "Written before" in inbox.read_text()
    again.close()


@pytest.mark.parametrize("is_lost", [False, True])
def test_records_that_cannot_be_read_are_kept_beside_the_new_ones(
    studio, database, done, text, is_lost
):
    say(studio, done, text)
    Mirror(database).write()
    inbox, marks = database.folder.notebooks / "inbox.json", marks_of(database, done)
    inbox.write_text(inbox.read_text()[:-5])
    marks.write_text(marks.read_text().replace('"rating": 5', '"rating": 9'))
    database = forget(database) if is_lost else database
    assert len(rescan(database).problems) == 2
    Mirror(database).write()
    assert WORDS in aside(inbox)
    assert WORDS in aside(marks)
    assert (WORDS in inbox.read_text()) is not is_lost
    database.close()


def test_the_inbox_gets_its_name_back_although_no_cell_is_missing(studio, database, done):
    studio.book.change("inbox", "me", title="Mine", description="All", newest_first=False)
    Mirror(database).write()
    file = database.folder.notebooks / "inbox.json"
    record = json.loads(file.read_text())
    file.write_text(json.dumps(record | {"cells": []}))
    again = forget(database)
    rescan(again)
    with again.read() as session:
        inbox = session.get_one(Notebook, "inbox")
        assert (inbox.title, inbox.description, inbox.newest_first) == ("Mine", "All", False)
    again.close()
