import dataclasses

import numpy as np
import pytest
import torch
from torch.nn.functional import grid_sample

from sanawm.worlds import render as rendering
from sanawm.worlds.clips import camera_intrinsics, render_along, sample_clips, sample_worlds
from sanawm.worlds.scene import BOXES, CORRIDOR, FAR, PLAIN_LAND, SPHERES, sample_scenes
from sanawm.worlds.shading import pulse
from sanawm.worlds.starts import pose_matrices

HEIGHT, WIDTH = 48, 80


def emptied(scenes):
    return dataclasses.replace(scenes, present=np.zeros_like(scenes.present))


def family(number, count=1):
    scenes = sample_scenes(range(200), "train")
    return scenes.take(np.flatnonzero(scenes.family == number)[:count])


def pose(x=0.0, y=-1.4, z=0.0, yaw=0.0, pitch=0.0):
    return pose_matrices(np.array([[[x, y, z]]]), np.array([[yaw]]), np.array([[pitch]]))


def lens(fov=60.0):
    return camera_intrinsics(np.array([fov]), 1, HEIGHT, WIDTH)


def depth_of(scenes, c2w, **options):
    _, depth = rendering.render(scenes, c2w, lens(), height=HEIGHT, width=WIDTH, **options)
    return depth[0, 0].numpy().astype(np.float64)


@pytest.mark.parametrize("supersample", [1, 2])
def test_depth_of_the_ground_is_exact(supersample):
    depth = depth_of(emptied(family(PLAIN_LAND)), pose(), supersample=supersample)
    focal = 0.5 * WIDTH / np.tan(np.radians(30.0))
    rows = np.arange(30, HEIGHT)
    expected = 1.4 * focal / (rows - HEIGHT / 2)
    np.testing.assert_allclose(depth[rows], np.tile(expected[:, None], WIDTH), rtol=1e-5)
    assert (depth[: HEIGHT // 2] == FAR).all()  # the horizon is at row cy


def test_depth_of_a_wall_faced_squarely_is_the_distance_to_its_plane():
    scenes = emptied(family(CORRIDOR))
    depth = depth_of(scenes, pose(z=1.0))
    assert depth[HEIGHT // 2, WIDTH // 2] == pytest.approx(scenes.extent[0, 1] - 1.0, rel=1e-6)
    assert depth.max() == pytest.approx(scenes.extent[0, 1] - 1.0, rel=1e-6)


def test_depth_of_a_sphere_and_of_a_turned_box_is_that_of_their_equations():
    scenes = emptied(family(PLAIN_LAND))
    scenes.present[0, [SPHERES.start, BOXES.start]] = True
    scenes.centre[0, SPHERES.start], scenes.half[0, SPHERES.start] = (0, -1.4, 3.0), 0.5
    scenes.centre[0, BOXES.start], scenes.half[0, BOXES.start] = (-2, -1.4, 3.0), (0.4, 0.6, 0.3)
    scenes.angle[0, BOXES.start] = np.pi / 2
    centre = (HEIGHT // 2, WIDTH // 2)
    assert depth_of(scenes, pose())[centre] == pytest.approx(2.5, rel=1e-6)
    assert depth_of(scenes, pose(x=0.3))[centre] == pytest.approx(3 - 0.4, rel=1e-6)
    assert depth_of(scenes, pose(x=-2))[centre] == pytest.approx(3 - 0.4, rel=1e-6)
    assert depth_of(scenes, pose(x=-2.35))[centre] == FAR  # turned: 0.3 wide, not 0.4


def test_pixel_zero_has_its_centre_at_zero():
    scenes = emptied(family(CORRIDOR))
    intrinsics = np.array([[[40.0, 40.0, 3.0, 5.0]]])
    c2w = pose(yaw=0.4, pitch=-0.1)
    _, depth = rendering.render(scenes, c2w, intrinsics, height=HEIGHT, width=WIDTH)
    ahead = c2w[0, 0, :3, 2]
    half_width, half_length = scenes.extent[0, :2]
    expected = min(half_width / ahead[0], half_length / ahead[2])
    assert float(depth[0, 0, 5, 3]) == pytest.approx(expected, rel=1e-5)


def warped(clips, frame):
    """Frame `frame` of each clip seen from frame 0's pixels, and where both see the same."""
    depth = clips.depth_BFHW
    num, _, height, width = depth.shape
    fx, fy, cx, cy = (value.view(-1, 1, 1) for value in clips.intrinsics_BF4[:, 0].unbind(1))
    u = torch.arange(width).view(1, 1, -1)
    v = torch.arange(height).view(1, -1, 1)
    here = torch.stack(
        [(u - cx) / fx + 0 * v, (v - cy) / fy + 0 * u, torch.ones(num, height, width)]
    )
    points = (here * depth[:, 0]).permute(1, 2, 3, 0)
    inverse = torch.linalg.inv(clips.c2w_BF44[:, frame])
    there = points @ inverse[:, None, :3, :3].transpose(-1, -2) + inverse[:, None, None, :3, 3]
    z = there[..., 2].clamp_min(1e-3)
    x, y = there[..., 0] / z * fx + cx, there[..., 1] / z * fy + cy
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
    picture = clips.frames_BFHWC[:, frame].permute(0, 3, 1, 2).float()
    seen = grid_sample(picture, grid, align_corners=False, padding_mode="border")
    found = grid_sample(depth[:, frame, None], grid, mode="nearest", align_corners=False)[:, 0]
    inside = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1) & (there[..., 2] > 0.1)
    return seen.permute(0, 2, 3, 1), inside & ((found - z).abs() < 0.02 * z)


def test_a_later_frame_warped_by_pose_and_depth_is_the_first_frame():
    clips = sample_clips(range(12), num_frames=7, height=72, width=120, supersample=2)
    seen, is_same = warped(clips, 6)
    error = (seen - clips.frames_BFHWC[:, 0].float()).square().mean(-1)
    psnr = 10 * torch.log10(255.0**2 / error[is_same].mean())
    assert is_same.float().mean() > 0.5
    assert psnr > 30.0


def test_a_warp_with_a_wrong_pose_is_far_off():
    clips = sample_clips(range(8), num_frames=7, height=48, width=80)
    wrong = dataclasses.replace(clips, c2w_BF44=clips.c2w_BF44.roll(1, dims=0))
    seen, _ = warped(wrong, 6)
    error = (seen - clips.frames_BFHWC[:, 0].float()).square().mean()
    assert 10 * torch.log10(255.0**2 / error) < 25.0


@pytest.mark.parametrize(("width", "duty"), [(0.01, 0.5), (0.3, 0.07), (1.7, 0.5), (5.2, 0.3)])
def test_a_filtered_wave_is_the_average_of_the_wave(width, duty):
    places = torch.linspace(-3.0, 3.0, 41, dtype=torch.float64)
    fine = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000 - 0.5
    samples = places[:, None] + width * fine
    expected = ((samples - samples.floor()) < duty).double().mean(1)
    actual = pulse(places, torch.tensor(width), torch.tensor(duty))
    torch.testing.assert_close(actual, expected, atol=2e-4, rtol=0)


def test_worlds_rendered_together_look_as_they_do_alone():
    scenes, starts = sample_worlds(range(6))
    assert 0 < scenes.is_open.sum() < 6
    poses = torch.as_tensor(starts.matrices()[:, None], dtype=torch.float32)
    lenses = torch.as_tensor(camera_intrinsics(starts.fov_degrees, 1, HEIGHT, WIDTH)).float()
    rows = slice(0, HEIGHT)
    world = rendering.world_tensors(scenes, torch.device("cpu"))
    together, depth = rendering.cast(world, poses, lenses, rows, WIDTH)
    for row in range(6):
        one = slice(row, row + 1)
        world = rendering.world_tensors(scenes.take(one), torch.device("cpu"))
        alone, alone_depth = rendering.cast(world, poses[one], lenses[one], rows, WIDTH)
        torch.testing.assert_close(depth[one], alone_depth, rtol=1e-4, atol=1e-4)
        for a, b in zip(together, alone, strict=True):
            assert (a[one] - b).abs().mean() < 1e-4


def test_bands_of_rows_do_not_show():
    scenes, starts = sample_worlds(range(2))
    options = {"height": 130, "width": 160}
    lenses = camera_intrinsics(starts.fov_degrees, 1, 130, 160)
    frames, _ = rendering.render(scenes, starts.matrices()[:, None], lenses, **options)
    poses = torch.as_tensor(starts.matrices()[:1, None], dtype=torch.float32)
    world = rendering.world_tensors(scenes.take(slice(0, 1)), torch.device("cpu"))
    whole, _ = rendering.cast(world, poses, torch.as_tensor(lenses[:1]).float(), slice(0, 130), 160)
    expected = (torch.stack(whole, -1).clamp(0, 1).sqrt() * 255).view(130, 160, 3)
    assert (frames[0, 0].float() - expected).abs().max() <= 1.0


def test_two_by_two_rays_smooth_edges_and_keep_the_picture():
    rough = sample_clips(range(4), num_frames=1, height=HEIGHT, width=WIDTH)
    smooth = sample_clips(range(4), num_frames=1, height=HEIGHT, width=WIDTH, supersample=2)
    difference = (rough.frames_BFHWC.float() - smooth.frames_BFHWC.float()).abs()
    assert 0 < difference.mean() < 4.0
    assert torch.equal(rough.depth_BFHW, smooth.depth_BFHW)


def test_rendering_along_a_clips_own_path_gives_the_clip():
    clips = sample_clips([3, 9], num_frames=5, height=HEIGHT, width=WIDTH)
    again = render_along([3, 9], clips.c2w_BF44, height=HEIGHT, width=WIDTH)
    difference = (clips.frames_BFHWC.float() - again.frames_BFHWC.float()).abs()
    assert difference.mean() < 0.02  # poses went through float32
    assert torch.equal(clips.intrinsics_BF4, again.intrinsics_BF4)
    assert clips.captions == again.captions
