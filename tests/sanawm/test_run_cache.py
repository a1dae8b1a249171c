import errno
import logging
from dataclasses import replace

import av
import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from sanawm import cache as cache_module
from sanawm import run_cache
from sanawm.cache_policy import CACHE_KINDS, DEFAULT_LIMITS, CachePolicy
from sanawm.camera.path import CameraPath
from sanawm.pipeline import SanaWMPipeline
from sanawm.progress import STAGES
from sanawm.run_cache import RunCaches

STILL = CameraPath.from_poses(np.tile(np.eye(4), (9, 1, 1)), fps=8)
ENCODERS = ("text", "latents")


@pytest.fixture(scope="module")
def pipeline(tiny_model_folder):
    return SanaWMPipeline.from_pretrained(tiny_model_folder)


@pytest.fixture
def policy(tmp_path):
    return CachePolicy(folder=tmp_path / "cache", keep_stage1=True)


@pytest.fixture
def make(pipeline, tmp_path):
    """Run to the end; gives what was made."""

    def run(request, policy=None, **options):
        options |= {} if policy is None else {"caches": policy}
        *_, finished = pipeline.generate(request, tmp_path / "clip.mp4", **options)
        return finished

    return run


@pytest.fixture
def calls(pipeline, monkeypatch):
    """How often each part of the model was at work."""
    counts = {}
    parts = pipeline.parts
    for owner, name in (
        (parts.text_encoder, "encode_window"),
        (parts.autoencoder, "encode"),
        (parts.transformer, "prepare"),
        (parts.transformer, "step"),
    ):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name), counts, name))
    return counts


def counted(function, counts, name):
    counts[name] = 0

    def call(*arguments):
        counts[name] += 1
        return function(*arguments)

    return call


def frames_in(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def hits(finished):
    return {kind: told["hit"] for kind, told in finished.record["caches"].items()}


def only(kind, folder):
    return CachePolicy(folder=folder, limits={kind: 2**20}, keep_stage1=True)


@pytest.mark.parametrize("guidance", [1.0, 2.5], ids=["plain", "guided"])
@pytest.mark.parametrize("kind", CACHE_KINDS)
def test_latents_and_frames_are_the_same_without_on_a_miss_and_on_a_hit(
    make, make_request, tmp_path, kind, guidance
):
    request, policy = make_request(guidance_scale=guidance), only(kind, tmp_path / "cache")

    without = make(request)
    frames = frames_in(without.video)
    for expected in (False, True):
        finished = make(request, policy)
        assert hits(finished) == {kind: expected}
        assert torch.equal(finished.latents, without.latents)
        assert np.array_equal(frames_in(finished.video), frames)


def test_another_program_finds_what_the_first_one_kept(
    make, make_request, tiny_model_folder, tmp_path, policy
):
    first = make(make_request(), policy)
    reopened = SanaWMPipeline.from_pretrained(tiny_model_folder)
    *_, finished = reopened.generate(make_request(), tmp_path / "again.mp4", caches=policy)
    assert hits(finished) == {"stage1": True}
    assert torch.equal(finished.latents, first.latents)


@pytest.mark.parametrize("guidance", [1.0, 2.5], ids=["plain", "guided"])
def test_another_camera_alone_encodes_neither_text_nor_picture(
    make, make_request, calls, policy, guidance
):
    make(make_request(guidance_scale=guidance), policy)
    before = dict(calls)
    moved = make_request(guidance_scale=guidance, camera_path=STILL)
    again = make(moved, policy)
    assert [calls[name] - before[name] for name in ("encode_window", "encode")] == [0, 0]
    assert calls["step"] - before["step"] == moved.num_inference_steps
    assert hits(again) == {"stage1": False, "text": True, "latents": True, "features": False}
    assert torch.equal(again.latents, make(moved).latents)


def test_the_same_run_again_never_wakes_a_part_of_the_model_but_the_decoder(
    make, make_request, calls, policy
):
    first = make(make_request(), policy)
    before = dict(calls)
    again = make(make_request(), policy)
    assert calls == before
    assert hits(again) == {"stage1": True}
    assert torch.equal(again.latents, first.latents)


def test_a_kept_clip_still_tells_every_stage(pipeline, make, make_request, tmp_path, policy):
    make(make_request(), policy)
    *told, finished = pipeline.generate(make_request(), tmp_path / "again.mp4", caches=policy)
    assert sorted(told, key=lambda event: STAGES.index(event.stage)) == told
    for stage in STAGES:
        steps = [event.step for event in told if event.stage == stage]
        [total] = {event.total for event in told if event.stage == stage}
        assert (steps[0], steps[-1]) == (0, total)
        assert steps == sorted(steps)
    [last] = [event for event in told if event.stage == "drawing" and event.step]
    assert last.preview[:4] == b"RIFF"
    assert list(finished.timings) == list(STAGES)


def test_whole_clips_are_kept_only_where_that_is_asked(make, make_request, policy):
    thrifty = replace(policy, keep_stage1=False)
    make(make_request(), thrifty)
    assert hits(make(make_request(), thrifty)) == dict.fromkeys(["text", "latents", "features"], 1)
    assert not (policy.folder / "stage1").exists()


def test_a_policy_may_change_between_two_runs(make, make_request, policy):
    make(make_request(), policy)
    assert hits(make(make_request(), CachePolicy())) == {}
    less = replace(policy, limits=DEFAULT_LIMITS | {"stage1": 0, "text": 0})
    assert hits(make(make_request(), less)) == {"latents": True, "features": True}
    assert {path.parent.name for path in policy.folder.rglob("*.safetensors")} == {
        "latents",
        "features",
    }
    expected = {"stage1": False, "text": False, "latents": True, "features": True}
    assert hits(make(make_request(), policy)) == expected


def test_a_lower_limit_makes_room_in_the_next_run_even_if_that_adds_nothing(
    make, make_request, policy
):
    for prompt in ("a room", "a hall", "a yard"):
        make(make_request(prompt=prompt), policy)
    [newest, *older] = sorted(
        (policy.folder / "text").iterdir(), key=lambda path: -path.stat().st_mtime_ns
    )
    limit = newest.stat().st_size
    less = replace(policy, keep_stage1=False, limits=DEFAULT_LIMITS | {"text": limit})
    assert hits(make(make_request(prompt="a yard"), less))["text"] is True
    assert [newest.exists(), *(path.exists() for path in older)] == [True, False, False]
    assert len(list((policy.folder / "stage1").iterdir())) == 3


def test_a_clip_that_was_ended_early_is_never_taken_for_the_whole(make, make_request, policy):
    short = make(make_request(), policy, wants_end=lambda: True)
    whole = make(make_request(), policy)
    assert (short.record["stopped_at"], whole.record["stopped_at"]) == (1, None)
    assert hits(whole)["stage1"] is False
    assert torch.equal(whole.latents, make(make_request()).latents)
    late = make(make_request(), policy, wants_end=lambda: True)
    assert (hits(late), late.record["stopped_at"]) == ({"stage1": True}, None)


def test_a_cancelled_clip_is_not_kept(pipeline, make_request, tmp_path, policy):
    events = pipeline.generate(make_request(), tmp_path / "clip.mp4", caches=policy)
    next(event for event in events if (event.stage, event.step) == ("drawing", 2))
    events.close()
    assert not (policy.folder / "stage1").exists()


def test_the_same_words_as_prompt_and_as_negative_are_kept_apart(make, make_request, policy):
    """Only the prompt stands behind the model's instruction."""
    request = make_request(negative_prompt="a room", guidance_scale=2.0)
    assert torch.equal(make(request, policy).latents, make(request).latents)
    assert len(list((policy.folder / "text").iterdir())) == 2


def test_one_new_text_of_two_is_no_hit(make, make_request, policy):
    make(make_request(guidance_scale=2.0), policy)
    finished = make(make_request(guidance_scale=2.0, negative_prompt="fog"), policy)
    assert hits(finished)["text"] is False
    assert hits(finished)["latents"] is True


@pytest.mark.parametrize("kind", CACHE_KINDS)
def test_a_damaged_entry_is_computed_anew_and_replaced(make, make_request, tmp_path, kind):
    policy = only(kind, tmp_path / "cache")
    first = make(make_request(), policy)
    [entry] = policy.folder.rglob("*.safetensors")
    whole = entry.read_bytes()
    entry.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    again = make(make_request(), policy)
    assert hits(again) == {kind: False}
    assert torch.equal(again.latents, first.latents)
    assert hits(make(make_request(), policy)) == {kind: True}


def test_a_folder_that_cannot_be_made_costs_nothing_but_time(make, make_request, policy, caplog):
    policy.folder.touch()
    finished = make(make_request(), policy)
    assert not any(hits(finished).values())
    assert torch.equal(finished.latents, make(make_request()).latents)
    assert "stage1 could not be kept" in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("I/O error: No space left on device (os error 28)"),
        MemoryError(),
    ],
)
def test_a_result_that_finds_no_room_is_not_kept_and_the_run_goes_on(
    make, make_request, policy, monkeypatch, error
):
    def full(tensors, file, metadata):
        file.write_bytes(b"begun")
        raise error

    monkeypatch.setattr(cache_module, "save_file", full)
    finished = make(make_request(), policy)
    assert hits(finished) == dict.fromkeys(CACHE_KINDS, False)
    assert [path for path in policy.folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(("took", "saved"), [(30.0, 27.5), (2.5, 0.0), (0.1, 0.0)])
def test_what_a_hit_saves_is_what_it_took_without_what_reading_takes(
    tmp_path, monkeypatch, took, saved
):
    caches = RunCaches(CachePolicy(folder=tmp_path), {})
    caches.keep("text", {}, {"x": torch.zeros(4)}, took)
    assert caches.report() == {}
    clock = iter([100.0, 102.5, 200.0, 202.5])  # before and after reading, twice
    monkeypatch.setattr(run_cache.time, "perf_counter", lambda: next(clock))
    for times in (1, 2):
        caches.recall("text", {})
        assert caches.report() == {"text": {"hit": True, "saved_s": saved * times}}


def test_a_run_says_how_long_what_it_took_from_the_caches_had_taken(make, make_request, policy):
    first = make(make_request(), policy)
    assert {told["saved_s"] for told in first.record["caches"].values()} == {0.0}
    for path in policy.folder.rglob("*.safetensors"):
        key, kind = path.stem, path.parent.name
        store = cache_module.TensorCache(path.parent, 2**20)
        assert 0 < store.get(key).seconds < sum(first.timings.values())
        store.put(key, store.get(key).tensors, {"stage1": 400.0, "text": 30.0}.get(kind, 0.0))
    told = make(make_request(), policy).record["caches"]
    assert 390 < told["stage1"]["saved_s"] <= 400
    told = make(make_request(seed=8), policy).record["caches"]
    assert 29 < told["text"]["saved_s"] <= 30
    assert told["features"] == {"hit": True, "saved_s": 0.0}


def test_misses_are_in_the_log_for_whoever_looks(make, make_request, policy, caplog):
    with caplog.at_level(logging.DEBUG, logger="sanawm"):
        make(make_request(), policy)
    assert [f"nothing kept: {kind}" in caplog.text for kind in CACHE_KINDS] == [True] * 4


def test_what_a_cache_saved_is_told_with_the_stage_it_saved(
    pipeline, make, make_request, policy, tmp_path
):
    request, policy = make_request(), replace(policy, keep_stage1=False)
    make(request, policy)
    told = {}
    for event in pipeline.generate(request, tmp_path / "clip.mp4", caches=policy):
        if getattr(event, "stage", "") in ("prompt", "first_frame") and event.step == 1:
            told[event.stage] = set(event.savings)
    assert told == {"prompt": {"text"}, "first_frame": {"text", "latents"}}
