"""Intrinsics, crops, frame counts and pose files."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanawm.camera.frames import snap_frames
from sanawm.camera.intrinsics import crop_geometry, crop_intrinsics, from_fov, parse_intrinsics
from sanawm.camera.poses import read_poses, rebase
from sanawm.errors import InvalidRequestError

PACK = json.loads((Path(__file__).parents[1] / "data" / "camera_pack.json").read_text("utf-8"))
SNAP = PACK["snap_num_frames"]


def turned(yaw_degrees, position=(0, 0, 0)):
    yaw = math.radians(yaw_degrees)
    pose = np.eye(4)
    pose[:3, :3] = [
        [math.cos(yaw), 0, math.sin(yaw)],
        [0, 1, 0],
        [-math.sin(yaw), 0, math.cos(yaw)],
    ]
    pose[:3, 3] = position
    return pose


POSES = np.stack([turned(10 * i, (0.1 * i, 0.2, i)) for i in range(5)])


def refused(call, *arguments):
    with pytest.raises(InvalidRequestError) as caught:
        call(*arguments)
    assert caught.value.field == "camera"
    return str(caught.value)


@pytest.mark.parametrize("case", PACK["crop_geometry"], ids=str)
def test_crops_are_those_of_the_released_pipeline(case):
    (width, height), (target_height, target_width) = case["image_wh"], case["target_hw"]

    crop = crop_geometry(width, height, target_width, target_height)

    assert crop.resized == tuple(case["resized_wh"])
    assert [crop.left, crop.top] == case["crop_left_top"]
    moved = crop_intrinsics(case["intrinsics_in"], crop)
    np.testing.assert_allclose(moved, case["intrinsics_out"], rtol=2e-6, atol=2e-4)


@given(
    width=st.integers(1, 9000), height=st.integers(1, 9000),
    target=st.tuples(st.integers(16, 1280), st.integers(16, 1280)),
)  # fmt: skip
def test_a_crop_always_covers_the_frame_and_leaves_equal_margins(width, height, target):
    crop = crop_geometry(width, height, *target)

    for resized, wanted, offset in zip(crop.resized, target, (crop.left, crop.top), strict=True):
        assert 0 <= offset <= resized - wanted
        assert 0 <= resized - wanted - 2 * offset <= 1
    assert 0 in (crop.left, crop.top) or min(crop.resized[i] - target[i] for i in (0, 1)) <= 1


@pytest.mark.parametrize(
    ("form", "rows"),
    [
        ([5, 6, 7, 8], 1),
        ([[5, 0, 7], [0, 6, 8], [0, 0, 1]], 1),
        ([[5, 6, 7, 8]] * 9, 9),
        ([[[5, 0, 7], [0, 6, 8], [0, 0, 1]]] * 4, 4),
    ],
    ids=["vector", "matrix", "vectors", "matrices"],
)
def test_every_form_of_intrinsics_means_the_same(form, rows):
    np.testing.assert_allclose(parse_intrinsics(form, 4), [[5, 6, 7, 8]] * 4)


def test_too_few_intrinsics_are_stretched_over_the_clip_and_too_many_cut():
    zoom = [[100, 100, 50, 50], [200, 300, 50, 50]]

    stretched = parse_intrinsics(zoom, 5)

    np.testing.assert_allclose(stretched[:, 0], [100, 125, 150, 175, 200])
    np.testing.assert_allclose(stretched[:, 1], [100, 150, 200, 250, 300])
    np.testing.assert_allclose(parse_intrinsics(zoom, 1), zoom[:1])


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ([1, 2, 3], "these are|not 3"),
        (np.ones((5, 3)), "not 5 × 3"),
        (np.ones((2, 2, 2, 4)), "not 2 × 2 × 2 × 4"),
        ([0, 5, 1, 1], "focal lengths positive"),
        ([5, float("nan"), 1, 1], "finite"),
        ([[5, 0, 7], [0, 6, 8], [0, 0, 2]], "0 0 1"),
        ("wide", "not a table of numbers"),
        (np.zeros((0, 4)), "not 0 × 4"),
    ],
    ids=str,
)
def test_bad_intrinsics_are_refused_with_a_sentence(form, words):
    with pytest.raises(InvalidRequestError, match=words):
        parse_intrinsics(form, 5)


def test_a_field_of_view_reaches_the_edges_of_the_picture():
    fx, fy, cx, cy = from_fov(60, 1280, 704)

    assert math.degrees(2 * math.atan(640 / fx)) == pytest.approx(60)
    assert (fy, cx, cy) == (fx, 640, 352)


@pytest.mark.parametrize("table", ["stride8_no_bound", "stride8_upper", "stride24"])
def test_frame_counts_snap_as_in_the_released_programs(table):
    stride = 24 if table == "stride24" else 8
    for asked, snapped in SNAP[table].items():
        num_frames, *bound = map(int, asked.split(","))
        assert snap_frames(num_frames, stride, *bound) == snapped, asked


@given(num_frames=st.integers(-5, 2000), stride=st.integers(1, 30))
def test_snapping_twice_is_snapping_once_and_never_moves_far(num_frames, stride):
    snapped = snap_frames(num_frames, stride)

    assert snap_frames(snapped, stride) == snapped
    assert (snapped - 1) % stride == 0
    assert abs(snapped - max(1, num_frames)) <= stride / 2


def test_poses_are_seen_from_the_first_one():
    world = turned(77, (3, -2, 1))

    relative = rebase(world @ POSES)

    np.testing.assert_array_equal(relative[0], np.eye(4))
    np.testing.assert_allclose(relative, np.linalg.inv(POSES[0]) @ POSES, atol=1e-12)


def test_poses_are_read_from_npy_and_npz(tmp_path):
    np.save(tmp_path / "walk.npy", POSES.astype(np.float32))
    np.savez(tmp_path / "walk.npz", c2w=POSES, intrinsics=np.array([5, 6, 7, 8]), fps=12)

    c2w, intrinsics, fps = read_poses(tmp_path / "walk.npy")
    np.testing.assert_allclose(c2w, rebase(POSES), atol=1e-5)
    assert intrinsics is None
    assert fps is None
    c2w, intrinsics, fps = read_poses(tmp_path / "walk.npz")
    np.testing.assert_allclose(c2w, rebase(POSES), atol=1e-12)
    assert intrinsics.tolist() == [5, 6, 7, 8]
    assert fps == 12


@pytest.mark.parametrize(
    ("poses", "words"),
    [
        (np.eye(4), "these are 4 × 4"),
        (np.ones((3, 3, 4)), "these are 3 × 3 × 4"),
        (np.zeros((0, 4, 4)), "these are 0 × 4 × 4"),
        (POSES * 2, "frame 0 has not 0 0 0 1"),
        (np.stack([np.eye(4), np.diag((2.0, 2, 2, 1))]), "frame 1 is no rotation"),
        (np.stack([np.eye(4), np.diag((-1.0, 1, 1, 1))]), "frame 1 is mirrored"),
        (np.stack([np.eye(4), turned(0, (math.nan, 0, 0))]), "frame 1 is not finite"),
        (np.stack([np.eye(4), turned(0, (1e9, 0, 0))]), "frame 1 is more than"),
        (np.array(["a", "b"]), "not a table of numbers"),
    ],
    ids=range(9),
)
def test_bad_poses_are_refused_with_the_frame_and_the_reason(poses, words):
    assert words in refused(rebase, poses)


def test_files_that_hold_no_poses_are_refused(tmp_path):
    (tmp_path / "text.npy").write_text("not an array")
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
    np.savez(tmp_path / "other.npz", weights=POSES)
    np.savez(tmp_path / "fps.npz", c2w=POSES, fps=-1)
    np.save(tmp_path / "pickled.npy", np.array([{"a": 1}], dtype=object))

    for name in ("text.npy", "empty.npz", "broken.npz", "pickled.npy", "missing.npy"):
        assert f"{name} cannot be read as poses" in refused(read_poses, tmp_path / name)
    assert "Name the array c2w" in refused(read_poses, tmp_path / "other.npz")
    assert "not one positive number" in refused(read_poses, tmp_path / "fps.npz")


def test_a_pose_file_far_too_large_is_not_read(tmp_path):
    with (tmp_path / "huge.npy").open("wb") as file:
        file.truncate(65 * 2**20)

    assert "larger than 64 MB" in refused(read_poses, tmp_path / "huge.npy")
