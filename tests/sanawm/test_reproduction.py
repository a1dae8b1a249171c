"""A run made once more: wholly anew, the same to the last pixel, or with the reasons why not."""

import pytest
import torch

from sanawm.progress import Finished
from sanawm.reproduction import differences
from sanawm.video_reading import compare_videos
from studio.runner import PipelineRunner

RECORD = {
    "model": {"name": "tiny", "title": "Tiny", "revision": "0123456789abcdef", "loras": []},
    "device": "cpu, 2 threads",
    "processor": "x86_64 AVX2",
    "threads": 2,
    "precision": "float32",
    "versions": {"torch": "2.13.0", "python": "3.11.2", "diffusers": ""},
    "code": "aa",
    "stopped_at": None,
}
LORA = {"name": "fog", "weight": 1, "sha256": "0123456789abcdef"}


@pytest.fixture(scope="module")
def runner(tiny_model_folder, tmp_path_factory):
    cache = tmp_path_factory.mktemp("caches")
    threads = torch.get_num_threads()
    return PipelineRunner(tiny_model_folder, cache_folder=cache, threads=threads), cache


def made(runner, request, folder, **changes):
    folder.mkdir()
    request.camera_path.save_npz(folder / "path.npz")
    spec = request.to_dict() | {
        "camera_path": str(folder / "path.npz"),
        "cache_limits": dict.fromkeys(("text", "latents", "features", "stage1"), 2**24),
        "keep_stage1": True,
        **changes,
    }
    [finished] = [
        event for event in runner.run(spec, folder, lambda: False) if isinstance(event, Finished)
    ]
    return finished


def test_a_fresh_run_takes_and_leaves_nothing_in_the_caches_and_is_the_same(
    runner, make_request, tmp_path
):
    pipeline_runner, cache = runner
    first = made(pipeline_runner, make_request(), tmp_path / "first")
    kept = {file: file.stat().st_mtime_ns for file in cache.rglob("*")}
    assert first.record["caches"]

    fresh = made(pipeline_runner, make_request(), tmp_path / "fresh", fresh=True)

    assert fresh.record["caches"] == {}
    assert {file: file.stat().st_mtime_ns for file in cache.rglob("*")} == kept
    assert compare_videos(first.video, fresh.video).identical
    assert differences(first.record, fresh.record) == []

    other = made(pipeline_runner, make_request(seed=8), tmp_path / "other", fresh=True)
    assert not compare_videos(first.video, other.video).identical


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({}, []),
        (
            {"threads": 1, "device": "cpu, 1 thread"},
            ["It ran with 2 threads, now with 1 thread."],
        ),
        ({"device": "H200"}, ["It ran on cpu, 2 threads, now on H200."]),
        ({"processor": "arm64 NEON"}, ["The processor was x86_64 AVX2, now it is arm64 NEON."]),
        ({"precision": "bfloat16"}, ["It was computed in float32, now in bfloat16."]),
        ({"code": "bb"}, ["Wanderbook itself has changed since."]),
        (
            {"model": RECORD["model"] | {"revision": "fedcba9876543210"}},
            ["The model's files have changed: 0123456789ab then, fedcba987654 now."],
        ),
        (
            {"model": RECORD["model"] | {"loras": [LORA | {"weight": 0.8}, LORA]}},
            [
                "The LoRA files were none, now they are fog × 0.8 (0123456789ab), "
                "fog × 1 (0123456789ab)."
            ],
        ),
        (
            {"versions": RECORD["versions"] | {"torch": "2.14.0", "python": "3.12.0"}},
            [
                "PyTorch was 2.13.0, now it is 2.14.0.",
                "Python was 3.11.2, now it is 3.12.0.",
            ],
        ),
        (
            {"stopped_at": 7},
            ["It was drawn to the end; the repetition was stopped after step 7."],
        ),
    ],
)
def test_what_differs_is_said_in_sentences(changes, sentences):
    assert differences(RECORD, RECORD | changes) == sentences


def test_what_an_older_or_foreign_record_does_not_say_is_no_difference():
    for foreign in ({}, {"model": "tiny", "versions": None}, {"model": {}}, {"device": None}):
        assert differences(foreign, RECORD) == []
        assert differences(RECORD, foreign) == []
