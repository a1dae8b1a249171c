"""What a visitor sees of a notebook that others use too."""

import itertools
import time
from functools import partial

import pytest
from sqlalchemy import update
from studio_ways import RUNNER, draft_of

from sanawm.errors import InvalidRequestError
from storage.tables import INBOX, Run, Share
from studio.identity import visitor_id
from studio.settings import Settings
from studio.studio import Studio

OWNER, ANNA, BERTA = "the owner's long key", "a" * 32, "b" * 32


@pytest.fixture
def studio(settings, database):
    owned = Settings(
        data_folder=settings.data_folder, model_folder=settings.model_folder, owner_key=OWNER
    )
    studio = Studio(owned, database, runner=RUNNER)
    yield studio
    studio.stop()


@pytest.fixture
def press(studio, picture):
    clicks = itertools.count()

    def press(visitor, prompt="a lamp", **changes):
        draft = draft_of(picture, prompt=prompt, **changes)
        return studio.seen_by(visitor).submit(draft, f"click-{next(clicks)}", visitor)

    return press


@pytest.fixture
def link(database):
    tokens = itertools.count()

    def link(**fields):
        share = {"kind": "run", "visitor": visitor_id(ANNA), "created_at": 0.0} | fields
        with database.write() as session:
            session.add(Share(token=f"token-{next(tokens)}", **share))
            session.execute(update(Run).values(state="done"))  # what is not cannot be shared

    return link


def test_the_owner_sees_everything_and_a_visitor_what_is_theirs(studio, press):
    hers, other = press(ANNA), press(BERTA)

    assert studio.seen_by(OWNER) is studio
    for key, own, foreign in ((ANNA, hers, other), (BERTA, other, hers)):
        seen = studio.seen_by(key)
        assert [run.id for run in seen.runs()] == [own.id]
        assert [run.id for run in seen.gallery.search().runs] == [own.id]
        assert [run.id for run in seen.queue_runs()] == [own.id]
        assert [cell.run_id for cell in seen.book.cells(INBOX)] == [own.id]
        assert [book.runs for book in seen.book.all()] == [1]
        for act, values in (
            (seen.run, ()),
            (seen.gallery.family, ()),
            (seen.chains.chain, ()),
            (seen.cancel, (key,)),
            (seen.duplicate, ("c" * 32, key)),
            (seen.marks.rate, (3, key)),
            (partial(seen.book.add_run, INBOX), (key,)),
        ):
            with pytest.raises(InvalidRequestError, match="not in the notebook"):
                act(foreign.id, *values)


def test_places_in_the_line_count_everybody_and_name_only_ones_own(studio, press):
    first, second = press(ANNA), press(BERTA)

    assert studio.seen_by(BERTA).run(second.id).queue_position == 1
    status = studio.seen_by(BERTA).status()
    assert status.queued == 2
    assert [(place.id, place.position) for place in status.line] == [(second.id, 1)]
    assert [place.id for place in studio.status().line] == [first.id, second.id]


def test_an_event_tells_a_visitor_only_of_what_is_theirs(studio, press):
    rev = studio.rev()
    hers, _ = press(ANNA), press(BERTA)
    studio.book.create("Of the owner", OWNER)
    event = studio.event(rev)

    told = studio.seen_by(ANNA).narrowed(event)

    assert studio.narrowed(event) is event
    assert len(event.runs) == len(event.cells) == 2
    assert [run.id for run in told.runs] == [hers.id]
    assert [cell.run_id for cell in told.cells] == [hers.id]
    assert [place.id for place in told.status.line] == [hers.id]
    assert [book.title for book in told.notebooks] == ["Inbox"]
    assert told.rev == event.rev


def test_a_run_can_come_from_anothers_only_where_a_link_shows_it(studio, press, link):
    hers = press(ANNA, "secret words")

    hidden = press(BERTA, parent_id=hers.id)
    assert (hidden.parent_id, hidden.root_id) == (None, hidden.id)
    assert not studio.seen_by(BERTA).may_come_from(hers.id)

    now = time.time()
    link(run_id=hers.id, expires_at=now - 1)
    link(run_id=hers.id, revoked_at=now)
    link(run_id=hers.id, with_recipe=False)
    assert not studio.seen_by(BERTA).may_come_from(hers.id)

    link(run_id=hers.id, expires_at=now + 60)
    assert studio.seen_by(BERTA).may_come_from(hers.id)
    child = press(BERTA, parent_id=hers.id)
    assert (child.parent_id, child.root_id) == (hers.id, hers.root_id)
    assert (child.parent_number, child.changes) == (None, [])  # what it was stays hers to show
    assert [run.id for run in studio.seen_by(BERTA).gallery.family(child.id)] == [child.id]
    assert studio.run(hers.id).children == 1


def test_a_link_to_a_notebook_shows_the_runs_that_stand_in_it(studio, press, link):
    alone, swept, away = press(ANNA), press(ANNA), press(ANNA)
    book = studio.seen_by(ANNA).book.create("Hers", ANNA)
    studio.book.add_run(book.id, alone.id, ANNA)
    studio.book.add_compare(book.id, [alone.id, swept.id], ANNA)
    cell = studio.book.add_run(book.id, away.id, ANNA)
    studio.book.remove(cell.id, ANNA)
    link(kind="notebook", notebook_id=book.id)

    seen = studio.seen_by(BERTA)
    assert [bool(seen.may_come_from(run.id)) for run in (alone, swept, away)] == [True, True, False]
    studio.book.trash(book.id, ANNA)
    assert not seen.may_come_from(alone.id)


def test_a_run_of_the_owner_in_a_visitors_notebook_stays_the_owners(studio, press):
    book = studio.seen_by(ANNA).book.create("Hers", ANNA)
    run = press(OWNER, notebook_id=book.id)

    assert [cell.run_id for cell in studio.book.cells(book.id)] == [run.id]
    assert studio.seen_by(ANNA).book.cells(book.id) == []


def test_whoever_sends_no_key_sees_nothing(studio, press):
    press(ANNA)
    nobody = studio.seen_by("")

    assert (nobody.runs(), nobody.queue_runs(), nobody.gallery.search().runs) == ([], [], [])
    assert [book.runs for book in nobody.book.all()] == [0]
