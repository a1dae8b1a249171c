"""How much a visitor may keep: a lot, and not without end."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from PIL import Image
from sqlalchemy import func, select
from studio_ways import RUNNER

from sanawm.errors import InvalidRequestError
from storage.tables import KeptDraft
from storage.trash import KEPT_S
from studio import limits
from studio.studio import Studio

OWNER, ANNA, BERTA = "the owner's long key", "a" * 32, "b" * 32


@pytest.fixture
def shared(settings, database):
    studio = Studio(replace(settings, owner_key=OWNER), database, runner=RUNNER)
    yield studio
    studio.stop()


def test_a_visitor_has_so_many_notebooks_and_the_owner_as_many_as_fit(shared, monkeypatch):
    monkeypatch.setattr(limits, "MOST_NOTEBOOKS", 2)

    for key in (ANNA, BERTA):
        book = shared.seen_by(key).book
        first = book.create("first", key)
        book.create("second", key)
        book.trash(first.id, key)
        with pytest.raises(InvalidRequestError, match="You have 2 notebooks, and no more fit"):
            book.create("third", key)
    for number in range(3):
        shared.book.create(f"book {number}", OWNER)


def test_a_visitor_has_so_many_cells_in_all_notebooks(shared, monkeypatch):
    monkeypatch.setattr(limits, "MOST_CELLS", 2)
    book = shared.seen_by(ANNA).book
    places = [book.create(title, ANNA).id for title in ("first", "second")]

    cells = [book.add_text(place, "words", ANNA) for place in places]
    book.remove(cells[0].id, ANNA)

    with pytest.raises(InvalidRequestError, match="have 2 cells, and 0 more fit") as caught:
        book.add_text(places[0], "words", ANNA)
    assert f"Removed ones count for {KEPT_S / 86400:.0f} days. Write into" in str(caught.value)
    other = shared.seen_by(BERTA).book
    other.add_text(other.create("hers", BERTA).id, "words", BERTA)
    own = shared.book.create("own", OWNER).id
    for _ in range(3):
        shared.book.add_text(own, "words", OWNER)


def test_the_drafts_that_were_worked_on_last_are_kept(shared, database, monkeypatch):
    monkeypatch.setattr(limits, "MOST_DRAFTS", 3)
    for number in range(5):
        shared.drafts.save(f"visitor {number}", {"prompt": str(number)}, None)

    assert shared.drafts.load("visitor 1") is None
    assert shared.drafts.load("visitor 2").form == {"prompt": "2"}
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(KeptDraft)) == 3


def test_no_picture_is_kept_where_the_disk_is_nearly_full(studio, tmp_path, monkeypatch):
    file = tmp_path / "lamp.png"
    Image.new("RGB", (40, 30)).save(file)
    studio.store_image(file)
    left = SimpleNamespace(free=limits.SPARE_BYTES - 1)
    monkeypatch.setattr(limits.shutil, "disk_usage", lambda folder: left)

    with pytest.raises(InvalidRequestError, match="nearly full"):
        studio.store_image(file)
