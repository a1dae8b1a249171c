"""Which plan a clip gets, and that every plan draws the same clip."""

from dataclasses import replace

import pytest
import torch
from test_transformer import relative_error

from sanawm import pipeline as pipeline_module
from sanawm.errors import NotEnoughMemoryError
from sanawm.inputs import InputReader
from sanawm.memory_plan import GIB, Job, best_plan, plans_for, usable_bytes
from sanawm.model_facts import facts_of, weights_in
from sanawm.pipeline import SanaWMPipeline
from sanawm.portions import WHOLE
from sanawm.progress import Finished
from sanawm.public_cards import SANA_WM, SANA_WM_STREAMING
from sanawm.public_sizes import PUBLIC_FACTS
from sanawm.residence import Residence

CARDS = (8, 12, 16, 24, 32, 48, 80, 141)


def plans(num_frames, card=SANA_WM, facts=PUBLIC_FACTS, **options):
    job = Job(num_frames=num_frames, guided=card.guidance_scale != 1)
    return plans_for(facts, card, job, **({"precision": "bfloat16", "on_card": True} | options))


def best(gigabytes, num_frames, card=SANA_WM):
    return best_plan(plans(num_frames, card), usable_bytes(gigabytes * GIB, on_card=True))


@pytest.mark.parametrize("num_frames", [81, 161, 321, 961])
def test_each_plan_takes_less_than_the_one_before(num_frames):
    peaks = [plan.peak_bytes for plan in plans(num_frames)]
    assert len(peaks) > 2
    assert peaks == sorted(set(peaks), reverse=True)


def test_more_memory_never_gives_a_slower_plan():
    for num_frames in (81, 161, 321, 961):
        order = plans(num_frames)
        chosen = [best(gigabytes, num_frames) for gigabytes in CARDS]
        places = [len(order) if plan is None else order.index(plan) for plan in chosen]
        assert places == sorted(places, reverse=True)


def test_a_large_card_keeps_everything_and_does_everything_at_once():
    plan = best(141, 961)
    assert (plan.together, plan.portions, plan.visits, plan.offloads) == (True, WHOLE, False, False)


def test_a_minute_fits_on_eight_gigabytes_block_by_block():
    plan = best(8, 961)
    assert plan.offloads
    assert not plan.together
    assert plan.portions != WHOLE


def test_a_streamed_clip_takes_the_same_whatever_its_length():
    card = replace(SANA_WM_STREAMING, lengths=(97, 961, 9601), num_frames=961)
    short, minute, ten_minutes = (plans(length, card)[0].peak_bytes for length in card.lengths)
    assert short <= minute == ten_minutes


def test_a_longer_or_larger_or_more_precise_clip_never_takes_less():
    base = plans(161)[0].peak_bytes
    assert plans(321)[0].peak_bytes > base
    assert plans(161, replace(SANA_WM, width=2560))[0].peak_bytes > base
    assert plans(161, precision="float32")[0].peak_bytes > 1.5 * base


def test_on_a_processor_nothing_visits_and_nothing_is_offloaded():
    found = plans(321, precision="float32", on_card=False)
    assert not any(plan.visits or plan.offloads for plan in found)


def test_facts_are_read_from_a_model_folder_without_its_weights(tiny_model_folder):
    parts = SanaWMPipeline.from_pretrained(tiny_model_folder).parts
    count = sum(p.numel() for p in parts.transformer.state_dict().values())
    assert facts_of(tiny_model_folder, parts.card).config == parts.transformer.config
    assert weights_in(tiny_model_folder / "transformer") == count


@pytest.fixture(scope="module")
def pipeline(tiny_model_folder):
    return SanaWMPipeline.from_pretrained(tiny_model_folder)


def latents_of(pipeline, request, out):
    *_, finished = pipeline.generate(request, out / "clip.mp4")
    assert isinstance(finished, Finished)
    return finished.latents, finished.record


def test_every_plan_draws_the_same_clip(pipeline, make_request, tmp_path, monkeypatch):
    request = make_request(guidance_scale=3.0)
    expected, record = latents_of(pipeline, request, tmp_path)
    assert record["plan"] == "float32, guided"
    found = pipeline._residence.plans(Job(num_frames=request.num_frames, guided=True))
    assert len(found) > 1
    for plan in found[1:]:
        monkeypatch.setattr(Residence, "plans", lambda self, job, plan=plan: (plan,))
        latents, record = latents_of(pipeline, request, tmp_path)
        assert relative_error(latents, expected) < 1e-5
        assert record["plan"] == f"{plan.words}, guided"
        assert record["predicted_bytes"] == plan.peak_bytes


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("broken")]
)
def test_memory_that_runs_out_once_is_met_with_a_smaller_plan(
    pipeline, make_request, tmp_path, monkeypatch, error
):
    request = make_request(guidance_scale=3.0)
    expected, _ = latents_of(pipeline, request, tmp_path)
    failures = iter([error])

    def failing(*arguments, prepared=pipeline_module.prepared_velocity):
        for failure in failures:
            raise failure
        return prepared(*arguments)

    monkeypatch.setattr(pipeline_module, "prepared_velocity", failing)
    if "broken" in str(error):
        with pytest.raises(RuntimeError, match="broken"):
            latents_of(pipeline, request, tmp_path)
        return
    latents, record = latents_of(pipeline, request, tmp_path)
    assert relative_error(latents, expected) < 1e-5
    assert record["plan"] == "float32, halves apart, guided"


@pytest.mark.parametrize("place", ["settle", "texts", "first_latent"])
def test_memory_that_runs_out_before_drawing_is_met_so_too(
    pipeline, make_request, tmp_path, monkeypatch, place
):
    failures = iter([torch.OutOfMemoryError("CUDA out of memory.")])
    owner = Residence if place == "settle" else InputReader
    working = getattr(owner, place)

    def failing(*arguments):
        for failure in failures:
            raise failure
        return working(*arguments)

    monkeypatch.setattr(owner, place, failing)
    _, record = latents_of(pipeline, make_request(guidance_scale=3.0), tmp_path)
    assert record["plan"] == "float32, halves apart, guided"


def test_memory_that_runs_out_twice_is_a_sentence_and_leaves_nothing(
    pipeline, make_request, tmp_path, monkeypatch
):
    calls = []

    def failing(*arguments):
        calls.append(arguments)
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(pipeline_module, "prepared_velocity", failing)
    with pytest.raises(NotEnoughMemoryError, match="Not enough memory for 9 frames"):
        latents_of(pipeline, make_request(guidance_scale=3.0), tmp_path)
    assert len(calls) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["photo.png"]


def test_a_clip_that_cannot_fit_is_refused_before_anything_is_computed(
    pipeline, make_request, tmp_path
):
    small = replace(pipeline.parts.machine, memory_bytes=1 << 20)
    refusing = SanaWMPipeline(replace(pipeline.parts, machine=small))
    with pytest.raises(NotEnoughMemoryError, match=r"needs .* GB of memory for 9 frames, and 0.0"):
        latents_of(refusing, make_request(), tmp_path)
    unknown = replace(pipeline.parts.machine, memory_bytes=0)
    latents_of(SanaWMPipeline(replace(pipeline.parts, machine=unknown)), make_request(), tmp_path)
