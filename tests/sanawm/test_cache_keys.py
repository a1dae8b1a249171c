from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from sanawm import cache_keys
from sanawm.cache import content_key
from sanawm.cache_keys import camera_parts, drawing_parts, numerics, picture_parts, text_parts
from sanawm.camera.path import CameraPath
from sanawm.model_parts import open_model
from sanawm.picture import read_picture

POSES = np.tile(np.eye(4), (9, 1, 1))
POSES[3:, 2, 3] = 1
AHEAD = CameraPath.from_poses(POSES, fps=8)


@pytest.fixture(scope="module")
def parts(tiny_model_folder):
    return open_model(tiny_model_folder)


def with_card(**changes):
    return lambda parts: replace(parts, card=replace(parts.card, **changes))


def with_files(part):
    return lambda parts: replace(parts, fingerprints=parts.fingerprints | {part: "other"})


def with_config(**changes):
    def changed(parts):
        config = replace(parts.transformer.config, **changes)
        return replace(parts, transformer=SimpleNamespace(config=config))

    return changed


REQUESTS = {
    "prompt": {"prompt": "a roof"},
    "negative prompt": {"negative_prompt": "blur"},
    "seed": {"seed": 8},
    "steps": {"num_inference_steps": 2},
    "guidance": {"guidance_scale": 2.25},
    "no guidance": {"guidance_scale": 1.0},
    "frames": {"num_frames": 5},
    "poses": {"camera_path": AHEAD},
    "intrinsics": {"camera_path": replace(AHEAD, intrinsics=np.tile([50, 50, 60, 30], (9, 1)))},
    "others": {"camera_path": replace(AHEAD, intrinsics=np.tile([50, 50, 60, 31], (9, 1)))},
}
MODELS = {
    "instruction": with_card(chi_prompt="Paint: "),
    "text length": with_card(text_length=25),
    "shift": with_card(shift=2.0),
    "field of view": with_card(fov_degrees=61.0),
    "height": with_card(height=40),
    "width": with_card(width=56),
    "stride in time": with_card(temporal_stride=2),
    "stride in space": with_card(spatial_stride=4),
    "encoder": with_files("text_encoder"),
    "tokenizer": with_files("tokenizer"),
    "autoencoder": with_files("vae"),
    "transformer": with_files("transformer"),
    "softmax scale": with_config(softmax_scale_main=0.3),
    "camera's softmax scale": with_config(softmax_scale_camera=0.3),
    "limit of lengths": with_config(cam_rms_downscale="none"),
}


def test_whatever_decides_a_clip_alone_gives_it_another_key(parts, make_request):
    def key(parts=parts, **changes):
        request = make_request(**({"guidance_scale": 2.5} | changes))
        picture = read_picture(request.image, parts.card)
        return content_key(drawing_parts(parts, request, picture))

    keys = {"base": key(), "again": key()}
    assert len(set(keys.values())) == 1
    keys |= {name: key(**changes) for name, changes in REQUESTS.items()}
    keys |= {name: key(change(parts)) for name, change in MODELS.items()}
    assert len(set(keys.values())) == len(keys) - 1


def test_what_does_not_decide_a_clip_leaves_its_key_alone(parts, make_request, tmp_path):
    request = make_request()
    key = drawing_parts(parts, request, read_picture(request.image, parts.card))
    copy = tmp_path / "other name.bmp"
    Image.open(request.image).save(copy)
    path = replace(request.camera_path, fps=30, source={"kind": "elsewhere"})
    other = replace(request, image=copy, camera_path=path, negative_prompt="blur")
    titled = with_card(title="Another", license="another", lengths=(9,))(parts)
    assert drawing_parts(titled, other, read_picture(copy, parts.card)) == key


def test_a_text_s_key_is_its_own_and_its_encoder_s(parts):
    base = text_parts(parts, "a room", negative=False)
    assert base != text_parts(parts, "a roof", negative=False)
    assert base != text_parts(parts, "a room", negative=True)
    for name in ("instruction", "text length", "encoder", "tokenizer"):
        assert text_parts(MODELS[name](parts), "a room", negative=False) != base, name
    for name in ("shift", "width", "autoencoder", "transformer", "softmax scale"):
        assert text_parts(MODELS[name](parts), "a room", negative=False) == base, name


def test_a_picture_s_key_is_its_pixels_and_the_autoencoder(parts, photo):
    picture = read_picture(photo, parts.card)
    base = picture_parts(parts, picture)
    pixels = picture.pixels_BCFHW.clone()
    pixels[0, 0, 0, 0, 0] += 1 / 127.5
    assert picture_parts(parts, replace(picture, pixels_BCFHW=pixels)) != base
    assert picture_parts(MODELS["autoencoder"](parts), picture) != base
    assert picture_parts(MODELS["encoder"](parts), replace(picture, sha256="other")) == base


def test_rays_are_of_a_path_a_picture_s_size_and_the_model_s_grid(parts):
    base = camera_parts(parts.card, AHEAD, (120, 60))
    for size in ((121, 60), (120, 61)):
        assert camera_parts(parts.card, AHEAD, size) != base
    for name in ("field of view", "height", "width", "stride in time", "stride in space"):
        assert camera_parts(MODELS[name](parts).card, AHEAD, (120, 60)) != base, name
    assert camera_parts(MODELS["shift"](parts).card, AHEAD, (120, 60)) == base


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (torch, "get_num_threads", lambda: 77),
        (torch, "get_float32_matmul_precision", lambda: "medium"),
        (torch, "__version__", "0"),
        (torch.backends.cpu, "get_cpu_capability", lambda: "other"),
        (cache_keys.platform, "machine", lambda: "other"),
        (cache_keys, "_library_versions", lambda: {"numpy": "0"}),
        (cache_keys, "_code_fingerprint", lambda: "other"),
    ],
)
def test_how_the_computer_computes_is_part_of_every_key(parts, monkeypatch, owner, name, value):
    before = content_key(numerics(parts))
    monkeypatch.setattr(owner, name, value)
    assert content_key(numerics(parts)) != before


def test_numbers_of_another_width_or_another_device_are_kept_apart(parts):
    half = replace(parts.machine, dtype=torch.bfloat16, device=torch.device("meta"))
    other = numerics(replace(parts, machine=half))
    assert {name for name, value in numerics(parts).items() if other[name] != value} == {
        "device",
        "dtype",
    }


def test_every_file_that_computes_is_in_the_code_s_fingerprint(tmp_path, monkeypatch):
    module = tmp_path / "sampling.py"
    module.write_text("a = 1\n")
    monkeypatch.setattr(cache_keys, "CODE_FOLDERS", (*cache_keys.CODE_FOLDERS, tmp_path))
    before = cache_keys._code_fingerprint.__wrapped__()
    module.write_text("a = 2\n")
    assert cache_keys._code_fingerprint.__wrapped__() != before
