"""Runs made of other runs: what they are to each other, sweeps, repetitions, chains."""

import av
import numpy as np
import pytest
from PIL import Image
from studio_ways import Bench, draft_of

from sanawm.camera.path import CameraPath
from sanawm.errors import InvalidRequestError
from sanawm.video import write_mp4
from sanawm.video_reading import read_frames
from storage.tables import Run


@pytest.fixture
def make(studio, settings, database):
    """Make every run that waits."""
    bench = Bench(settings, database)

    def make():
        while studio.status().queued:
            bench.make_next()

    return make


def test_a_run_says_what_it_is_to_its_parent(studio, submit):
    root = submit(seed=1)
    child = {"seed": 1, "parent_id": root.id}
    reseeded = submit(**child | {"seed": 2})
    repathed = submit(**child, path_source={"kind": "actions", "actions": "d-8"})
    remixed = submit("a lake", **child)
    same = submit(**child)
    assert [run.relation for run in (root, reseeded, repathed, remixed, same)] == [
        "",
        "reseed",
        "repath",
        "remix",
        "remix",
    ]
    grandchild = submit("a lake", parent_id=remixed.id)
    assert {run.root_id for run in (root, reseeded, remixed, grandchild)} == {root.id}
    assert studio.run(root.id).children == 4


def test_an_edited_run_says_anew_what_it_is_to_its_parent(studio, submit, picture):
    root = submit(seed=1)
    run = submit("another", seed=1, parent_id=root.id)
    edited = studio.edit(run.id, draft_of(picture, seed=5, parent_id=root.id), "visitor")
    assert (run.relation, edited.relation) == ("remix", "reseed")


def test_a_sweep_is_every_seed_with_every_path_and_every_prompt(studio, picture):
    paths = [{"kind": "preset", "preset": name} for name in ("push-in", "pan-left")]
    cell = studio.sweep(
        draft_of(picture),
        seeds=[1, 2, 3],
        paths=paths,
        prompts=["a lamp", "a lake"],
        client_key="a-click-of-sixteen",
        visitor="me",
    )
    runs = [studio.run(run_id) for run_id in cell.runs]
    wanted = [
        (prompt, path, seed)
        for prompt in ("a lamp", "a lake")
        for path in ("push-in", "pan-left")
        for seed in (1, 2, 3)
    ]
    assert [(run.prompt, run.path_source["preset"], run.seed) for run in runs] == wanted
    assert [found.id for found in studio.book.cells("inbox")] == [cell.id]
    assert cell.content["seeds"] == [1, 2, 3]


def test_what_a_sweep_leaves_open_is_the_drafts_with_one_seed_for_all(studio, picture):
    cell = studio.sweep(
        draft_of(picture),
        seeds=None,
        paths=[],
        prompts=["one", "two"],
        client_key="a-click-of-sixteen",
        visitor="me",
    )
    one, two = (studio.run(run_id) for run_id in cell.runs)
    assert one.seed == two.seed
    assert one.path_source["actions"] == "w-8"


def test_a_sweep_that_is_too_large_or_wrong_in_one_place_queues_nothing(studio, picture):
    place = {"paths": [], "prompts": [], "client_key": "a-click-of-sixteen", "visitor": "me"}
    with pytest.raises(InvalidRequestError, match="These are 37 runs"):
        studio.sweep(draft_of(picture), seeds=list(range(37)), **place)
    bad = {"kind": "actions", "actions": "q-8"}
    with pytest.raises(InvalidRequestError, match="not an action"):
        studio.sweep(draft_of(picture), seeds=[1], **place | {"paths": [bad]})
    assert studio.runs() == []


def test_a_repetition_is_compared_frame_by_frame(studio, submit, make):
    run = submit(seed=3)
    with pytest.raises(InvalidRequestError, match="not done"):
        studio.reproduce(run.id, "click-too-early-16", "me")
    make()
    check = studio.reproduce(run.id, "click-number-one-16", "me")
    assert (check.relation, check.seed, check.check) == ("check", 3, {})
    make()
    found = studio.run(check.id).check
    assert found == {
        "of": run.number,
        "frames": 3,
        "identical": True,
        "psnr": None,
        "worst": 0,
        "differs": [],
    }


def test_a_repetition_that_differs_says_how_far_and_why(studio, database, submit, make):
    run = submit(seed=3)
    make()
    with database.write() as session:
        row = session.get_one(Run, run.id)
        row.record = row.record | {"threads": 7}
        video = database.folder.attempt(run.id, row.attempt) / "video.mp4"
    shades = [np.full((32, 128, 3), 20 * number + 3, np.uint8) for number in range(3)]
    video.unlink()
    write_mp4(shades, video, 8, {})
    check = studio.reproduce(run.id, "click-number-one-16", "me")
    make()
    found = studio.run(check.id).check
    assert not found["identical"]
    assert 35 < found["psnr"] < 45  # three shades of 255 are 38.6 dB
    assert "7 threads" in " ".join(found["differs"])


def continued(studio, submit, run, frame, **changes):
    image = studio.chains.frame_image(run.id, frame)
    source = {"kind": "actions", "actions": "w-8", "start": studio.chains.start_of(run.id, frame)}
    return submit(image_sha256=image.sha256, path_source=source, parent_id=run.id, **changes)


@pytest.fixture
def walk(studio, submit, make, database):
    """Three runs that go on from each other; every frame of each is of a shade of its own."""
    runs = [submit(path_source={"kind": "actions", "actions": "dw-16"}, num_frames=17)]
    for frame in (10, 4):
        make()
        _paint(database, runs)
        runs.append(continued(studio, submit, runs[-1], frame))
    make()
    _paint(database, runs)
    return [studio.run(run.id) for run in runs]


def _paint(database, runs):
    number = len(runs) - 1
    file = database.folder.attempt(runs[-1].id, 1) / "video.mp4"
    file.unlink()
    frames = (np.full((32, 128, 3), 70 * number + 4 * index, np.uint8) for index in range(17))
    write_mp4(frames, file, 8, {})


def test_a_chain_is_shown_without_a_gap_and_without_a_frame_twice(studio, walk):
    parts = studio.chains.chain(walk[2].id)
    assert [(part.number, part.first, part.last) for part in parts] == [
        (1, 0, 9),
        (2, 0, 3),
        (3, 0, 16),
    ]
    address = studio.chains.joined(walk[2].id)
    name, _, query = address.partition("/media/")[2].partition("?")
    expires, signature = (pair.split("=")[1] for pair in query.split("&"))
    file = studio.media_file(name, expires, signature)
    shades = [int(np.median(frame)) for frame in read_frames(file)]
    wanted = [4 * n for n in range(10)] + [70 + 4 * n for n in range(4)]
    wanted += [140 + 4 * n for n in range(17)]
    assert np.abs(np.subtract(shades, wanted)).max() <= 2
    made = file.stat().st_mtime_ns
    assert studio.chains.joined(walk[2].id).startswith(address.partition("?")[0])
    assert file.stat().st_mtime_ns == made
    with av.open(str(file)) as container:
        assert container.streams.video[0].average_rate == 8
        assert container.metadata["description"].startswith("Generated by Grey on ")


def test_the_camera_goes_on_where_and_as_it_was(studio, database, walk):
    """Poses of the second run, put behind frame 10 of the first, are those of one long path."""
    first, second, _ = walk
    assert (second.relation, second.start_frame, second.parent_id) == ("extend", 10, first.id)
    paths = []
    for run in (first, second):
        with database.read() as session:
            sha256 = session.get_one(Run, run.id).path_sha256
        paths.append(CameraPath.load_npz(database.folder.asset(sha256, "npz")).c2w)
    there = paths[0][10] @ paths[1]
    before = paths[0][10][:3, 3] - paths[0][9][:3, 3]
    after = there[1][:3, 3] - there[0][:3, 3]
    assert np.linalg.norm(after - before) < 0.5 * np.linalg.norm(before)
    turn = paths[1][1][:3, :3]
    assert 0 < np.degrees(np.arctan2(turn[0, 2], turn[2, 2])) < 5  # it still turns right, less


def test_the_first_frame_of_what_goes_on_is_the_frame_it_goes_on_from(studio, database, walk):
    image = studio.image(walk[1].image_sha256)
    picture = Image.open(database.folder.asset(image.sha256, "png"))
    assert abs(int(np.median(np.asarray(picture))) - 4 * 10) <= 2


def test_going_on_from_nowhere_gets_a_sentence(studio, submit, make):
    run = submit()
    with pytest.raises(InvalidRequestError, match="not done yet"):
        studio.chains.frame_image(run.id, 0)
    make()
    with pytest.raises(InvalidRequestError, match="frames 0 to 16"):
        studio.chains.start_of(run.id, 17)
    assert [part.number for part in studio.chains.chain(run.id)] == [1]


def test_a_chain_stops_where_an_ancestor_is_gone(studio, walk):
    studio.marks.trash([walk[0].id], "me")
    studio.marks.purge([walk[0].id], "me")
    assert [part.number for part in studio.chains.chain(walk[2].id)] == [2, 3]


def test_a_new_seed_of_what_goes_on_goes_on_from_the_same_frame(studio, walk, make):
    other = studio.reseed(walk[1].id, "click-number-one-16", "me")
    make()
    parts = studio.chains.chain(other.id)
    assert [(part.number, part.last) for part in parts] == [(1, 9), (other.number, 16)]


def test_runs_of_different_frame_rates_are_not_joined(studio, database, walk):
    with database.write() as session:
        session.get_one(Run, walk[0].id).fps = 16.0
    with pytest.raises(InvalidRequestError, match="different frame rates"):
        studio.chains.joined(walk[2].id)
