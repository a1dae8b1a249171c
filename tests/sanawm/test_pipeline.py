import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from sanawm.camera.path import CameraPath
from sanawm.card import ModelCard
from sanawm.errors import (
    InvalidRequestError,
    ModelFilesMissingError,
    NotEnoughMemoryError,
    SanaWMError,
)
from sanawm.memory_plan import Job
from sanawm.model_parts import memory_shortage_as_sentence
from sanawm.picture import pixels_of
from sanawm.pipeline import SanaWMPipeline, frames_of
from sanawm.progress import STAGES, Finished, Progress
from sanawm.record import make_record, tags_of
from sanawm.request import GenerationRequest
from sanawm.run_log import RunLog
from sanawm.video import MAX_TAG_BYTES, read_metadata, read_tags


@pytest.fixture(scope="module")
def pipeline(tiny_model_folder):
    return SanaWMPipeline.from_pretrained(tiny_model_folder)


@pytest.fixture
def model_copy(tiny_model_folder, tmp_path):
    """A copy of the model that a test may break."""
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "copy"))


def finish(events):
    *_, finished = events
    assert isinstance(finished, Finished)
    return finished


def frames_in(path, **options):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(**options) for frame in container.decode(video=0)]


def test_a_request_becomes_a_video_that_plays(pipeline, make_request, tmp_path):
    finished = finish(pipeline.generate(make_request(), tmp_path / "clip.mp4"))
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.average_rate) == (9, 8)
        assert (stream.width, stream.height) == (48 * 7, 32 * 7)
    assert finished.video == tmp_path / "clip.mp4"
    assert finished.latents.shape == (1, 8, 3, 4, 6)
    assert list(finished.timings) == list(STAGES)
    assert sum(path.suffix == ".part" for path in tmp_path.iterdir()) == 0


def test_the_video_is_the_decoded_latents(pipeline, make_request, tmp_path):
    finished = finish(pipeline.generate(make_request(), tmp_path / "clip.mp4"))
    with torch.no_grad():
        video = pipeline.parts.autoencoder.decode(finished.latents).clamp(-1, 1)
    luma_FHW = torch.einsum("cfhw,c->fhw", video[0], torch.tensor([0.2126, 0.7152, 0.0722]))
    shown = frames_in(tmp_path / "clip.mp4", format="gray")
    assert len(shown) == len(luma_FHW)
    small = [Image.fromarray(frame).resize((48, 32), Image.Resampling.BOX) for frame in shown]
    rows = np.concatenate(([np.ravel(frame) for frame in small], luma_FHW.flatten(1).numpy()))
    alike = np.corrcoef(rows)[len(shown) :, : len(shown)]
    assert (alike.argmax(axis=1) == np.arange(len(shown))).all()
    assert alike.diagonal().min() > 0.9


def test_pixels_and_frames_are_each_others_inverse():
    colours = np.arange(256, dtype=np.uint8).reshape(4, 64)
    picture = np.stack([colours, 255 - colours, colours // 2], axis=-1)
    pixels = pixels_of(Image.fromarray(picture))
    assert (float(pixels.min()), float(pixels.max())) == (-1, 1)
    [frame] = frames_of(pixels)
    assert np.array_equal(frame, picture)
    bright, dark = frames_of(torch.tensor([9.0, -9.0]).view(1, 1, 2, 1, 1).expand(1, 3, 2, 4, 4))
    assert (bright.min(), dark.max()) == (255, 0)


def test_the_first_frame_is_the_decoded_picture_and_nothing_is_pasted_over(
    pipeline, make_request, tmp_path
):
    request = make_request()
    finished = finish(pipeline.generate(request, tmp_path / "clip.mp4"))
    picture = Image.open(request.image).resize((64, 32), Image.Resampling.LANCZOS)
    cropped = np.float32(picture.crop((8, 0, 56, 32))) / 127.5 - 1
    with torch.no_grad():
        latent = pipeline.parts.autoencoder.encode(
            torch.from_numpy(cropped).permute(2, 0, 1)[None, :, None]
        )
    torch.testing.assert_close(finished.latents[:, :, :1], latent, rtol=1e-4, atol=1e-4)


def test_every_step_is_told_in_order_with_previews_while_drawing(pipeline, make_request, tmp_path):
    *steps, _ = pipeline.generate(make_request(), tmp_path / "clip.mp4")
    assert all(isinstance(event, Progress) for event in steps)
    stages = [event.stage for event in steps]
    assert sorted(stages, key=STAGES.index) == stages
    for stage in STAGES:
        told = [event for event in steps if event.stage == stage]
        assert [event.step for event in told] == sorted(event.step for event in told)
        assert (told[0].step, told[-1].step) == (0, told[-1].total)
    drawing = [event for event in steps if event.stage == "drawing"]
    assert [event.step for event in drawing] == [0, 1, 2, 3]
    assert [event.step for event in steps if event.stage == "decoding"] == [0, 1, 5, 9]
    for event in drawing[1:]:
        preview = Image.open(io.BytesIO(event.preview))
        assert (preview.format, preview.n_frames) == ("WEBP", 3)


def test_nothing_is_kept_for_gradients_and_the_caller_may_compute_them(
    pipeline, make_request, tmp_path
):
    events = []
    for event in pipeline.generate(make_request(), tmp_path / "clip.mp4"):
        assert torch.is_grad_enabled()
        events.append(event)
    assert not finish(events).latents.requires_grad


def test_the_same_request_draws_the_same_latents(pipeline, make_request, tmp_path):
    request = make_request()
    first, again = (finish(pipeline.generate(request, tmp_path / "clip.mp4")) for _ in "ab")
    assert torch.equal(first.latents, again.latents)


@pytest.mark.parametrize(
    "change", [{"seed": 8}, {"prompt": "a garden"}, {"num_inference_steps": 2}, {"num_frames": 5}]
)
def test_whatever_is_asked_for_decides_the_latents(pipeline, make_request, tmp_path, change):
    base = finish(pipeline.generate(make_request(), tmp_path / "a.mp4")).latents
    other = finish(pipeline.generate(make_request(**change), tmp_path / "b.mp4")).latents
    assert not torch.equal(base[:, :, 1], other[:, :, 1])
    assert torch.equal(base[:, :, 0], other[:, :, 0])


def test_the_camera_decides_the_latents(pipeline, make_request, tmp_path):
    still = CameraPath.from_poses(np.tile(np.eye(4), (9, 1, 1)), fps=8)
    base = finish(pipeline.generate(make_request(), tmp_path / "a.mp4")).latents
    other = finish(pipeline.generate(make_request(camera_path=still), tmp_path / "b.mp4")).latents
    assert not torch.equal(base, other)


def test_guidance_and_the_negative_prompt_count_only_together(pipeline, make_request, tmp_path):
    def latents(**changes):
        return finish(pipeline.generate(make_request(**changes), tmp_path / "clip.mp4")).latents

    plain = latents()
    assert torch.equal(plain, latents(negative_prompt="blur"))
    guided = latents(guidance_scale=3.0)
    assert not torch.equal(plain, guided)
    assert not torch.equal(guided, latents(guidance_scale=3.0, negative_prompt="blur"))


def test_guidance_away_from_the_prompt_itself_changes_nothing(make_request, tmp_path, model_copy):
    """v + g·(v - v) = v: with the prompt as its own negative, guidance has nothing to say."""
    card = ModelCard.load(model_copy)
    plain_card = card.to_dict() | {"chi_prompt": ""}
    (model_copy / "wanderbook.json").write_text(json.dumps(plain_card))
    pipeline = SanaWMPipeline.from_pretrained(model_copy)
    same = make_request(guidance_scale=4.0, negative_prompt="a room")
    guided = finish(pipeline.generate(same, tmp_path / "a.mp4")).latents
    plain = finish(pipeline.generate(make_request(), tmp_path / "b.mp4")).latents
    torch.testing.assert_close(guided, plain, rtol=1e-4, atol=1e-4)


def test_guidance_starts_from_the_prompt_and_leads_away_from_the_negative_one(
    pipeline, make_request, tmp_path
):
    def latents(**changes):
        return finish(pipeline.generate(make_request(**changes), tmp_path / "clip.mp4")).latents

    plain = latents(prompt="a room")
    barely_guided = latents(prompt="a room", negative_prompt="a sea of fog", guidance_scale=1.001)
    distance = (barely_guided - plain).norm() / (latents(prompt="a sea of fog") - plain).norm()
    assert 0 < distance < 0.1


@pytest.mark.parametrize("stage", STAGES)
def test_cancelling_in_any_stage_leaves_no_file(pipeline, make_request, tmp_path, stage):
    (tmp_path / "out").mkdir()
    events = pipeline.generate(make_request(), tmp_path / "out" / "clip.mp4")
    next(event for event in events if event.stage == stage)
    events.close()
    assert list((tmp_path / "out").iterdir()) == []


def test_the_record_is_in_the_file_and_makes_the_same_video_again(pipeline, make_request, tmp_path):
    request = make_request(prompt='a "room", süß')
    finished = finish(pipeline.generate(request, tmp_path / "clip.mp4"))
    tags = read_tags(tmp_path / "clip.mp4")
    assert tags == json.loads(json.dumps(finished.record))
    assert tags["native_size"] == [48, 32]
    assert tags["model"]["revision"] == pipeline.parts.revision
    assert "source" not in tags["model"]
    assert str(request.image.parent) not in json.dumps(tags)
    said = read_metadata(tmp_path / "clip.mp4")
    assert said["description"].startswith(f"Generated by {pipeline.card.title} on ")
    assert said["digital_source_type"].endswith("/trainedAlgorithmicMedia")

    values = tags["request"] | {"image": str(request.image)}
    values.pop("image_sha256")
    again = GenerationRequest.from_dict(values)
    assert torch.equal(
        finish(pipeline.generate(again, tmp_path / "again.mp4")).latents, finished.latents
    )


@pytest.mark.parametrize(("frames", "fits"), [(961, True), (3841, False)])
def test_the_file_has_the_poses_of_a_minute_and_the_record_those_of_any_path(
    pipeline, make_request, frames, fits
):
    rng = np.random.default_rng(0)
    poses = np.tile(np.eye(4), (frames, 1, 1))
    turns, _ = np.linalg.qr(rng.normal(size=(frames, 3, 3)))
    poses[:, :3, :3] = turns * np.linalg.det(turns)[:, None, None]
    poses[:, :3, 3] = rng.normal(size=(frames, 3))
    path = CameraPath.from_poses(poses, fps=16, source={"kind": "poses", "file": "walk.npy"})
    request = make_request(num_frames=frames, camera_path=path)
    plan = pipeline._residence.plans(Job(num_frames=frames, guided=False))[0]
    log = RunLog(plan=plan)
    record = make_record(request, pipeline.parts, image_sha256="", caches={}, log=log)
    tags = json.loads(json.dumps(tags_of(record)))
    assert len(json.dumps(tags).encode()) < MAX_TAG_BYTES
    assert (tags == json.loads(json.dumps(record))) is fits
    assert tags["request"]["camera_path"]["source"] == path.source
    kept = CameraPath.from_dict(record["request"]["camera_path"])
    assert np.array_equal(kept.c2w, path.c2w)


def test_a_bad_request_is_refused_before_anything_is_done(pipeline, make_request, tmp_path):
    with pytest.raises(InvalidRequestError) as caught:
        next(pipeline.generate(make_request(seed=-1), tmp_path / "clip.mp4"))
    assert caught.value.field == "seed"
    broken = tmp_path / "notes.png"
    broken.write_text("no picture")
    with pytest.raises(InvalidRequestError) as caught:
        list(pipeline.generate(make_request(image=broken), tmp_path / "clip.mp4"))
    assert caught.value.field == "image"
    assert not (tmp_path / "clip.mp4").exists()


def test_numbers_out_of_range_stop_the_run_with_a_sentence(make_request, tmp_path, model_copy):
    weights = model_copy / "transformer" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["final_layer.linear.bias"][:] = float("nan")
    save_file(tensors, weights, metadata={"format": "pt"})
    pipeline = SanaWMPipeline.from_pretrained(model_copy)
    with pytest.raises(SanaWMError, match="step 1: the numbers went out of range"):
        list(pipeline.generate(make_request(), tmp_path / "clip.mp4"))
    assert not (tmp_path / "clip.mp4").exists()


@pytest.mark.parametrize(
    "name",
    [
        "model_index.json",
        "transformer/config.json",
        "transformer/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "text_encoder/model.safetensors",
        "tokenizer/tokenizer.json",
    ],
)
def test_a_missing_file_is_told_by_name(model_copy, name):
    (model_copy / name).unlink()
    with pytest.raises(ModelFilesMissingError) as caught:
        SanaWMPipeline.from_pretrained(model_copy)
    part = name.split("/")[0]
    assert name in str(caught.value) or f"{part}/ holds no .safetensors" in str(caught.value)


def test_opening_a_model_waits_for_no_library_it_does_not_need(tiny_model_folder):
    """diffusers is for the public autoencoder, transformers for a prompt that is not kept."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom sanawm.pipeline import SanaWMPipeline\n"
        f"SanaWMPipeline.from_pretrained(Path({str(tiny_model_folder)!r}))\n"
        "assert not {'diffusers', 'transformers'} & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ModelFilesMissingError, match="There is no model folder"):
        SanaWMPipeline.from_pretrained(tmp_path / "nowhere")


def test_a_run_of_a_fetched_model_tells_the_repositories_it_is_from(
    model_copy, make_request, tmp_path, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path))
    (tmp_path / "wanderbook").mkdir()
    model_copy.rename(tmp_path / "wanderbook" / "sana-wm")
    sources = [{"repo": "someone/something", "revision": "0123abcd" * 5}]
    fetched = tmp_path / "wanderbook" / "sana-wm" / "fetched.json"
    fetched.write_text(json.dumps({"sources": sources, "fetched_at": "2026-11-23"}))

    pipeline = SanaWMPipeline.from_pretrained("sana-wm")
    finished = finish(pipeline.generate(make_request(), tmp_path / "clip.mp4"))

    assert finished.record["model"]["source"] == sources


def test_a_card_of_another_model_is_told(model_copy):
    card = ModelCard.load(model_copy).to_dict() | {"latent_channels": 16}
    (model_copy / "wanderbook.json").write_text(json.dumps(card))
    with pytest.raises(ModelFilesMissingError, match="latent_channels to be 16, and a part has 8"):
        SanaWMPipeline.from_pretrained(model_copy)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_every_kind_of_memory_shortage_becomes_one_sentence(error):
    with (
        pytest.raises(NotEnoughMemoryError, match="too large"),
        memory_shortage_as_sentence("too large"),
    ):
        raise error


def test_a_real_shortage_on_this_processor_is_recognised():
    with pytest.raises(NotEnoughMemoryError), memory_shortage_as_sentence("too large"):
        torch.ones(2**55)


def test_other_failures_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes"), memory_shortage_as_sentence("too large"):
        raise RuntimeError("shapes do not match")


@pytest.mark.parametrize(
    ("changes", "plan"), [({}, "float32"), ({"guidance_scale": 2.0}, "float32, guided")]
)
def test_the_record_says_on_what_and_how_the_clip_was_drawn(
    pipeline, make_request, tmp_path, changes, plan
):
    finished = finish(pipeline.generate(make_request(**changes), tmp_path / "clip.mp4"))
    threads = torch.get_num_threads()
    word = "thread" if threads == 1 else "threads"
    assert finished.record["device"] == f"cpu, {threads} {word}"
    assert finished.record["plan"] == plan
    assert finished.record["caches"] == {}


def test_a_picture_may_go_away_once_the_run_has_begun(pipeline, make_request, tmp_path):
    request = make_request()
    events = pipeline.generate(request, tmp_path / "clip.mp4")
    next(events)
    request.image.unlink()
    assert len(finish(events).record["request"]["image_sha256"]) == 64


def test_the_number_of_threads_is_fixed_at_opening_and_written_down(
    tiny_model_folder, make_request, tmp_path
):
    before = torch.get_num_threads()
    try:
        pipeline = SanaWMPipeline.from_pretrained(tiny_model_folder, threads=1)
        finished = finish(pipeline.generate(make_request(), tmp_path / "clip.mp4"))
        assert (torch.get_num_threads(), finished.record["threads"]) == (1, 1)
    finally:
        torch.set_num_threads(before)
