"""A made-up notebook is one the studio itself could have made."""

import av
import pytest
import seed_notebook

from storage.database import Database
from storage.notebooks import every_cell, notebooks
from storage.tables import INBOX, Notebook, Run
from studio.settings import Settings
from studio.studio import Studio

pytestmark = pytest.mark.slow
RUNS = 60


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    database = Database.open(tmp_path_factory.mktemp("made-up"))
    seed_notebook.seed(database, RUNS)
    yield database
    database.close()


@pytest.fixture
def runs(database):
    with database.read() as session:
        return session.query(Run).order_by(Run.number).all()


def test_every_finished_run_has_files_that_are_what_its_row_says(database, runs):
    assert len(runs) == RUNS
    assert [run.id for run in runs] == sorted(run.id for run in runs)
    assert {run.state for run in runs} > {"done", "failed"}
    for run in runs:
        folder = database.folder.attempt(run.id, 1)
        names = {file.name for file in folder.iterdir()}
        if run.state == "failed":
            assert names == {"log.txt"}
        if run.state == "done":
            assert names == {"video.mp4", "poster.jpg", "thumb.webp", "c2w.npz"}
            with av.open(str(folder / "video.mp4")) as video:
                assert video.streams.video[0].frames == run.num_frames == len(run.path_points)


def test_families_hang_together(runs):
    by_id = {run.id: run for run in runs}
    children = [run for run in runs if run.parent_id]
    assert {"reseed", "repath", "remix"} <= {run.relation for run in children}
    for run in runs:
        if run.parent_id is None:
            assert (run.root_id, run.relation) == (run.id, "")
            continue
        parent = by_id[run.parent_id]
        assert run.root_id == parent.root_id
        assert run.created_at >= parent.created_at
        if run.relation == "reseed":
            assert (run.prompt, run.path_sha256) == (parent.prompt, parent.path_sha256)
        if run.relation == "extend":
            assert run.path_source["start"]["run"] == parent.id


def test_every_run_stands_in_one_place_of_a_notebook(database, runs):
    with database.read() as session:
        assert len(notebooks(session)) == 4
        cells = [cell for book in notebooks(session) for cell, *_ in every_cell(session, book)]
        assert {cell.kind for cell in cells} == {"run", "text", "compare", "sweep"}
        [sweep] = [cell for cell in cells if cell.kind == "sweep"]
        placed = [cell.run_id for cell in cells if cell.kind == "run"] + sweep.content["runs"]
        assert session.get(Notebook, INBOX) is not None
    shown = [run.id for run in runs if run.deleted_at is None]
    assert sorted(placed) == sorted(shown)


def test_the_studio_goes_on_from_there(database, runs):
    studio = Studio(Settings(data_folder=database.folder.root), database, local_owner=True)
    page = studio.gallery.search("", limit=60)
    assert page.total == sum(run.deleted_at is None for run in runs)
    assert studio.gallery.search("is:trash").total == RUNS - page.total
    assert 0 < studio.gallery.search("rating:>=4").total < page.total
    again = studio.duplicate(page.runs[0].id, "click", "visitor")
    assert again.number == RUNS + 1
