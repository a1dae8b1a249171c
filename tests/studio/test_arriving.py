"""What arrives a second time, or where something was lost: found again, put back, never doubled."""

import errno
import json
import shutil

import pytest
from packing import make_good, pack
from sqlalchemy import delete

from sanawm.errors import InvalidRequestError
from storage.database import Database
from storage.tables import INBOX, Cell, Notebook, Run
from storage.upkeep import examine, rescan
from studio.bundle_listing import run_ids
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


def run_folders(studio):
    return sorted(studio._everything.folder.runs.glob("*/a1"))


def test_a_video_that_was_lost_comes_back_with_a_bundle_of_its_run(there, good, file):
    brought = there.bundles.bring_in(file, "me")
    lost = run_folders(there)[0]
    (lost / "video.mp4").unlink()

    _, known = there.bundles.inspect(file, "me")
    again = there.bundles.bring_in(file, "me")

    assert list(known.lost.values()) == again.added == [lost.parent.name]
    assert again.notebook_id == brought.notebook_id
    assert (lost / "video.mp4").read_bytes() == good[f"runs/{lost.parent.name}/video.mp4"]
    assert len(run_folders(there)) == 2
    assert examine(there._everything) == []
    assert there.bundles.bring_in(file, "me").added == []


def test_whatever_of_a_run_was_lost_comes_back(there, file):
    there.bundles.bring_in(file, "me")
    first, second = run_folders(there)
    record = json.loads((first / "run.json").read_bytes())
    shutil.rmtree(first.parent)
    (second / "run.json").unlink()
    for asset in there._everything.folder.assets.glob("*.[pn]*"):
        asset.unlink()

    there.bundles.bring_in(file, "me")

    assert examine(there._everything) == []
    assert json.loads((first / "run.json").read_bytes()) == record


def test_a_lost_video_is_not_replaced_by_one_that_was_made_otherwise(there, file):
    there.bundles.bring_in(file, "me")
    lost = run_folders(there)[0]
    (lost / "video.mp4").unlink()
    with there._everything.write() as session:
        run = session.get_one(Run, lost.parent.name)
        run.record = run.record | {"made_at": 1.0}

    again = there.bundles.bring_in(file, "me")

    assert len(again.added) == 1
    assert again.added != [lost.parent.name]
    assert not (lost / "video.mp4").exists()


def test_runs_that_wait_for_a_rescan_are_not_made_twice(there, file):
    there.bundles.bring_in(file, "me")
    with there._everything.write() as session:
        session.execute(delete(Cell))
        session.execute(delete(Run))

    for act in (there.bundles.inspect, there.bundles.bring_in):
        with pytest.raises(InvalidRequestError, match="Run: python -m studio rescan"):
            act(file, "me")
    rescan(there._everything)

    assert there.bundles.bring_in(file, "me").added == []


def test_a_folder_that_nobody_knows_is_in_the_way_of_no_run(there, good, file, monkeypatch):
    left = there._everything.folder.runs / min(run_ids(good)) / "a1"
    left.mkdir(parents=True)
    (left / "log.txt").write_text("killed")

    with monkeypatch.context() as patched:
        patched.setattr("studio.importing._add_run", full)
        with pytest.raises(InvalidRequestError, match="The disk is full, so nothing was changed"):
            there.bundles.bring_in(file, "me")
    assert run_folders(there) == [left]
    assert [path.name for path in left.iterdir()] == ["log.txt"]

    assert sorted(there.bundles.bring_in(file, "me").added) == sorted(run_ids(good))
    assert not (left / "log.txt").exists()
    assert examine(there._everything) == []


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_here_that_cannot_be_read_is_told_in_a_sentence(there, file):
    there.bundles.bring_in(file, "me")
    video = run_folders(there)[0] / "video.mp4"
    video.unlink()
    video.mkdir()

    with pytest.raises(InvalidRequestError, match="was not brought in: the disk says: Is a dir"):
        there.bundles.inspect(file, "me")
