"""What arrives a second time, or where something was lost: found again, put back, never doubled."""

import json

import pytest
from packing import make_good, pack

from storage.database import Database
from storage.tables import INBOX, Cell, Notebook
from studio.settings import Settings
from studio.studio import Studio


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The files of a bundle of a notebook of two runs, a text and a comparison."""
    return make_good(tmp_path_factory.mktemp("good"))[0]


@pytest.fixture
def file(good, tmp_path):
    return pack(tmp_path / "good.wanderbook.zip", good)


@pytest.fixture
def there(tmp_path):
    """Another computer's studio."""
    database = Database.open(tmp_path / "there")
    studio = Studio(Settings(data_folder=tmp_path / "there"), database, local_owner=True)
    yield studio
    studio.stop()
    database.close()


def text_of(studio, notebook_id):
    [cell] = [cell for cell in studio.book.cells(notebook_id) if cell.kind == "text"]
    return cell


def test_a_notebook_that_was_edited_gets_one_copy_however_often_the_bundle_comes(there, file):
    first = there.bundles.bring_in(file, "me").notebook_id
    there.book.write(text_of(there, first).id, "me", text="# Changed here")

    copies = [there.bundles.bring_in(file, "me").notebook_id for _ in range(3)]

    assert len({first, *copies}) == 2
    assert len(there.book.all()) == 3  # and the inbox
    there.book.write(text_of(there, copies[0]).id, "me", text="# Changed there too")
    again = [there.bundles.bring_in(file, "me").notebook_id for _ in range(2)]
    assert len({first, copies[0], *again}) == 3
    assert text_of(there, again[0]).text == "# Lamps"


def test_a_notebook_and_its_cells_keep_when_they_were_made(there, good, tmp_path):
    book = json.loads(good["notebook.json"])
    book["created_at"] = 1_000_000.0
    for place, cell in enumerate(book["cells"]):
        cell["created_at"] = 1_000_000.0 + place
    file = pack(tmp_path / "old.zip", good | {"notebook.json": json.dumps(book).encode()})

    made = there.bundles.bring_in(file, "me").notebook_id

    assert made != INBOX
    with there._everything.read() as session:
        assert session.get_one(Notebook, made).created_at == 1_000_000.0
        for cell in book["cells"]:
            assert session.get_one(Cell, cell["id"]).created_at == cell["created_at"]
