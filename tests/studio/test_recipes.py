"""Files that people drop become drafts: what is read of each kind, and what is said of the rest."""

import json
import shutil
import time
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from studio_ways import draft_of

from sanawm.camera.path import CameraPath
from sanawm.errors import InvalidRequestError
from sanawm.video import write_mp4
from storage.disposal import dispose
from studio import limits
from studio.file_probe import probe

ACTIONS = {"kind": "actions", "actions": "w-4,dw-4", "dialect": "wm-2026-07"}


def record(image_sha256="", source=ACTIONS, poses=False, **changes):
    c2w = np.tile(np.eye(4, dtype=np.float32), (9, 1, 1))
    c2w[:, 2, 3] = np.arange(9) / 8
    path = CameraPath.from_poses(c2w, fps=8, source=source).to_dict()
    request = {
        "image": "photo.png",
        "image_sha256": image_sha256,
        "prompt": "a lamp, süß",
        "negative_prompt": "fog",
        "camera_path": path if poses else path | {"c2w": None, "intrinsics": None},
        "num_frames": 9,
        "seed": 77,
        "num_inference_steps": 6,
        "guidance_scale": 2.5,
    }
    return {
        "schema": "wanderbook.run/1",
        "request": request | changes,
        "model": {"name": "painted"},
    }


def video(path, tags, size=(64, 48)):
    shades = (np.full((size[1], size[0], 3), 40 * n, np.uint8) for n in range(3))
    write_mp4(shades, path, 8, tags)
    return path


@pytest.fixture
def read(studio):
    return studio.recipes.read


def test_a_video_gives_everything_back_and_the_very_picture_where_it_is_kept(
    read, picture, tmp_path
):
    found = read(video(tmp_path / "a.mp4", record(picture.sha256)))

    assert (found.prompt, found.negative_prompt) == ("a lamp, süß", "fog")
    assert (found.seed, found.steps, found.guidance, found.num_frames) == (77, 6, 2.5, 9)
    assert (found.path_source, found.model) == (ACTIONS, "painted")
    assert found.image.sha256 == picture.sha256
    assert found.said == []


def test_a_video_from_elsewhere_lends_its_first_frame_and_says_so(read, tmp_path):
    found = read(video(tmp_path / "a.mp4", record("f" * 64)))
    assert (found.image.width, found.image.height) == (320, 240)  # as small videos are written
    assert ["first frame is that of the video" in one for one in found.said] == [True]


def test_poses_come_along_and_can_be_submitted(read, studio, picture, tmp_path):
    source = {"kind": "poses", "file": "walk.npz"}
    found = read(video(tmp_path / "a.mp4", record(picture.sha256, source, poses=True)))

    assert found.path_source["kind"] == "poses"
    draft = draft_of(picture, path_source=found.path_source, num_frames=9)
    run = studio.submit(draft, "c" * 32, "visitor")
    assert run.path_label == "poses from walk.npz"
    assert run.path_points[-1][:2] == [0.0, 1.0]
    dispose(studio._database, "pictures", tmp_path, now=time.time() + 1e6)  # a run keeps its poses
    again = studio.reseed(run.id, "f" * 32, "visitor")  # poses go round and stay what they are
    assert (again.relation, again.path_source) == ("reseed", run.path_source)
    kept = {file.stem for file in studio._database.folder.assets.rglob("*.npz")}
    assert run.path_source["poses"] in kept
    longer = draft_of(picture, path_source=found.path_source, num_frames=17)
    with pytest.raises(InvalidRequestError, match="has 9 poses"):
        studio.submit(longer, "d" * 32, "visitor")
    forged = draft_of(picture, path_source={"kind": "poses", "poses": "../app"}, num_frames=9)
    with pytest.raises(InvalidRequestError, match="not kept here"):
        studio.submit(forged, "e" * 32, "visitor")


def test_poses_are_not_kept_where_the_disk_is_nearly_full(read, database, tmp_path, monkeypatch):
    file = tmp_path / "run.json"
    file.write_text(json.dumps(record(source={"kind": "poses"}, poses=True)))
    before = sorted(database.folder.root.rglob("*.npz"))
    left = SimpleNamespace(free=limits.SPARE_BYTES - 1)
    monkeypatch.setattr(limits.shutil, "disk_usage", lambda folder: left)

    with pytest.raises(InvalidRequestError, match="nearly full"):
        read(file)
    assert sorted(database.folder.root.rglob("*.npz")) == before


def test_a_run_json_is_read_with_and_without_its_record(read, submit, picture, tmp_path):
    row = {
        "schema": "wanderbook.run/1",
        "id": "01J",
        "prompt": "a row",
        "negative_prompt": "",
        "path_source": ACTIONS,
        "num_frames": 9,
        "seed": 5,
        "num_inference_steps": 4,
        "guidance_scale": 1.0,
        "model": "painted",
        "record": {},
        "image": {"sha256": picture.sha256},
    }
    file = tmp_path / "run.json"
    file.write_text(json.dumps(row))
    found = read(file)
    assert (found.prompt, found.seed, found.image.sha256) == ("a row", 5, picture.sha256)
    assert (found.path_source, found.run_id) == (ACTIONS, "01J")

    file.write_text(json.dumps(row | {"record": record(), "image": {"sha256": "0" * 64}}))
    found = read(file)
    assert (found.prompt, found.image) == ("a lamp, süß", None)
    assert ["Choose a first frame" in one for one in found.said] == [True]


def test_what_peers_wrote_is_taken_and_its_program_named(read, tmp_path):
    peer = {"prompt": "a boat", "seed": 9, "num_inference_steps": 30, "type": "WanGP v12"}
    found = read(video(tmp_path / "peer.mp4", peer))
    assert (found.prompt, found.seed, found.path_source) == ("a boat", 9, None)
    assert "WanGP" in found.said[0]
    assert found.image is not None

    about = PngInfo()
    about.add_text("parameters", "a castle\nSteps: 28, Seed: 4, CFG scale: 7")
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png", pnginfo=about)
    found = read(tmp_path / "a.png")
    assert (found.prompt, found.seed, found.image.width) == ("a castle", 4, 32)


def test_a_broken_path_is_left_out_and_the_rest_taken(read, picture, tmp_path):
    odd = record(picture.sha256, {"kind": "poses"})
    found = read(video(tmp_path / "a.mp4", odd))
    assert (found.prompt, found.path_source) == ("a lamp, süß", None)
    assert "camera path" in found.said[0]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("clip.mp4", b"\0\0\0\x18ftypisom" + b"\0" * 64, "no video that can be read"),
        ("notes.mp4", b"just words", "notes.mp4 is no video, recipe, bundle or picture"),
        ("notes.png", b"just words", "notes.png"),
        ("run.json", b'{"schema": "wanderbook.run/1"', "tells nothing"),
        ("run.json", b"[]", "tells nothing"),
        ("run.json", b"[" * 5000, "tells nothing"),
        ("all.zip", b"PK\x03\x04 no zip", "all.zip"),
        ("list.mp4", b"#EXTM3U\nfile:///etc/passwd", "list.mp4 is no video"),
    ],
)
def test_what_is_no_recipe_is_refused_with_its_name(read, tmp_path, name, content, why):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidRequestError, match=why):
        read(tmp_path / name)


def test_a_video_cut_short_or_too_large_is_refused_by_a_process_of_its_own(tmp_path):
    whole = video(tmp_path / "a.mp4", record())
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:400])
    with pytest.raises(InvalidRequestError, match=r"cut\.mp4 is no video"):
        probe(cut, tmp_path / "x.png", cut.name)

    wide = tmp_path / "wide.mp4"
    with av.open(str(wide), "w") as container:
        stream = container.add_stream("libx264", rate=8, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 8200, 16, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 8200, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(InvalidRequestError, match="8200 × 16 pixels"):
        probe(wide, tmp_path / "y.png", wide.name)
    assert not (tmp_path / "y.png").exists()


def test_metadata_without_a_recipe_is_said_to_tell_nothing(read, tmp_path):
    plain = video(tmp_path / "a.mp4", {})
    with pytest.raises(InvalidRequestError, match=r"a\.mp4 tells nothing"):
        read(plain)
    shutil.copy(plain, tmp_path / "b.json")  # the content decides, not the name
    with pytest.raises(InvalidRequestError, match=r"b\.json tells nothing"):
        read(tmp_path / "b.json")
