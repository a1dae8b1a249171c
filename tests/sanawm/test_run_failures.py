"""What a run says when the computer fails it, and that it leaves nothing behind."""

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sanawm import stills, video
from sanawm.cache_policy import CachePolicy
from sanawm.errors import (
    DiskFullError,
    InvalidRequestError,
    ModelFilesMissingError,
    NotEnoughMemoryError,
)
from sanawm.files import disk_shortage_as_sentence
from sanawm.pipeline import SanaWMPipeline
from studio.runner import PipelineRunner

ROOT = Path(__file__).parents[2]
SPARE = "The prompt, the picture and the path are kept."


@pytest.fixture(scope="module")
def pipeline(tiny_model_folder):
    return SanaWMPipeline.from_pretrained(tiny_model_folder)


@pytest.fixture
def model_copy(tiny_model_folder, tmp_path):
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "copy"))


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def run(pipeline, request, out, **options):
    return list(pipeline.generate(request, out / "clip.mp4", **options))


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("method", ["add", "finish"])
def test_a_disk_that_fills_up_while_the_video_is_written_is_a_sentence(
    pipeline, make_request, out, monkeypatch, method, number
):
    def full(*_):
        raise OSError(number, "no room")

    monkeypatch.setattr(video.Mp4Writer, method, full)
    with pytest.raises(DiskFullError, match=r"The disk is full.*Free some space, then try again"):
        run(pipeline, make_request(), out)
    assert list(out.iterdir()) == []


def test_other_failures_of_the_disk_stay_what_they_are():
    with pytest.raises(PermissionError), disk_shortage_as_sentence():
        raise PermissionError(errno.EACCES, "not yours")


ON_A_SMALL_DISK = """
import sys
from pathlib import Path
import torch
from sanawm.cache_policy import CachePolicy
from sanawm.camera.path import CameraPath
from sanawm.errors import DiskFullError
from sanawm.pipeline import SanaWMPipeline
from sanawm.request import GenerationRequest
model, photo, poses, disk, roomy = map(Path, sys.argv[1:])
pipeline = SanaWMPipeline.from_pretrained(model)
request = GenerationRequest(
    image=photo, prompt="a room", camera_path=CameraPath.load_npz(poses), num_frames=9, seed=7,
    num_inference_steps=3, guidance_scale=1.0,
)
filler = disk / "filler"
filler.write_bytes(bytes(disk.stat().st_blksize))
*_, finished = pipeline.generate(
    request, roomy / "clip.mp4", caches=CachePolicy(folder=disk / "cache", keep_stage1=True)
)
assert not any(told["hit"] for told in finished.record["caches"].values())
*_, again = pipeline.generate(
    request, roomy / "clip.mp4", caches=CachePolicy(folder=disk / "cache", keep_stage1=True)
)
assert torch.equal(again.latents, finished.latents)
try:
    list(pipeline.generate(request, disk / "clip.mp4"))
except DiskFullError as error:
    print(error)
left = [path.name for path in disk.rglob("*") if path.is_file() and path != filler]
assert all(name.endswith(".safetensors") for name in left), left
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs a small disk of its own")
@pytest.mark.slow
def test_a_disk_that_is_really_full_costs_the_video_and_no_run_for_its_caches(
    tiny_model_folder, make_request, tmp_path, out
):
    request, disk = make_request(), tmp_path / "disk"
    disk.mkdir()
    request.camera_path.save_npz(tmp_path / "path.npz")
    mounted = f'mount -t tmpfs -o size=16k none "{disk}" && exec "$@"'
    tried = subprocess.run(["unshare", "-rm", "sh", "-c", mounted, "sh", "true"], check=False)
    if tried.returncode != 0:
        pytest.skip("this system gives no small disk")
    program = [sys.executable, "-c", ON_A_SMALL_DISK, tiny_model_folder, request.image]
    program += [tmp_path / "path.npz", disk, out]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mounted, "sh", *map(str, program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The disk is full")
    assert [path.name for path in out.iterdir()] == ["clip.mp4"]


def test_stills_that_find_no_room_are_the_same_sentence(
    tiny_model_folder, make_request, out, monkeypatch
):
    def full(*_):
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(stills, "write_poster", full)
    request = make_request()
    request.camera_path.save_npz(out / "path.npz")
    threads = torch.get_num_threads()
    runner = PipelineRunner(tiny_model_folder, cache_folder=out / "cache", threads=threads)
    spec = request.to_dict() | {
        "camera_path": str(out / "path.npz"),
        "cache_limits": {},
        "keep_stage1": False,
    }
    with pytest.raises(DiskFullError):
        list(runner.run(spec, out, lambda: False))


@pytest.mark.parametrize(
    ("part", "method"),
    [
        ("text_encoder", "encode"),
        ("autoencoder", "encode"),
        ("transformer", "step"),
        ("autoencoder", "decode_stream"),
    ],
)
@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_memory_that_runs_out_in_any_stage_is_a_sentence(
    pipeline, make_request, out, tmp_path, monkeypatch, part, method, error
):
    def short(*_, **__):
        raise error

    monkeypatch.setattr(getattr(pipeline.parts, part), method, short)
    policy = CachePolicy(folder=tmp_path / "cache", keep_stage1=True)
    with pytest.raises(NotEnoughMemoryError, match=rf"for 9 frames\. {SPARE} Try a shorter clip"):
        run(pipeline, make_request(), out, caches=policy)
    assert list(out.iterdir()) == []
    assert list(tmp_path.rglob("*.part")) == []
    monkeypatch.undo()
    *_, finished = run(pipeline, make_request(), out, caches=policy)
    assert finished.video.exists()


def test_a_damaged_picture_is_told_before_any_part_of_the_model_works(
    pipeline, make_request, out, monkeypatch
):
    request = make_request()
    cut_short(request.image)
    monkeypatch.setattr(pipeline.parts.text_encoder, "encode", None)
    with pytest.raises(InvalidRequestError, match=r"photo\.png is damaged or cut short") as caught:
        run(pipeline, request, out)
    assert caught.value.field == "image"
    assert list(out.iterdir()) == []


def one_tensor_less(path):
    tensors = load_file(path)
    del tensors["norm.weight"]
    save_file(tensors, path, metadata={"format": "pt"})


def one_tensor_larger(path):
    tensors = load_file(path)
    save_file(tensors | {"norm.weight": torch.ones(17)}, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("name", "damage", "sentence"),
    [
        ("text_encoder/model.safetensors", Path.unlink, "missing or cannot be read"),
        ("text_encoder/model.safetensors", cut_short, "missing or cannot be read"),
        ("text_encoder/model.safetensors", one_tensor_less, r"norm\.weight is missing or of"),
        ("text_encoder/model.safetensors", one_tensor_larger, r"norm\.weight is missing or of"),
        ("text_encoder/config.json", cut_short, "missing or cannot be read"),
    ],
)
def test_a_text_encoder_that_goes_bad_after_opening_is_a_sentence(
    model_copy, make_request, out, name, damage, sentence
):
    pipeline = SanaWMPipeline.from_pretrained(model_copy)
    damage(model_copy / name)
    with pytest.raises(ModelFilesMissingError, match=sentence):
        run(pipeline, make_request(), out)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "tokenizer/tokenizer.json",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "transformer/config.json",
        "transformer/diffusion_pytorch_model.safetensors",
        "model_index.json",
        "wanderbook.json",
    ],
)
def test_a_damaged_file_of_the_model_is_told_at_opening(model_copy, name):
    cut_short(model_copy / name)
    with pytest.raises(ModelFilesMissingError):
        SanaWMPipeline.from_pretrained(model_copy)
