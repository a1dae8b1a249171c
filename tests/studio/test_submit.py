"""What becomes of a draft: a queued run that holds everything, or a sentence at its field."""

import dataclasses

import numpy as np
import pytest
from studio_ways import Bench, draft_of

from sanawm.camera.path import CameraPath
from sanawm.errors import InvalidRequestError
from storage.tables import Asset, Run
from studio.studio import Studio


def test_a_run_is_queued_before_submit_returns(studio, submit):
    view = submit("a red lamp", negative_prompt="fog")
    assert (view.state, view.queue_position, view.number) == ("queued", 0, 1)
    assert studio.run(view.id) == view
    assert (view.prompt, view.negative_prompt, view.path_label) == ("a red lamp", "fog", "w-8")
    assert (view.fps, view.num_frames, view.width, view.height) == (8, 17, 128, 32)
    assert len(view.model_revision) == 16


def test_an_open_seed_is_drawn_once_and_for_all(submit):
    seeds = {submit().seed for _ in range(5)}
    assert len(seeds) == 5
    assert submit(seed=0).seed == 0


def test_the_poses_kept_are_the_poses_previewed(studio, database, submit):
    source = {"kind": "actions", "actions": "wd-8"}
    view = submit(path_source=source)
    with database.read() as session:
        path = database.folder.asset(session.get(Run, view.id).path_sha256, "npz")
    kept, shown = CameraPath.load_npz(path), studio.preview_path(source, 17)
    np.testing.assert_array_equal(kept.c2w, shown.c2w)
    assert view.path_points == studio.path_points(shown)
    assert view.path_points[0] == [0, 0, 0, 1]
    x, z, toward_x, toward_z = view.path_points[-1]
    assert x > 0
    assert z > 0
    assert toward_x > 0  # d turns to the right
    assert toward_x**2 + toward_z**2 == pytest.approx(1, abs=1e-3)


def test_two_drafts_with_one_path_keep_it_once(database, submit):
    submit()
    submit()
    with database.read() as session:
        assert session.query(Asset).filter_by(extension="npz").count() == 1


def test_a_double_click_makes_one_run(studio, picture):
    draft = draft_of(picture)
    views = [studio.submit(draft, "click", "visitor") for _ in range(2)]
    assert views[0] == views[1]
    assert len(studio.runs()) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"image_sha256": ""}, "image"),
        ({"image_sha256": "f" * 64}, "image"),
        ({"prompt": "x" * 100_000}, "prompt"),
        ({"path_source": {"kind": "actions", "actions": "q-4"}}, "camera"),
        ({"path_source": {"kind": "actions", "actions": ""}}, "camera"),
        ({"path_source": {"kind": "actions", "actions": "w-400"}}, "camera"),
        ({"path_source": {"kind": "preset", "preset": "no such"}}, "camera"),
        ({"path_source": {}}, "camera"),
        ({"num_frames": 10_000}, "length"),
        ({"seed": -1}, "seed"),
        ({"num_inference_steps": 0}, "steps"),
        ({"guidance_scale": float("nan")}, "guidance"),
        ({"model": "no such"}, "model"),
    ],
)
def test_a_bad_draft_is_refused_at_its_field_and_leaves_no_run(studio, picture, changes, field):
    with pytest.raises(InvalidRequestError) as refusal:
        studio.submit(draft_of(picture, **changes), "click", "visitor")
    assert refusal.value.field == field
    assert str(refusal.value).endswith(".")
    assert studio.runs() == []


def test_a_camera_path_is_no_first_frame(studio, database, picture, submit):
    view = submit()
    with database.read() as session:
        path = session.get(Run, view.id).path_sha256
    with pytest.raises(InvalidRequestError):
        studio.submit(draft_of(picture, image_sha256=path), "other", "visitor")
    with pytest.raises(InvalidRequestError):
        studio.image(path)


def test_the_fifty_first_waiting_run_is_refused_with_a_sentence(studio, submit):
    for _ in range(50):
        submit()
    with pytest.raises(InvalidRequestError, match="50 runs are waiting already"):
        submit()


def test_a_remix_tells_its_parent_and_what_differs(submit):
    parent = submit("a lamp", seed=1)
    child = submit("a lamp", seed=2, parent_id=parent.id, num_frames=9)
    assert (child.parent_id, child.parent_number) == (parent.id, 1)
    assert [dataclasses.astuple(change) for change in child.changes] == [
        ("length", "2 s", "1 s"),
        ("seed", "1", "2"),
    ]
    assert submit(parent_id="no such run").parent_id is None


def test_pages_of_runs_go_on_where_the_last_one_ended(studio, submit):
    ids = [submit().id for _ in range(5)]
    first = studio.runs(limit=2)
    submit()  # a new run on top moves nothing
    second = studio.runs(before=first[-1].id, limit=2)
    assert [run.id for run in first + second] == ids[:0:-1]
    assert studio.runs(before=ids[0]) == []


def test_changes_bring_what_changed_and_the_status_who_waits(studio, settings, database, submit):
    runs = [submit() for _ in range(3)]
    Bench(settings, database).make_next()
    rev, all_runs = studio.changes(0)
    assert {run.id for run in all_runs} == {run.id for run in runs}
    assert studio.changes(rev)[1] == []
    assert [place.id for place in studio.status().line] == [run.id for run in runs[1:]]
    studio.cancel(runs[1].id, "visitor")
    after, changed = studio.changes(rev)
    assert after > rev
    assert [(run.id, run.queue_position) for run in changed] == [(runs[1].id, None)]
    assert [(place.id, place.position) for place in studio.status().line] == [(runs[2].id, 0)]


def test_an_unknown_run_is_named_so(studio):
    with pytest.raises(InvalidRequestError, match="not in the notebook"):
        studio.run("no such")
    with pytest.raises(InvalidRequestError, match="not in the notebook"):
        studio.cancel("no such", "visitor")


def test_only_its_visitor_and_the_owner_may_cancel_a_run(settings, database, studio, submit):
    public = Studio(dataclasses.replace(settings, owner_key="sesame"), database)
    for key in ("stranger", ""):
        with pytest.raises(InvalidRequestError, match="Only whoever started"):
            public.cancel(submit().id, key)
    for key in ("visitor", "sesame"):
        assert public.cancel(submit().id, key).state == "cancelled"


def test_a_paused_queue_says_so(studio, submit):
    submit()
    studio.pause("visitor")
    status = studio.status()
    assert (status.paused, status.pause_reason, status.queued) == (True, "by hand", 1)
    studio.resume("visitor")
    assert (studio.status().paused, studio.status().pause_reason) == (False, "")


def test_the_started_model_comes_first_and_is_the_default(studio):
    assert studio.models()[0].name == "grey"
    assert studio.card().title == studio.card("grey").title == "Grey"


def test_a_model_s_revision_follows_its_files(studio, settings, submit):
    before = submit().model_revision
    weights = settings.model_folder / "transformer" / "weights.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"other weights")
    (settings.model_folder / "README.md").write_text("no weights")
    after = submit().model_revision
    assert after != before
    weights.write_bytes(b"third weights")
    assert submit().model_revision not in (before, after)
