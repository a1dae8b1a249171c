"""Marks and notebooks outlive the database: what people did is in files, and comes back of them."""

import json
import random
import threading
import time
from contextlib import suppress

import pytest
from filelock import FileLock
from sqlalchemy import select
from studio_ways import Bench, eventually

from sanawm.errors import InvalidRequestError
from storage.database import Database
from storage.errors import StorageError
from storage.files import ORPHAN_AGE_S, clean
from storage.migrate import copy_database
from storage.mirror_marker import set_mirrored
from storage.tables import Cell, Notebook, Run
from storage.trash import KEPT_S, purge_old
from storage.upkeep import Rescanned, rescan
from studio import mirror as mirroring
from studio.mirror import Mirror

NOTHING = Rescanned(runs=0, notebooks=0, cells=0, problems=[])
WORDS = ("# Morning", 'ein "Fluß"\n\n- zwei 😀', "", "]}\n}", "\u2028 {}")
RUN = ("number", "rating", "note", "tags", "deleted_at", "visitor", "prompt")
BOOK = ("title", "description", "newest_first", "visitor", "created_at", "deleted_at")
CELL = (
    "id",
    "notebook_id",
    "visitor",
    "kind",
    "run_id",
    "content",
    "collapsed",
    "created_at",
    "deleted_at",
)


@pytest.fixture
def mirror(database):
    return Mirror(database)


@pytest.fixture
def done(settings, database, submit):
    """Makes finished runs."""
    bench = Bench(settings, database)

    def done(**changes):
        run = submit(**changes)
        bench.make_next()
        return run.id

    return done


def everything(database):
    """All that people see of runs, notebooks and cells, in the order they see it."""
    with database.read() as session:
        order = Cell.notebook_id, Cell.position
        return [
            {row.id: [getattr(row, name) for name in RUN] for row in session.scalars(select(Run))},
            {
                row.id: [getattr(row, name) for name in BOOK]
                for row in session.scalars(select(Notebook))
            },
            [
                [getattr(row, name) for name in CELL]
                for row in session.scalars(select(Cell).order_by(*order))
            ],
        ]


def inbox_age_aside(found):
    runs, books, cells = found
    return [runs, books | {"inbox": [*books["inbox"][:4], None]}, cells]


def lost(database):
    """A new, empty database where the old one was."""
    database.close()
    for file in database.folder.root.glob("app.db*"):
        file.unlink()
    return Database.open(database.folder.root)


class Person:
    """Does one thing after another with runs and notebooks, whatever comes to mind."""

    def __init__(self, studio, runs, seed):
        self.studio, self.book, self.runs = studio, studio.book, runs
        self.any = random.Random(seed)

    def pick(self, model):
        with self.studio._database.read() as session:
            return self.any.choice(sorted(session.scalars(select(model.id))))

    def act(self):
        acts = (self.text, self.compare, self.place, self.move, self.move, self.put_away)
        acts += (self.rate, self.note, self.tag, self.throw, self.title, self.begin, self.drop)
        self.any.choice(acts)()

    def text(self):
        self.book.add_text(self.pick(Notebook), self.any.choice(WORDS), "me")

    def compare(self):
        self.book.add_compare(self.pick(Notebook), self.any.sample(self.runs, 2), "me")

    def place(self):
        self.book.add_run(self.pick(Notebook), self.any.choice(self.runs), "me")

    def move(self):
        goal = {"notebook_id": self.pick(Notebook)} if self.any.random() < 0.6 else {}
        self.book.move(self.pick(Cell), "me", above=self.any.choice(["", None]), **goal)

    def put_away(self):
        self.any.choice([self.book.remove, self.book.restore_cell])(self.pick(Cell), "me")

    def rate(self):
        self.studio.marks.rate(self.any.choice(self.runs), self.any.randrange(6), "me")

    def note(self):
        self.studio.marks.write_note(self.any.choice(self.runs), self.any.choice(WORDS), "me")

    def tag(self):
        self.studio.marks.set_tags({self.any.choice(self.runs): ["fog", "Nebel"]}, "me")

    def throw(self):
        marks = self.studio.marks
        self.any.choice([marks.trash, marks.restore])([self.any.choice(self.runs)], "me")

    def title(self):
        words = {"title": self.any.choice(["Turns", "Öfen"]), "description": "How far?"}
        self.book.change(self.pick(Notebook), "me", newest_first=self.any.random() < 0.5, **words)

    def begin(self):
        self.book.create("Another", "someone")

    def drop(self):
        notebook_id = self.pick(Notebook)
        if notebook_id != "inbox":
            self.any.choice([self.book.trash, self.book.restore])(notebook_id, "me")


@pytest.mark.parametrize(
    "seed", [3, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 20))]
)
def test_whatever_was_done_comes_back_after_the_database_was_lost(
    studio, database, mirror, done, seed
):
    runs = [done(), done(), done()]
    studio.book.create("Walks", "me")
    person = Person(studio, runs, seed)
    for number in range(60):
        with suppress(InvalidRequestError, StorageError):  # what is refused changes nothing
            person.act()
        if number % 7 == 0:
            mirror.write()
    mirror.write()
    before = everything(database)

    again = lost(database)
    found = rescan(again)

    assert found.problems == []
    assert inbox_age_aside(everything(again)) == inbox_age_aside(before)
    assert rescan(again) == NOTHING
    again.close()


def test_an_empty_database_never_overwrites_the_files_of_a_lost_one(
    studio, database, mirror, done, caplog
):
    done()
    text = studio.book.add_text("inbox", "Kept", "me")
    mirror.write()
    again = lost(database)

    Mirror(again).write()
    clean(again.folder, {}, time.time() + 10 * ORPHAN_AGE_S)
    assert "python -m studio rescan" in caplog.text
    assert "Kept" in (database.folder.notebooks / "inbox.json").read_text()

    found = rescan(again)
    assert (found.runs, found.cells, found.changed, found.problems) == (1, 2, 0, [])
    Mirror(again).write()
    kept = json.loads((database.folder.notebooks / "inbox.json").read_text())
    assert text.id in [cell["id"] for cell in kept["cells"]]
    again.close()


def test_an_older_copy_of_the_database_gets_back_what_came_after_it(
    studio, database, mirror, done, caplog
):
    done()
    mirror.write()
    copy = database.folder.root / "copy.db"
    copy_database(database.folder.database, copy)
    done()
    first = studio.book.add_text("inbox", "Later", "me")
    mirror.write()
    before = everything(database)
    database.close()
    for file in database.folder.root.glob("app.db*"):
        file.unlink()
    copy.rename(database.folder.database)
    older = Database.open(database.folder.root)
    Mirror(older).write()
    assert "python -m studio rescan" in caplog.text
    assert rescan(older).problems == []
    assert first.id in [cell[0] for cell in everything(older)[2]]
    assert set(everything(older)[0]) == set(before[0])
    older.close()


def test_cells_without_rows_take_their_places_among_those_that_have_rows(studio, database, mirror):
    cells = [studio.book.add_text("inbox", str(number), "me", above="") for number in range(6)]
    mirror.write()
    with database.write() as session:
        for number in (0, 3, 5):
            session.delete(session.get(Cell, cells[number].id))
    studio.book.add_text("inbox", "new", "me", above="")
    assert rescan(database).cells == 3
    assert [cell.text for cell in studio.book.cells("inbox")] == [
        "new", "5", "4", "3", "2", "1", "0"
    ]  # fmt: skip


def test_only_what_changed_is_written_and_nothing_where_nothing_did(
    studio, database, mirror, done, monkeypatch
):
    done()
    second = done()
    book = studio.book.create("Walks", "me")
    written = []
    for module in ("mirror_files", "mirror_marker"):
        monkeypatch.setattr(
            f"storage.{module}.write_whole",
            lambda path, content: written.append(path) or path.write_bytes(content),
        )
    database.folder.notebooks.mkdir()
    mirror.write()
    assert {path.name for path in written} == {
        "marks.json", "inbox.json", f"{book.id}.json", "mirror.json"
    }  # fmt: skip
    written.clear()
    mirror.write()
    assert written == []
    studio.marks.rate(second, 4, "me")
    mirror.write()
    names = [path.relative_to(database.folder.root).as_posix() for path in written]
    assert names == ["mirror.json", f"runs/{second}/a1/marks.json", "mirror.json"]
    written.clear()
    studio.book.change(book.id, "me", title="Other")
    mirror.write()
    assert [path.name for path in written] == ["mirror.json", f"{book.id}.json", "mirror.json"]
    set_mirrored(database, 0)
    written.clear()
    mirror.write()
    assert "marks.json" not in {path.name for path in written}


def test_a_notebook_deleted_for_good_does_not_come_back(studio, database, mirror):
    book = studio.book.create("Gone", "me")
    studio.book.trash(book.id, "me")
    mirror.write()
    file = database.folder.notebooks / f"{book.id}.json"
    assert file.is_file()
    with database.write() as session:
        session.get_one(Notebook, book.id).deleted_at -= KEPT_S + 1
    purge_old(database)
    studio.book.add_text("inbox", "something", "me")
    mirror.write()
    assert not file.exists()
    assert rescan(database) == NOTHING


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("inbox.json", "{", "Expecting"),
        ("inbox.json", '{"schema": "other"}', "wanderbook.notebook/1"),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV.json", None, "another name"),
    ],
)
def test_a_broken_notebook_is_named_and_the_rest_comes_back(
    studio, database, mirror, done, name, text, problem
):
    run = done()
    book = studio.book.create("Whole", "me")
    mirror.write()
    inbox = (database.folder.notebooks / "inbox.json").read_text()
    (database.folder.notebooks / name).write_text(inbox if text is None else text)
    marks = database.folder.attempt(run, 1) / "marks.json"
    marks.write_text(marks.read_text().replace('"rating": 0', '"rating": 9'))
    again = lost(database)
    found = rescan(again)
    assert sorted(found.problems)[0].startswith(str(database.folder.notebooks / name))
    assert problem in sorted(found.problems)[0]
    assert "rating" in sorted(found.problems)[1]
    runs, books, cells = everything(again)
    assert run in runs
    assert book.id in books
    assert [cell[4] for cell in cells] == [run]
    again.close()


def test_the_program_writes_meanwhile_and_the_rest_when_it_ends(
    studio, database, mirror, monkeypatch
):
    inbox = database.folder.notebooks / "inbox.json"
    monkeypatch.setattr(mirroring, "PAUSE_S", 0.01)
    mirror.start()
    studio.book.add_text("inbox", "First words", "me")
    eventually(lambda: inbox.is_file() and "First words" in inbox.read_text(), 20)
    monkeypatch.setattr(mirroring, "PAUSE_S", 60.0)
    studio.book.add_text("inbox", "Second words", "me")
    studio.book.add_text("inbox", "Last words", "me")
    mirror.stop()
    assert "Last words" in inbox.read_text()
    assert "mirror" not in {thread.name for thread in threading.enumerate()}


def test_of_two_programs_on_one_folder_one_writes_at_a_time(studio, database, mirror):
    mirror.write()
    studio.book.add_text("inbox", "Words", "me")
    with FileLock(database.folder.root / "mirror.lock"):
        assert not mirror.write()
    inbox = database.folder.notebooks / "inbox.json"
    assert "Words" not in inbox.read_text()
    assert mirror.write()
    assert "Words" in inbox.read_text()


def test_a_disk_that_is_full_is_told_once_and_tried_again(
    studio, database, mirror, monkeypatch, caplog
):
    monkeypatch.setattr(mirroring, "PAUSE_S", 0.01)
    tries = []

    def full(*_):
        tries.append(1)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("storage.mirror_files.write_whole", full)
        mirror.start()
        eventually(lambda: len(tries) > 3, 20)
    eventually((database.folder.notebooks / "inbox.json").is_file, 20)
    mirror.stop()
    assert caplog.text.count("could not be written") == 1
