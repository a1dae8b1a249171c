"""Who may make, see and withdraw links, and what a visitor's link can show."""

import itertools

import pytest
from studio_ways import RUNNER, draft_of

from sanawm.errors import InvalidRequestError
from storage.tables import INBOX, Cell, Run
from studio import shares
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
def finish(studio, database, picture):
    clicks = itertools.count()

    def finish(visitor, state="done"):
        draft = draft_of(picture)
        run = studio.seen_by(visitor).submit(draft, f"click-{next(clicks)}", visitor)
        with database.write() as session:
            session.get(Run, run.id).state = state
        return run.id

    return finish


def test_only_whoever_may_change_a_thing_may_share_it(studio, finish):
    hers = finish(ANNA)
    book = studio.seen_by(ANNA).book.create("Anna's", ANNA)

    for kind, target in (("run", hers), ("notebook", book.id)):
        assert studio.shares.create(kind, target, ANNA).token
        assert studio.shares.create(kind, target, OWNER).token
        for stranger in (BERTA, ""):
            with pytest.raises(InvalidRequestError, match="not"):
                studio.shares.create(kind, target, stranger)
    with pytest.raises(InvalidRequestError, match="Only whoever made this notebook"):
        studio.shares.create("notebook", INBOX, ANNA)


def test_what_is_another_visitors_is_as_unknown_as_what_was_never_there(studio, finish):
    hers = finish(ANNA)

    with pytest.raises(InvalidRequestError) as foreign:
        studio.shares.create("run", hers, BERTA)
    with pytest.raises(InvalidRequestError) as nowhere:
        studio.shares.create("run", "01NOTHERE", BERTA)
    assert str(foreign.value) == str(nowhere.value)


def test_each_lists_and_withdraws_their_own_links_and_the_owner_all(studio, finish):
    of_anna = studio.shares.create("run", finish(ANNA), ANNA).token
    of_berta = studio.shares.create("run", finish(BERTA), BERTA).token

    def listed(visitor):
        return {link.token for link in studio.shares.all(visitor)}

    assert listed(ANNA) == {of_anna}
    assert listed(BERTA) == {of_berta}
    assert listed("") == set()
    assert listed(OWNER) == {of_anna, of_berta}
    for stranger in (BERTA, ""):
        with pytest.raises(InvalidRequestError, match="not there"):
            studio.shares.revoke(of_anna, stranger)
    assert studio.shares.open(of_anna)
    studio.shares.revoke(of_anna, ANNA)
    studio.shares.revoke(of_berta, OWNER)
    assert studio.shares.open(of_anna) is studio.shares.open(of_berta) is None
    assert listed(OWNER) == set()


def test_a_link_to_a_visitors_notebook_shows_nothing_that_visitor_cannot_see(
    studio, finish, monkeypatch
):
    monkeypatch.setattr(studio.shares._database.folder.__class__, "attempt", _present)
    monkeypatch.setattr("studio.bundle_writing.NEEDED", ["video.mp4"])
    mine, hers = finish(OWNER), finish(ANNA)
    book = studio.seen_by(ANNA).book.create("Anna's", ANNA)
    studio.seen_by(ANNA).book.add_run(book.id, hers, ANNA)
    studio.book.add_run(book.id, mine, OWNER)
    studio.book.add_compare(book.id, [hers, mine], OWNER)
    by_anna = studio.shares.create("notebook", book.id, ANNA).token
    by_owner = studio.shares.create("notebook", book.id, OWNER).token

    assert set(studio.shares.open(by_anna).runs) == {hers}
    assert studio.shares.run(by_anna, mine) is None
    assert studio.shares.file(by_anna, mine, "video.mp4") is None
    bundle = studio.bundles.of_share(studio.shares.to_pack(by_anna), lambda shown: "")
    assert mine not in "".join(entry.name for entry in bundle.entries)
    [record] = [one for one in bundle.entries if one.name == "notebook.json"]
    assert mine not in (said := b"".join(record.chunks()).decode())
    assert said.count(hers) == 2  # in the cell of its own, and left over of the comparison
    assert set(studio.shares.open(by_owner).runs) == {hers, mine}
    assert studio.shares.run(by_owner, mine).id == mine
    seen = studio.seen_by(BERTA)
    assert seen.may_come_from(mine)
    studio.shares.revoke(by_owner, OWNER)
    assert not seen.may_come_from(mine)  # Anna's own link does not show it
    assert seen.may_come_from(hers)


def test_a_notebooks_link_counts_each_run_once_however_it_is_shown(studio, finish):
    alone, compared, trashed = (finish(ANNA) for _ in range(3))
    seen = studio.seen_by(ANNA)
    book = seen.book.create("Anna's", ANNA)
    seen.book.add_run(book.id, alone, ANNA)
    seen.book.add_compare(book.id, [alone, compared, trashed], ANNA)
    seen.marks.trash([trashed], ANNA)

    for visitor in (ANNA, OWNER):
        token = studio.shares.create("notebook", book.id, visitor).token
        assert studio.shares.open(token).count == 2


def _present(folder, run_id, attempt):
    """Every file of every run is there."""
    (folder.runs / "one").mkdir(parents=True, exist_ok=True)
    (folder.runs / "one" / "video.mp4").touch()
    return folder.runs / "one"


def test_the_notebooks_of_others_and_their_runs_do_not_come_with_a_token(studio, finish):
    hers, other = finish(ANNA), finish(ANNA)
    token = studio.shares.create("run", hers, ANNA).token

    assert studio.shares.run(token, other) is None
    assert studio.shares.run(token).id == studio.shares.run(token, hers).id == hers
    assert studio.shares.open(token).run.id == hers
    for wrong in ("", token[:-1], token + "x", token.swapcase(), f"{token}%"):
        assert studio.shares.open(wrong) is None


def test_a_link_hides_what_is_not_done_and_expires_only_later_than_now(studio, finish, database):
    run = finish(ANNA)
    token = studio.shares.create("run", run, ANNA).token
    with database.write() as session:
        session.get(Run, run).state = "failed"

    assert studio.shares.open(token) is None
    assert studio.shares.run(token) is None
    with pytest.raises(InvalidRequestError, match="later than now"):
        studio.shares.create("run", run, ANNA, expires_at=1.0)
    with pytest.raises(InvalidRequestError, match="not done yet"):
        studio.shares.create("run", run, ANNA)


def test_links_are_counted_and_those_withdrawn_count_no_more(studio, finish, monkeypatch):
    monkeypatch.setattr(shares, "MOST", 2)
    run, another = finish(ANNA), finish(BERTA)
    first = studio.shares.create("run", run, ANNA).token
    studio.shares.create("run", run, ANNA)

    with pytest.raises(InvalidRequestError, match="Withdraw some"):
        studio.shares.create("run", run, ANNA)
    assert studio.shares.create("run", another, BERTA).token
    studio.shares.revoke(first, ANNA)
    assert studio.shares.create("run", run, ANNA).token


def test_a_token_is_128_random_bits_and_says_nothing_of_the_run(studio, finish):
    run = finish(ANNA)
    tokens = [studio.shares.create("run", run, ANNA).token for _ in range(20)]

    assert len(set(tokens)) == 20
    assert all(len(token) >= 22 for token in tokens)
    assert not any(run[:8] in token for token in tokens)


def test_a_remix_of_a_shared_run_may_come_from_it_while_the_link_lives(studio, finish, picture):
    hers = finish(ANNA)
    token = studio.shares.create("run", hers, ANNA).token
    seen = studio.seen_by(BERTA)
    child = seen.submit(draft_of(picture, parent_id=hers), "click-remix", BERTA)
    assert child.parent_id == hers
    assert child.parent_number is None
    assert visitor_id(ANNA) not in str(child.to_dict())

    studio.shares.revoke(token, ANNA)
    late = seen.submit(draft_of(picture, parent_id=hers), "click-late", BERTA)
    assert late.parent_id is None


def test_a_link_without_the_recipe_hands_no_word_of_it_on(studio, finish, database):
    hers = finish(ANNA)
    content = {"runs": [hers], "seeds": [5], "paths": ["a secret path"], "prompts": ["a secret"]}
    book = studio.seen_by(ANNA).book.create("Anna's", ANNA)
    cell = studio.seen_by(ANNA).book.add_compare(book.id, [hers, finish(ANNA)], ANNA)
    with database.write() as session:
        row = session.get_one(Cell, cell.id)
        row.kind, row.content = "sweep", content

    full = studio.shares.create("notebook", book.id, ANNA).token
    bare = studio.shares.create("notebook", book.id, ANNA, with_recipe=False).token

    assert "secret" in str(studio.shares.open(full))
    shown = studio.shares.open(bare)
    assert [cell.runs for cell in shown.cells] == [[hers]]
    assert "secret" not in str(shown)
    assert (shown.runs[hers].first_frame, shown.runs[hers].video) == ("", "")
