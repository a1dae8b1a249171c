import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import aliased

from storage import notebooks, runs, search
from storage.database import Database
from storage.tables import INBOX, Asset, Cell, Notebook, Run, Share

MINE, THEIRS = "a" * 32, "b" * 32
SHA = "0" * 64


@pytest.fixture
def database(tmp_path):
    database = Database.open(tmp_path)
    with database.write() as session:
        session.add(Asset(sha256=SHA, extension="png", width=8, height=8, created_at=0.0))
        session.flush()
        for number, (name, visitor) in enumerate(
            [("mine", MINE), ("theirs", THEIRS), ("nobody", "")], start=1
        ):
            run = _run(name, number, visitor)
            session.add(run)
            session.flush()
            notebooks.add_run_cell(session, INBOX, run)
            book = notebooks.add_notebook(session, f"Book of {name}", visitor)
            session.flush()
            notebooks.add_cell(session, book, "text", above="", content={"text": f"of {name}"})
            session.add(_share(name, visitor))
    yield database
    database.close()


def _run(name, number, visitor):
    return Run(
        id=f"run-{name}",
        number=number,
        rev=number,
        state="done",
        visitor=visitor,
        root_id="run-theirs",
        parent_id=None if name == "theirs" else "run-theirs",
        created_at=float(number),
        ended_at=float(number),
        prompt=f"a lamp of {name}",
        negative_prompt="",
        image_sha256=SHA,
        path_sha256=SHA,
        path_source={"kind": "preset", "preset": "push-in"},
        path_points=[],
        num_frames=9,
        fps=8.0,
        width=80,
        height=48,
        seed=1,
        num_inference_steps=4,
        guidance_scale=1.0,
        model="tiny",
        model_revision="r",
        tags=[f"tag-{name}"],
    )


def _share(name, visitor):
    return Share(
        token=f"token-{name}", kind="run", run_id=f"run-{name}", visitor=visitor, created_at=0.0
    )


def test_every_way_of_reading_leaves_out_what_is_not_ones_own(database):
    other = aliased(Run)
    with database.seen_by(MINE).read() as session:
        assert session.get(Run, "run-theirs") is None
        assert session.get(Run, "run-mine").prompt == "a lamp of mine"
        assert [run.id for run in session.scalars(select(Run))] == ["run-mine"]
        assert session.scalars(select(other.id)).all() == ["run-mine"]
        assert session.scalar(select(func.count()).select_from(Run)) == 1
        assert session.scalar(select(func.max(Run.number))) == 1
        inner = select(Run.id).subquery()
        assert session.execute(select(inner.c.id)).all() == [("run-mine",)]
        assert [run.id for run in runs.newest(session, None, 10)] == ["run-mine"]
        assert [run.id for run in runs.changed(session, 0)] == ["run-mine"]
        assert runs.parents(session, [session.get(Run, "run-mine")]) == {}
        assert [run.id for run in search.family(session, "run-theirs")] == ["run-mine"]
        assert search.children(session, ["run-theirs"]) == {"run-theirs": 1}
        assert dict(search.tally(session, search.Filter()).tag) == {"tag-mine": 1}
        words = search.Filter(words=("lamp",))
        found = search.page(session, words, before=None, limit=9, stacked=True)
        assert [run.id for run in found] == ["run-mine"]
        assert search.days(session, words, 0, stacked=False) == {"1970-01-01": 1}
        assert search.counts_by_notebook(session, words) == [(INBOX, "Inbox", 1)]


def test_cells_notebooks_and_links_of_others_are_not_there(database):
    with database.seen_by(MINE).read() as session:
        books = [book.title for book in notebooks.notebooks(session)]
        assert books == ["Inbox", "Book of mine"]
        inbox = session.get(Notebook, INBOX)
        assert [c.run_id for c in notebooks.shown(session, inbox, None, 9)] == ["run-mine"]
        assert [one[0].run_id for one in notebooks.every_cell(session, inbox)] == ["run-mine"]
        assert notebooks.run_counts(session) == {INBOX: 1}
        texts = session.scalars(select(Cell).where(Cell.kind == "text")).all()
        assert [cell.content["text"] for cell in texts] == ["of mine"]
        assert session.scalars(select(Share.token)).all() == ["token-mine"]


def test_nobody_in_particular_sees_nothing_not_even_what_belongs_to_nobody(database):
    with database.seen_by("").read() as session:
        for table in (Run, Cell, Share):
            assert session.scalars(select(table)).all() == []
        assert [book.id for book in notebooks.notebooks(session)] == [INBOX]


def test_a_writing_session_cannot_touch_what_is_not_ones_own(database):
    with database.seen_by(MINE).write() as session:
        assert session.get(Run, "run-theirs") is None
        session.execute(update(Run).values(note="mine now"))
    with database.read() as session:
        noted = session.scalars(select(Run.id).where(Run.note != "")).all()
        assert noted == ["run-mine"]
        assert len(session.scalars(select(Run)).all()) == 3
