import os

import pytest
from PIL import Image
from sqlalchemy import update
from studio_ways import Bench, draft_of, eventually

from sanawm.errors import InvalidRequestError
from storage.disk_use import CACHES, Use
from storage.tables import Asset
from storage.upkeep import examine
from studio.housekeeping import CLEANED


def kinds(view):
    return {room.kind: room for room in view.rooms}


@pytest.fixture
def temporary(settings):
    return settings.data_folder / "gradio"


def make_everything_old(database):
    for file in database.folder.root.rglob("*"):
        if file.is_file():
            os.utime(file, (1, 1))
    with database.write() as session:
        session.execute(update(Asset).values(created_at=1.0))


def entry(settings, kind, size=100):
    file = settings.data_folder / "cache" / kind / f"{'9' * 64}.safetensors"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(size))
    return file


def test_the_page_of_a_fresh_notebook_is_whole(studio, settings, temporary):
    view = studio.housekeeping.view("", temporary)

    assert {*CACHES, "videos", "pictures", "database", "temporary"} < set(kinds(view))
    assert kinds(view)["database"].use.size > 0
    assert kinds(view)["videos"].may_go is None
    assert view.free > 0
    assert view.threads == studio.threads
    assert view.preferences == studio.preferences()
    assert view.models[0].name == "grey"
    assert view.models[0].size == (settings.model_folder / "wanderbook.json").stat().st_size


def test_weights_that_are_links_count_with_what_they_point_to(studio, settings, tmp_path):
    (tmp_path / "blob").write_bytes(bytes(5000))
    before = studio.housekeeping.view("", tmp_path / "none").models[0].size
    (settings.model_folder / "weights.safetensors").symlink_to(tmp_path / "blob")

    assert studio.housekeeping.view("", tmp_path / "none").models[0].size == before + 5000


@pytest.mark.parametrize("kind", CACHES)
def test_a_cache_can_be_emptied(studio, settings, temporary, kind):
    file = entry(settings, kind)
    assert kinds(studio.housekeeping.view("", temporary))[kind].may_go == Use(files=1, size=100)

    assert studio.housekeeping.clean(kind, "", temporary) == Use(files=1, size=100)

    assert not file.exists()
    assert kinds(studio.housekeeping.view("", temporary))[kind].use == Use()


@pytest.mark.parametrize("kind", ["videos", "database", "", "..", "assets"])
def test_what_must_stay_cannot_be_cleaned(studio, temporary, kind):
    with pytest.raises(InvalidRequestError, match="Nothing of this kind"):
        studio.housekeeping.clean(kind, "", temporary)


def test_passing_files_outside_the_data_folder_are_counted_and_left_alone(studio, tmp_path):
    elsewhere = tmp_path / "gradio"
    elsewhere.mkdir()
    (elsewhere / "theirs.png").write_bytes(bytes(10))
    os.utime(elsewhere / "theirs.png", (1, 1))

    room = kinds(studio.housekeeping.view("", elsewhere))["temporary"]

    assert (room.use, room.may_go) == (Use(files=1, size=10), None)
    with pytest.raises(InvalidRequestError):
        studio.housekeeping.clean("temporary", "", elsewhere)
    assert (elsewhere / "theirs.png").exists()


def test_everything_can_be_cleaned_while_a_run_is_drawn_and_others_wait(
    studio, settings, database, submit, temporary
):
    drawn, waiting = submit("hold"), submit("a lamp")
    bench = Bench(settings, database)
    thread = bench.start_next()
    eventually(lambda: studio.run(drawn.id).stage == "drawing")
    make_everything_old(database)
    for kind in CACHES:
        entry(settings, kind)

    for kind in CLEANED:
        studio.housekeeping.clean(kind, "", temporary)
    (settings.data_folder / "go").touch()
    thread.join()
    bench.make_next()

    assert [studio.run(run.id).state for run in (drawn, waiting)] == ["done", "done"]
    assert examine(database) == []


def test_a_picture_chosen_again_outlives_the_clean_up(
    studio, settings, database, temporary, tmp_path
):
    file = tmp_path / "lamp.png"
    Image.new("RGB", (40, 30), "teal").save(file)
    known = studio.store_image(file)
    make_everything_old(database)
    studio.store_image(file)
    studio.housekeeping.clean("pictures", "", temporary)

    run = studio.submit(draft_of(known), "click-1", "")
    assert (settings.data_folder / "assets" / f"{run.image_sha256}.png").exists()
