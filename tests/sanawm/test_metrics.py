import numpy as np
import pytest
import torch

from sanawm.training.figures import left_turn, sideways_shift
from sanawm.training.metrics import (
    MAX_PSNR,
    box_blur,
    psnr,
    rotated_first_frame,
    rotation_degrees,
    ssim,
    visible_from_first,
    wilson_interval,
)
from sanawm.training.pose_search import pose_errors, scaled_poses
from sanawm.worlds.clips import render_along, sample_clips

SIZE = {"height": 48, "width": 80}


def random_pictures(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def yaw(degrees, shift=(0.0, 0.0, 0.0)):
    """A camera that has turned right and moved."""
    angle = np.radians(degrees)
    pose = torch.eye(4)
    pose[0, 0] = pose[2, 2] = np.cos(angle)
    pose[0, 2], pose[2, 0] = np.sin(angle), -np.sin(angle)
    pose[:3, 3] = torch.tensor(shift)
    return pose


def filmed(seeds, poses, **options):
    """Pictures (B, K, 3, H, W) of held-out worlds from poses (K, 4, 4) or (B, K, 4, 4)."""
    poses = poses.expand(len(seeds), *poses.shape[-3:])
    clips = render_along(seeds, poses, split="held_out", **SIZE, **options)
    return clips.frames_BFHWC.permute(0, 1, 4, 2, 3).float() / 127.5 - 1, clips


def test_psnr_is_the_logarithm_of_the_squared_error_of_pictures_from_0_to_1():
    truth = random_pictures(2, 3, 6, 8) / 2
    picture = truth.clone()
    picture[0] += 0.2  # a tenth of the whole range
    picture[1, :, :3] += 0.02
    expected = [20.0, 40.0 + 10 * np.log10(2)]
    np.testing.assert_allclose(psnr(picture, truth), expected, atol=1e-3)
    mask = torch.zeros(2, 6, 8, dtype=torch.bool)
    mask[:, :3] = True
    np.testing.assert_allclose(psnr(picture, truth, mask), [20.0, 40.0], atol=1e-3)
    assert (psnr(truth, truth) == MAX_PSNR).all()


def test_errors_outside_a_mask_do_not_count():
    truth = random_pictures(1, 3, 32, 40)
    mask = torch.zeros(1, 32, 40, dtype=torch.bool)
    mask[:, 8:24, 8:32] = True
    spoiled = torch.where(mask[:, None], truth + 0.05, torch.zeros_like(truth))
    assert psnr(spoiled, truth, mask).item() == pytest.approx(-20 * np.log10(0.025), abs=1e-3)
    inner = torch.zeros_like(mask)
    inner[:, 11:21, 11:29] = True  # whose windows reach no spoiled pixel
    assert ssim(spoiled, truth, inner).item() == pytest.approx(
        ssim(truth + 0.05, truth, inner).item(), abs=1e-5
    )


def test_ssim_of_equal_pictures_is_one_and_of_an_inverted_one_is_below_zero():
    truth = random_pictures(2, 3, 24, 32)
    np.testing.assert_allclose(ssim(truth, truth), [1, 1], atol=1e-6)
    assert (ssim(-truth, truth) < 0).all()


def test_ssim_is_its_definition():
    one, two = random_pictures(3, 9, 11), random_pictures(3, 9, 11, seed=1)
    weights = np.array([0.299, 0.587, 0.114])
    x, y = (np.einsum("c,chw->hw", weights, (p.double().numpy() + 1) / 2) for p in (one, two))
    scores = []
    for row in range(3, 6):
        for column in range(3, 8):
            a, b = (z[row - 3 : row + 4, column - 3 : column + 4] for z in (x, y))
            covariance = ((a - a.mean()) * (b - b.mean())).mean()
            scores.append(
                (2 * a.mean() * b.mean() + 1e-4)
                * (2 * covariance + 9e-4)
                / ((a.mean() ** 2 + b.mean() ** 2 + 1e-4) * (a.var() + b.var() + 9e-4))
            )
    mask = torch.zeros(9, 11, dtype=torch.bool)
    mask[3:6, 3:8] = True
    assert ssim(one, two, mask).item() == pytest.approx(np.mean(scores), abs=1e-4)


def test_a_box_blur_is_the_mean_of_a_square_with_repeated_borders():
    picture = random_pictures(2, 3, 6, 7)
    padded = np.pad(picture.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    np.testing.assert_allclose(box_blur(picture, 3), windows.mean(axis=(-1, -2)), atol=1e-6)


def test_a_camera_that_stays_sees_all_it_saw():
    clips = sample_clips([0, 1, 2], num_frames=1, split="held_out", **SIZE)
    depth = clips.depth_BFHW[:, 0]
    still = torch.eye(4).expand(3, 4, 4)
    assert visible_from_first(depth, depth, still, clips.intrinsics_BF4[:, 0]).all()


def wall_behind_a_box(camera_x, rows=40, columns=64, focal=50.0):
    """Depth of a wall at z = 4 behind a 1 m box at z = 2, and at what x each pixel sees it."""
    across = (np.arange(columns) - columns / 2) / focal
    is_box = np.abs(camera_x + 2 * across) < 0.5
    depth = np.where(is_box, 2.0, 4.0)
    return np.tile(depth, (rows, 1)), camera_x + depth * across, is_box


def test_a_wall_that_a_box_had_hidden_is_not_visible():
    rows, columns, focal, shift = 40, 64, 50.0, 0.6
    before, _, _ = wall_behind_a_box(0.0)
    after, x, is_box = wall_behind_a_box(shift)
    pose = torch.eye(4)[None].clone()
    pose[0, 0, 3] = shift
    intrinsics = torch.tensor([[focal, focal, columns / 2, rows / 2]])
    depths = (torch.tensor(depth, dtype=torch.float32)[None] for depth in (after, before))
    seen = visible_from_first(*depths, pose, intrinsics)[0]
    assert (seen == seen[:1]).all()
    was_hidden = ~is_box & (np.abs(x) < 1.0)  # the shadow of the box on the wall, from x = 0
    column = focal * x / after[0] + columns / 2
    was_outside = (column < -0.5) | (column > columns - 0.5)
    expected = ~was_hidden & ~was_outside
    is_edge = np.abs(np.abs(x) - 1.0) < 0.1  # less than a pixel from the shadow's end
    assert was_hidden.any()
    assert was_outside.any()
    assert expected[is_box].all()
    np.testing.assert_array_equal(seen[0].numpy()[~is_edge], expected[~is_edge])


@pytest.mark.parametrize("shift", [(0.3, 0.0), (-0.3, 0.0), (0.0, 0.2), (0.0, -0.2)])
def test_what_was_beyond_a_border_of_the_first_frame_is_not_visible(shift):
    rows, columns, focal, depth = 24, 40, 30.0, 2.0
    intrinsics = torch.tensor([[focal, focal, columns / 2, rows / 2]])
    wall = torch.full((1, rows, columns), depth)
    seen = visible_from_first(wall, wall, yaw(0.0, (*shift, 0.0))[None], intrinsics)[0]
    moved_x, moved_y = (focal * part / depth for part in shift)  # pixels, 4.5 or 3 or none
    v, u = np.mgrid[:rows, :columns]
    inside_x = (u + moved_x >= -0.5) & (u + moved_x <= columns - 0.5)
    inside_y = (v + moved_y >= -0.5) & (v + moved_y <= rows - 0.5)
    expected = inside_x & inside_y
    is_edge = (np.abs(u + moved_x + 0.5) < 0.6) | (np.abs(u + moved_x - columns + 0.5) < 0.6)
    assert not expected.all()
    np.testing.assert_array_equal(seen.numpy()[~is_edge], expected[~is_edge])


def test_a_homography_is_all_of_a_pure_turn():
    seeds = [1, 2, 3, 5]
    poses = torch.stack((torch.eye(4), yaw(9.0)))
    video, clips = filmed(seeds, poses, supersample=2)
    pose, lens = clips.c2w_BF44[:, 1], clips.intrinsics_BF4[:, 1]
    visible = visible_from_first(clips.depth_BFHW[:, 1], clips.depth_BFHW[:, 0], pose, lens)
    assert 0.6 < visible.float().mean() < 0.95
    warped = psnr(rotated_first_frame(video[:, 0], pose, lens), video[:, 1], visible)
    copied = psnr(video[:, 0], video[:, 1], visible)
    assert warped.mean() > 30
    assert (warped > copied + 8).all()


def test_a_homography_knows_nothing_of_a_shift():
    picture = random_pictures(1, 3, 12, 16)
    lens = torch.tensor([[14.0, 14.0, 8.0, 6.0]])
    warped = rotated_first_frame(picture, yaw(0.0, (0.5, 0.1, 0.9))[None], lens)
    torch.testing.assert_close(warped, picture, rtol=0, atol=1e-5)


def test_the_angle_between_rotations_is_found_whichever_way_they_turn():
    right, left = yaw(20.0)[None, :3, :3], yaw(-15.0)[None, :3, :3]
    assert rotation_degrees(right, left).item() == pytest.approx(35, abs=1e-3)
    assert rotation_degrees(left, left).item() == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(
    ("share", "trials", "low", "high"),
    [  # textbook values, to four digits
        (0.8, 10, 0.4902, 0.9433),
        (0.0, 10, 0.0, 0.2775),
        (1.0, 10, 0.7225, 1.0),
        (0.5, 100, 0.4038, 0.5962),
    ],
)
def test_the_interval_of_a_share_is_wilsons(share, trials, low, high):
    np.testing.assert_allclose(wilson_interval(share, trials), (low, high), atol=6e-5)


def test_no_trial_leaves_everything_possible():
    assert wilson_interval(0.0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("shift", [-9, -1, 0, 4])
def test_a_sideways_shift_is_positive_where_the_picture_moves_right(shift):
    picture = random_pictures(3, 3, 16, 60)
    assert (sideways_shift(picture, picture.roll(shift, dims=-1)) == shift).all()


def test_a_left_turn_looks_left_and_moves_the_picture_right():
    path = left_turn(9, 1.5)
    torch.testing.assert_close(path[8], yaw(-12.0), rtol=0, atol=1e-6)
    video, _ = filmed([3, 5, 8], path[::4], supersample=2)
    assert (sideways_shift(video[:, 0], video[:, 1]) > 3).all()


def test_a_pose_is_scaled_along_its_turn_and_its_shift():
    poses = torch.stack((yaw(30.0, (0.2, -0.1, 0.4)), yaw(-8.0), torch.eye(4)))
    scaled = scaled_poses(poses, torch.tensor([0.0, 0.5, 1.0, 1.5]))
    expected = torch.stack((torch.eye(4), yaw(15.0, (0.1, -0.05, 0.2))))
    torch.testing.assert_close(scaled[0, :2], expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(scaled[:, 2], poses, rtol=0, atol=1e-5)
    torch.testing.assert_close(scaled[1, 3], yaw(-12.0), rtol=0, atol=1e-5)


def test_a_known_pose_is_found_again():
    seeds = [0, 2, 7]
    true = torch.stack([yaw(turn, (0.1, 0.0, 0.25)) for turn in (-9, 5, 12)])
    elsewhere = torch.stack([yaw(turn + 2, (0.2, 0.03, 0.3)) for turn in (-9, 5, 12)])

    def render(poses):
        return filmed(seeds[: len(poses)], poses)[0]

    # Told a wrong pose, the search finds the one that the picture was filmed from.
    found = pose_errors(render, render(elsewhere[:, None])[:, 0], true)
    expected_shift = torch.tensor([0.1, 0.03, 0.05]).norm().item()
    assert (found.rotation_degrees - 2).abs().median() < 0.3
    assert (found.translation_m - expected_shift).abs().median() < 0.02
    # A clip that follows the camera has scale 1, one that stands still 0.
    right = pose_errors(render, render(true[:2, None])[:, 0], true[:2])
    assert right.rotation_degrees.max() < 0.3
    assert right.translation_m.max() < 0.02
    np.testing.assert_allclose(right.scale, 1, atol=1e-6)
    first = render(torch.eye(4)[None, None])[:, 0]
    np.testing.assert_allclose(pose_errors(render, first, true[:1]).scale, 0, atol=1e-6)
