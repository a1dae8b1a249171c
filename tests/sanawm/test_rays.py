"""Camera tensors against the released pipeline's and against their definition, ray by ray."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sanawm.camera.intrinsics import crop_geometry, crop_intrinsics
from sanawm.camera.path import CameraPath
from sanawm.card import ModelCard
from sanawm.rays import camera_inputs, chunk_plucker, raymap

DATA = Path(__file__).parents[1] / "data"
REFERENCE = load_file(DATA / "camera_pack.safetensors")
CASES = json.loads((DATA / "camera_pack.json").read_text("utf-8"))["cases"]


def card_of(case):
    height, width = case["target_hw"]
    return ModelCard(height=height, width=width)


def path_of(case):
    name = case["name"]
    return CameraPath.from_poses(
        REFERENCE[f"{name}/c2w"].numpy(),
        intrinsics=REFERENCE[f"{name}/intrinsics_px_source"].numpy(),
        fps=16,
    )


def wandering_poses(batch, num_frames, seed=0):
    """Random walks of position, yaw and pitch, (B, F, 4, 4) float64, frame 0 at the origin."""
    random = torch.Generator().manual_seed(seed)
    walk = torch.randn(batch, num_frames, 5, generator=random, dtype=torch.float64).cumsum(1) * 0.1
    walk -= walk[:, :1].clone()
    yaw, pitch = walk[..., 3], walk[..., 4]
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
    turn = torch.stack((yaw.cos(), zero, yaw.sin(), zero, one, zero, -yaw.sin(), zero, yaw.cos()))
    tilt = torch.stack((one, zero, zero, zero, pitch.cos(), -pitch.sin(), zero, pitch.sin(),
                        pitch.cos()))  # fmt: skip
    c2w = torch.eye(4, dtype=torch.float64).repeat(batch, num_frames, 1, 1)
    c2w[..., :3, :3] = turn.movedim(0, -1).unflatten(-1, (3, 3)) @ tilt.movedim(0, -1).unflatten(
        -1, (3, 3)
    )
    c2w[..., :3, 3] = walk[..., :3]
    return c2w


def close(actual, expected):
    torch.testing.assert_close(actual, expected, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_camera_tensors_are_those_of_the_released_pipeline(case):
    rays, plucker = camera_inputs(path_of(case), card_of(case), tuple(case["image_wh"]))

    close(rays[0], REFERENCE[f"{case['name']}/raymap"])
    if case["name"] != "hd":  # too large to keep; the definition below holds for every size
        close(plucker[0], REFERENCE[f"{case['name']}/chunk_plucker"])


@pytest.mark.parametrize(
    ("stride", "num_frames"), [(8, 1), (8, 6), (8, 17), (4, 9), (4, 13), (1, 3)]
)
def test_every_ray_is_the_line_through_its_pixel(stride, num_frames):
    rows, columns, pixel_size = 3, 4, (48, 80)
    c2w = wandering_poses(2, num_frames)
    intrinsics = torch.tensor([50.0, 60.0, 41.0, 23.0]).repeat(2, num_frames, 1)

    plucker = chunk_plucker(
        c2w, intrinsics, temporal_stride=stride, latent_size=(rows, columns), pixel_size=pixel_size
    )

    assert plucker.dtype == torch.float32
    assert plucker.shape == (2, 6 * stride, (num_frames - 1) // stride + 1, rows, columns)
    random = np.random.default_rng(0)
    for _ in range(40):
        batch, latent = random.integers(2), random.integers(plucker.shape[2])
        slot, row, column = (random.integers(limit) for limit in (stride, rows, columns))
        frame = min(max(0, stride * latent - stride + 1) + slot, num_frames - 1)
        fx, fy, cx, cy = 50 * columns / 80, 60 * rows / 48, 41 * columns / 80, 23 * rows / 48
        pose = c2w[batch, frame].numpy()
        direction = pose[:3, :3] @ ((column - cx) / fx, (row - cy) / fy, 1)
        direction /= np.linalg.norm(direction)
        expected = np.r_[direction, np.cross(pose[:3, 3], direction)]
        actual = plucker[batch, 6 * slot : 6 * slot + 6, latent, row, column]
        np.testing.assert_allclose(actual.numpy(), expected, atol=1e-6)


def test_the_ray_map_holds_poses_row_by_row_and_latent_intrinsics():
    c2w = wandering_poses(1, 9)
    intrinsics = torch.arange(1.0, 37).view(1, 9, 4)

    rays = raymap(c2w, intrinsics, temporal_stride=4, latent_size=(6, 10), pixel_size=(48, 40))

    assert rays.shape == (1, 3, 20)
    close(rays[0, 1, :16].view(4, 4), c2w[0, 4].float())
    close(rays[0, 2, 16:], torch.tensor([33 / 4, 34 / 8, 35 / 4, 36 / 8]))


def test_moving_and_turning_the_world_changes_nothing():
    c2w = wandering_poses(1, 9)
    world = wandering_poses(1, 4, seed=5)[0, 3]
    world[:3, 3] += 100
    intrinsics = torch.tensor([50.0, 60.0, 41.0, 23.0]).repeat(1, 9, 1)
    sizes = {"temporal_stride": 4, "latent_size": (3, 4), "pixel_size": (48, 80)}

    for pack in (raymap, chunk_plucker):
        close(pack(world @ c2w, intrinsics, **sizes), pack(c2w, intrinsics, **sizes))


def test_a_batch_is_its_members():
    c2w = wandering_poses(3, 17)
    intrinsics = (torch.rand(3, 17, 4, generator=torch.Generator().manual_seed(1)) + 1) * 40
    sizes = {"temporal_stride": 8, "latent_size": (6, 10), "pixel_size": (48, 80)}

    for pack in (raymap, chunk_plucker):
        together = pack(c2w, intrinsics, **sizes)
        alone = [pack(c2w[i : i + 1], intrinsics[i : i + 1], **sizes) for i in range(3)]
        torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=0)


def test_a_path_without_intrinsics_gets_the_cards_field_of_view():
    card = ModelCard(height=64, width=96, fov_degrees=90)
    bare = CameraPath.from_poses(wandering_poses(1, 9)[0].numpy(), fps=16)
    focal = 400 / 2 / math.tan(math.radians(45))
    told = CameraPath(c2w=bare.c2w, intrinsics=[[focal, focal, 200, 150]] * 9, fps=16)

    for actual, expected in zip(
        camera_inputs(bare, card, (400, 300)), camera_inputs(told, card, (400, 300)), strict=True
    ):
        close(actual, expected)


def test_the_first_ray_map_row_is_the_identity_and_the_cropped_intrinsics():
    case = next(case for case in CASES if case["name"] == "walkF4")
    crop = crop_geometry(*case["image_wh"], *case["target_hw"][::-1])
    expected = crop_intrinsics(path_of(case).intrinsics[0], crop) / 32

    rays, _ = camera_inputs(path_of(case), card_of(case), tuple(case["image_wh"]))

    close(rays[0, 0, :16].view(4, 4), torch.eye(4))
    close(rays[0, 0, 16:], torch.tensor(expected, dtype=torch.float32))
