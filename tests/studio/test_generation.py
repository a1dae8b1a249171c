"""One attempt at one run, in this process: what it leaves in rows and files, however it ends."""

import json

import av
import pytest
from sqlalchemy import select
from studio_ways import Bench, eventually

from sanawm.camera.path import CameraPath
from storage.queue import Queue
from storage.tables import Job
from storage.upkeep import examine, rescan


@pytest.fixture
def bench(settings, database):
    return Bench(settings, database)


def folder_of(database, view, attempt=1):
    return database.folder.attempt(view.id, attempt)


def test_a_finished_run_has_whole_files_and_a_row(studio, database, submit, bench):
    run = submit(seed=5)
    bench.make_next()
    view = studio.run(run.id)
    assert (view.state, view.stage, view.seed, view.error) == ("done", "", 5, "")
    assert view.timings["drawing"] == 0.4
    folder = folder_of(database, run)
    assert {path.name for path in folder.iterdir()} == {
        "video.mp4", "poster.jpg", "thumb.webp", "c2w.npz", "run.json"
    }  # fmt: skip
    with av.open(str(folder / "video.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 3
    record = json.loads((folder / "run.json").read_text())
    assert record["record"] == {"runner": "small", "stopped_at": None, "threads": 1}
    assert record["model_revision"] == view.model_revision
    assert CameraPath.load_npz(folder / "c2w.npz").num_frames == 17
    assert examine(database) == []


def test_files_are_whole_before_the_row_says_done(studio, database, submit, bench, monkeypatch):
    run = submit()

    class KilledError(BaseException):
        pass

    def killed(*_, **__):
        names = {path.name for path in folder_of(database, run).iterdir()}
        assert {"video.mp4", "poster.jpg", "thumb.webp", "c2w.npz", "run.json"} <= names
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(bench.queue, "finish", killed)
        with pytest.raises(KilledError):
            bench.make_next()
    assert studio.run(run.id).state == "running"
    assert studio.run(run.id).video == ""
    bench.queue.recover()
    bench.make_next()
    assert studio.run(run.id).state == "done"
    assert "/a2/" in studio.run(run.id).video
    assert rescan(database).runs == 0


def test_a_streamed_run_that_ended_early_is_a_whole_run_of_that_length(
    studio, database, submit, bench
):
    asked, run = submit("a lamp"), submit("early")
    bench.make_next()
    bench.make_next()
    view = studio.run(run.id)
    assert (view.num_frames, view.stopped_at, len(view.path_points)) == (9, None, 9)
    assert view.path_points == studio.run(asked.id).path_points[:9]
    kept = CameraPath.load_npz(folder_of(database, run) / "c2w.npz")
    whole = CameraPath.load_npz(folder_of(database, asked) / "c2w.npz")
    assert kept == whole.first(9)
    record = json.loads((folder_of(database, run) / "run.json").read_text())
    assert record["num_frames"] == 9
    assert examine(database) == []


def test_cancel_stops_a_running_run_at_its_next_step(studio, database, submit, bench):
    run = submit("hold")
    thread = bench.start_next()
    eventually(lambda: studio.run(run.id).step == 2)
    studio.cancel(run.id, "visitor")
    thread.join()
    view = studio.run(run.id)
    assert (view.state, view.error) == ("cancelled", "Cancelled at step 2. Nothing was kept.")
    assert not folder_of(database, run).exists()


def test_a_running_run_shows_its_stage_preview_and_times(studio, database, submit, bench):
    run = submit("hold")
    thread = bench.start_next()
    view = eventually(lambda: (v := studio.run(run.id)).step == 2 and v)
    assert (view.state, view.stage, view.total) == ("running", "drawing", 4)
    assert "/a1/preview-1.webp?" in view.preview
    assert set(view.timings) == {"opening", "prompt"}
    assert view.savings == {"text": 1.5}
    (database.folder.root / "go").touch()
    thread.join()
    assert studio.run(run.id).preview == ""


def test_a_worker_that_is_told_to_stop_puts_its_job_back(studio, database, submit, bench):
    run = submit("hold")
    thread = bench.start_next()
    eventually(lambda: studio.run(run.id).step == 2)
    bench.stopping.set()
    thread.join()
    assert studio.run(run.id).state == "queued"
    assert not folder_of(database, run).exists()


def test_a_stalled_worker_leaves_its_successor_s_run_alone(
    studio, settings, database, submit, bench
):
    run = submit("freeze")
    stalled = bench.start_next()
    eventually((folder_of(database, run) / "frozen").exists)
    bench.queue.recover()  # as a new worker does that got the lock
    successor = Bench(settings, database, "w2")
    generation = successor.claim()
    before = studio.run(run.id)
    (database.folder.root / "go").touch()
    stalled.join()
    assert studio.run(run.id) == before
    assert not folder_of(database, run, 1).exists()
    generation.make()
    assert studio.run(run.id).state == "done"


def test_a_long_step_keeps_its_lease(studio, settings, database, submit):
    now = [1000.0]
    queue = Queue(database, lease_s=0.03, clock=lambda: now[0])
    run = submit("freeze")
    bench = Bench(settings, database, queue=queue)
    thread = bench.start_next()
    eventually((folder_of(database, run) / "frozen").exists)
    now[0] += 100  # far beyond the lease, until the heartbeat renews it
    eventually(lambda: lease_of(database) > now[0])
    (database.folder.root / "go").touch()
    thread.join()


def lease_of(database):
    with database.read() as session:
        return session.scalars(select(Job.lease_until)).one()


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("sentence", "17 frames need more than there is."),
        ("no memory", "Not enough memory. "),
        ("crash", "The program failed while it made this run. "),
    ],
)
def test_a_failed_run_says_why_and_keeps_its_log(studio, database, submit, bench, prompt, sentence):
    run = submit(prompt)
    bench.make_next()
    view = studio.run(run.id)
    assert view.state == "failed"
    assert view.error.startswith(sentence)
    assert "secret detail" not in view.error
    assert "Traceback" in studio.diagnose(run.id, "")
    assert [path.name for path in folder_of(database, run).iterdir()] == ["log.txt"]
    submit()
    bench.make_next()
    assert studio.runs()[0].state == "done"


def test_a_failed_run_can_be_tried_again(studio, database, submit, bench, monkeypatch):
    run = submit("crash")
    bench.make_next()
    assert studio.retry(run.id, "visitor").state == "queued"
    monkeypatch.setattr("small_runner.SmallRunner.suffer", lambda *_: iter(()))
    bench.make_next()
    view = studio.run(run.id)
    assert (view.state, view.seed, view.error) == ("done", run.seed, "")


def test_a_run_of_a_model_that_is_gone_fails_with_a_sentence(studio, settings, submit, bench):
    run = submit()
    (settings.model_folder / "wanderbook.json").unlink()
    bench.make_next()
    assert "grey is not on this computer" in studio.run(run.id).error


def test_a_runner_that_ends_without_a_video_fails_the_run(studio, submit, bench, monkeypatch):
    monkeypatch.setattr("small_runner.SmallRunner.run", lambda *_: (event for event in ()))
    run = submit()
    bench.make_next()
    assert studio.run(run.id).state == "failed"


def test_a_model_is_opened_once_for_many_runs(studio, submit, bench, monkeypatch):
    opened = []
    make = bench.workbench._open_runner
    monkeypatch.setattr(
        bench.workbench, "_open_runner", lambda *a, **k: opened.append(a) or make(*a, **k)
    )
    for _ in range(2):
        submit()
        bench.make_next()
    assert len(opened) == 1


def test_a_model_is_opened_anew_when_its_card_or_a_lora_on_it_changes(settings, bench):
    folder, workbench = settings.model_folder, bench.workbench
    card = json.loads((folder / "wanderbook.json").read_text())
    opened = []
    for weight, content in ((0.8, b"one"), (0.8, b"one"), (0.7, b"one"), (0.7, b"other")):
        loras = [{"file": "style.safetensors", "weight": weight}]
        (folder / "wanderbook.json").write_text(json.dumps(card | {"loras": loras}))
        (folder / "style.safetensors").write_bytes(content)
        opened.append(workbench.runner(workbench.model("")))
    assert opened[0] is opened[1]
    assert len({id(runner) for runner in opened}) == 3
