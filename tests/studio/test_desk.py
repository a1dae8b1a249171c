"""What people do with waiting, running and ended runs, and what they may not do."""

import dataclasses

import pytest
from studio_ways import Bench, draft_of

from sanawm.camera.actions import count_actions
from sanawm.errors import InvalidRequestError
from storage.tables import Run
from studio.studio import Studio
from studio.submission import draft_of as draft_of_row


@pytest.fixture
def bench(settings, database):
    return Bench(settings, database)


@pytest.fixture
def shared(settings, database):
    """The same notebook on a page that several people see."""
    return Studio(dataclasses.replace(settings, owner_key="sesame"), database)


def deciding(run):
    """What decides the pixels of a run."""
    names = ("prompt", "negative_prompt", "path_source", "path_points", "num_frames", "seed")
    return {name: getattr(run, name) for name in (*names, "steps", "guidance", "image_sha256")}


def test_a_copy_has_the_same_settings_and_seed_and_is_a_child(studio, submit):
    run, last = submit("a door", seed=5), submit()
    copy = studio.duplicate(run.id, "another click", "visitor")
    assert deciding(copy) == deciding(run)
    assert copy.parent_id == run.id
    assert copy.number == 3
    assert [place.id for place in studio.status().line] == [run.id, copy.id, last.id]
    assert studio.duplicate(run.id, "another click", "visitor").id == copy.id


def test_a_new_seed_changes_the_seed_and_nothing_else(studio, submit):
    run = submit("a door", seed=5_000_000)  # drawn seeds have six digits at most
    again = studio.reseed(run.id, "another click", "visitor")
    assert again.seed != run.seed
    assert deciding(again) | {"seed": run.seed} == deciding(run)
    assert again.parent_id == run.id


def test_a_waiting_run_can_be_changed(studio, submit, picture):
    run = submit("a door", seed=5)
    draft = draft_of(picture, prompt=" a gate ", seed=6, num_frames=9)
    edited = studio.edit(run.id, draft, "visitor")
    assert (edited.id, edited.number, edited.state) == (run.id, run.number, "queued")
    assert (edited.prompt, edited.seed, edited.num_frames) == ("a gate", 6, 9)
    assert len(edited.path_points) == 9


def test_the_worker_makes_what_was_asked_last(studio, submit, picture, bench):
    run = submit("a door")
    studio.edit(run.id, draft_of(picture, prompt="sentence"), "visitor")
    bench.make_next()
    assert studio.run(run.id).error.startswith("17 frames need more")


def test_a_run_that_has_started_is_not_changed(studio, submit, picture, bench):
    run = submit("a door")
    bench.claim()
    with pytest.raises(InvalidRequestError, match=f"Run {run.number} has started"):
        studio.edit(run.id, draft_of(picture, prompt="a gate"), "visitor")
    assert studio.run(run.id).prompt == "a door"


def test_a_run_that_was_cancelled_is_not_said_to_have_started(studio, submit, picture):
    run = submit("a door")
    studio.cancel(run.id, "visitor")
    with pytest.raises(InvalidRequestError, match=f"Run {run.number} does not wait any more"):
        studio.edit(run.id, draft_of(picture), "visitor")


def test_a_bad_change_leaves_the_run_as_it_was(studio, submit, picture):
    run = submit("a door")
    with pytest.raises(InvalidRequestError) as refusal:
        studio.edit(
            run.id, draft_of(picture, path_source={"kind": "actions", "actions": "q-4"}), ""
        )
    assert refusal.value.field == "camera"
    assert deciding(studio.run(run.id)) == deciding(run)


def fail(bench, studio, run):
    bench.make_next()
    assert studio.run(run.id).state == "failed"


def test_a_failed_run_is_offered_and_made_shorter(studio, submit, bench):
    run = submit("sentence", path_source={"kind": "actions", "actions": "w-10,dw-6"}, seed=3)
    assert run.smaller is None
    fail(bench, studio, run)
    assert studio.run(run.id).smaller == 9
    shorter = studio.retry_smaller(run.id, "click", "visitor")
    assert (shorter.num_frames, shorter.seed, shorter.parent_id) == (9, 3, run.id)
    assert shorter.path_source["actions"] == "w-8"
    assert studio.run(run.id).state == "failed"


def test_a_preset_made_shorter_keeps_its_way(studio, submit, bench):
    run = submit("sentence", path_source={"kind": "preset", "preset": "push-in"})
    fail(bench, studio, run)
    shorter = studio.retry_smaller(run.id, "click", "visitor")
    assert shorter.path_source["preset"] == "push-in"
    assert len(shorter.path_points) == 9


def test_the_shortest_clip_is_not_offered_shorter(studio, submit, bench):
    run = submit("sentence", num_frames=9)
    fail(bench, studio, run)
    assert studio.run(run.id).smaller is None
    with pytest.raises(InvalidRequestError, match="no shorter clip"):
        studio.retry_smaller(run.id, "click", "visitor")


def test_stop_and_keep_ends_a_run_with_what_there_is(studio, submit, bench):
    run = submit("hold")
    thread = bench.start_next()
    while studio.run(run.id).step < 2:
        pass
    assert studio.keep(run.id, "visitor").wish == "keep"
    thread.join()
    kept = studio.run(run.id)
    assert (kept.state, kept.stopped_at, kept.wish) == ("done", 2, "")
    assert kept.video


def test_stop_and_keep_of_a_waiting_run_changes_nothing(studio, submit):
    run = submit()
    assert studio.keep(run.id, "visitor") == run


def test_the_queue_page_has_what_runs_what_waits_and_what_has_just_ended(
    studio, submit, bench, database
):
    done, old, running, first, second = (submit() for _ in range(5))
    bench.make_next()
    bench.make_next()
    with database.write() as session:
        session.get(Run, old.id).ended_at -= 25 * 3600
    bench.claim()
    studio.run_next(second.id, "")
    ids = [run.id for run in studio.queue_runs()]
    assert ids == [running.id, second.id, first.id, done.id]


def test_only_the_owner_orders_the_queue_and_pauses_it(shared, submit):
    a, b = submit(), submit()
    for act in (
        lambda key: shared.move(b.id, a.id, key),
        lambda key: shared.run_next(b.id, key),
        shared.pause,
        shared.resume,
    ):
        with pytest.raises(InvalidRequestError, match="Only the owner"):
            act("visitor")
        act("sesame")
    assert [place.id for place in shared.status().line] == [b.id, a.id]


def test_a_visitor_s_copy_of_another_s_run_goes_to_the_end(shared, picture):
    runs = [shared.submit(draft_of(picture), f"click {n}", f"{n}").id for n in range(3)]
    copy = shared.duplicate(runs[0], "click 4", "visitor").id
    assert [place.id for place in shared.status().line] == [*runs, copy]


def test_a_refused_run_leaves_no_file(shared, picture, database):
    for number in range(3):
        shared.submit(draft_of(picture), f"click {number}", "visitor")
    before = set(database.folder.assets.iterdir())
    for number in range(4, 8):
        draft = draft_of(picture, path_source={"kind": "actions", "actions": f"w-{number}"})
        with pytest.raises(InvalidRequestError, match="3 of your runs"):
            shared.submit(draft, f"click {number}", "visitor")
    assert set(database.folder.assets.iterdir()) == before


def test_only_its_visitor_or_the_owner_changes_a_run(shared, submit, picture):
    run = submit()
    for act in (
        lambda key: shared.edit(run.id, draft_of(picture), key),
        lambda key: shared.keep(run.id, key),
        lambda key: shared.cancel(run.id, key),
        lambda key: shared.retry(run.id, key),
        lambda key: shared.diagnose(run.id, key),
    ):
        for stranger in ("stranger", ""):
            with pytest.raises(InvalidRequestError, match="Only whoever started"):
                act(stranger)
        act("visitor")


def test_a_visitor_fills_three_places_and_the_owner_as_many_as_there_are(shared, picture):
    for number in range(3):
        shared.submit(draft_of(picture), f"click {number}", "visitor")
    with pytest.raises(InvalidRequestError, match="3 of your runs"):
        shared.submit(draft_of(picture), "click 3", "visitor")
    for number in range(4, 8):
        shared.submit(draft_of(picture), f"click {number}", "sesame")
    assert shared.status().queued == 7


def test_a_run_that_does_not_wait_is_moved_nowhere(studio, submit, bench):
    run, other = submit(), submit()
    bench.claim()
    for act in (lambda: studio.move(run.id, None, ""), lambda: studio.run_next(run.id, "")):
        with pytest.raises(InvalidRequestError, match="does not wait any more"):
            act()
    assert [place.id for place in studio.status().line] == [other.id]


def test_a_run_s_draft_makes_the_same_run_again(studio, database, submit):
    run = submit("a door", path_source={"kind": "actions", "actions": "w-8,a-8"}, seed=9)
    with database.read() as session:
        draft = draft_of_row(session.get(Run, run.id))
    assert count_actions(draft.path_source["actions"]) == 16
    assert deciding(studio.submit(draft, "click", "visitor")) == deciding(run)
