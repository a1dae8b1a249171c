from sample_rows import make_run

from storage.figures import Hits, cache_hits, prompts, runs_by_state
from storage.runs import next_value


def keep(database, state, caches=None, **changes):
    with database.write() as session:
        run = make_run(
            state=state,
            number=next_value(session, "number"),
            rev=next_value(session, "rev"),
            created_at=1.0,
            record={"caches": caches} if caches is not None else {},
            **changes,
        )
        session.add(run)


def test_a_notebook_without_runs_asked_no_cache(database):
    with database.read() as session:
        found = cache_hits(session)

    assert set(found) == {"text", "latents", "features", "stage1"}
    assert set(found.values()) == {Hits(asked=0, hits=0, saved_s=0.0)}


def test_what_finished_runs_found_is_counted_for_each_cache(database):
    keep(database, "done", {"text": {"hit": True, "saved_s": 1.5}, "latents": {"hit": False}})
    keep(database, "done", {"text": {"hit": True, "saved_s": 2}, "latents": {"hit": True}})
    keep(database, "done", {"text": {"hit": False, "saved_s": 0.0}})
    keep(database, "done")
    keep(database, "failed", {"text": {"hit": True, "saved_s": 100}})

    with database.read() as session:
        found = cache_hits(session)

    assert found["text"] == Hits(asked=3, hits=2, saved_s=3.5)
    assert found["latents"] == Hits(asked=2, hits=1, saved_s=0.0)
    assert found["stage1"] == Hits(asked=0, hits=0, saved_s=0.0)


def test_runs_are_counted_by_state_and_prompts_are_gathered(database):
    keep(database, "done", prompt="a lamp", negative_prompt="fog")
    keep(database, "done", prompt="a lamp")
    keep(database, "failed", prompt="")

    with database.read() as session:
        assert runs_by_state(session) == {"done": 2, "failed": 1}
        assert prompts(session) == {"a lamp", "fog"}
