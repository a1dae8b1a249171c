"""Clips on disk: what training reads, mirror images included."""

import multiprocessing
import time
from dataclasses import replace

import pytest
import torch

from sanawm.training import clip_pool
from sanawm.training.clip_pool import ClipBatch, ClipPool, mirror, window
from sanawm.training.metrics import psnr, visible_from_first
from sanawm.training.presets import PRESETS
from sanawm.worlds.clips import sample_clips

PRESET = replace(PRESETS["smoke"], height=24, width=40, num_frames=9, num_clips=5, first_clips=3)


@pytest.fixture(scope="module")
def clips():
    """Five clips with depth, as the renderer makes them."""
    return sample_clips(range(5), num_frames=9, height=24, width=40, split="train")


@pytest.fixture
def make_pool(tmp_path, monkeypatch):
    """Pools of shards of two clips."""
    monkeypatch.setattr(clip_pool, "CLIPS_PER_SHARD", 2)

    def make(**changes):
        return ClipPool(tmp_path / "clips", replace(PRESET, **changes), "train", 5)

    return make


def batch_of(clips):
    return ClipBatch(
        frames_BFHWC=clips.frames_BFHWC,
        c2w_BF44=clips.c2w_BF44,
        intrinsics_BF4=clips.intrinsics_BF4,
        captions=clips.captions,
    )


def is_same(one, two):
    tensors = ("frames_BFHWC", "c2w_BF44", "intrinsics_BF4")
    equal = [torch.equal(getattr(one, name), getattr(two, name)) for name in tensors]
    return all(equal) and one.captions == two.captions


def points_of(depth, c2w, intrinsics):
    """The places (F, H, W, 3) that the pixels of a clip show, as frame 0's camera has them."""
    rows, columns = depth.shape[-2:]
    v, u = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    fx, fy, cx, cy = (value[:, None, None].double() for value in intrinsics.unbind(-1))
    rays = torch.stack(((u - cx) / fx, (v - cy) / fy, torch.ones_like(depth)), dim=-1)
    places = torch.einsum("fij,fhwj->fhwi", c2w[:, :3, :3].double(), rays * depth[..., None])
    return places + c2w[:, None, None, :3, 3].double()


def test_a_mirrored_clip_shows_the_mirrored_world_from_the_mirrored_camera(clips):
    """Every pixel of the mirror image shows the place of its twin, left and right exchanged."""
    mirrored = mirror(batch_of(clips))
    assert torch.equal(mirrored.frames_BFHWC, clips.frames_BFHWC.flip(3))
    assert mirrored.captions == clips.captions
    for row in range(5):
        depth = clips.depth_BFHW[row].double().clamp(max=50)
        places = points_of(depth, clips.c2w_BF44[row], clips.intrinsics_BF4[row])
        twins = points_of(depth.flip(2), mirrored.c2w_BF44[row], mirrored.intrinsics_BF4[row])
        expected = places.flip(2) * torch.tensor([-1.0, 1.0, 1.0])
        torch.testing.assert_close(twins, expected, rtol=0, atol=1e-5)


def test_frames_of_a_mirrored_clip_warp_into_one_another_as_well_as_those_of_the_clip():
    clips = sample_clips([1, 3, 6, 9], num_frames=5, height=48, width=80, supersample=2)

    def warped(batch, depth):
        """Frame 0 moved to where frame 4 shows it, against frame 4."""
        video = batch.frames_BFHWC.permute(0, 1, 4, 2, 3).float() / 127.5 - 1
        scores = []
        for row in range(len(batch.captions)):
            places = points_of(depth[row], batch.c2w_BF44[row], batch.intrinsics_BF4[row])[4]
            fx, fy, cx, cy = batch.intrinsics_BF4[row, 0].double()
            x, y, z = places.unbind(-1)
            u, v = fx * x / z.clamp(min=0.01) + cx, fy * y / z.clamp(min=0.01) + cy
            grid = torch.stack((2 * u / 79 - 1, 2 * v / 47 - 1), dim=-1)[None].float()
            picture = torch.nn.functional.grid_sample(
                video[row, :1], grid, padding_mode="border", align_corners=True
            )
            visible = visible_from_first(
                depth[row, 4:],
                depth[row, :1],
                batch.c2w_BF44[row, 4:],
                batch.intrinsics_BF4[row, 4:],
            )
            scores.append(psnr(picture, video[row, 4:], visible))
        return torch.cat(scores)

    straight = warped(batch_of(clips), clips.depth_BFHW)
    mirrored = warped(mirror(batch_of(clips)), clips.depth_BFHW.flip(3))
    assert straight.min() > 24
    torch.testing.assert_close(mirrored, straight, rtol=0, atol=0.3)


def test_mirroring_twice_gives_the_clip_back(clips):
    batch = batch_of(clips)
    assert is_same(mirror(mirror(batch)), batch)


def test_poses_of_a_window_start_at_the_identity_and_keep_their_relative_motion(clips):
    batch = batch_of(clips)
    part = window(batch, 3, 5)
    assert torch.equal(part.frames_BFHWC, clips.frames_BFHWC[:, 3:8])
    assert torch.equal(part.intrinsics_BF4, clips.intrinsics_BF4[:, 3:8])
    identity = torch.eye(4).expand(5, 4, 4)
    torch.testing.assert_close(part.c2w_BF44[:, 0], identity, rtol=0, atol=1e-6)
    again = clips.c2w_BF44[:, 3:4] @ part.c2w_BF44
    torch.testing.assert_close(again, clips.c2w_BF44[:, 3:8], rtol=0, atol=1e-5)


def test_a_pool_holds_the_clips_of_its_seeds_and_then_their_mirror_images(make_pool, clips):
    pool = make_pool()
    assert list(pool.render_until(5)) == [2, 4, 6]  # whole shards
    batch = batch_of(clips)
    assert is_same(pool.first(5), batch)
    assert is_same(pool.first(3), batch.rows(0, 3))
    assert is_same(pool.clip(3), batch.rows(3, 4))
    assert is_same(pool.clip(6 + 3), mirror(batch.rows(3, 4)))


def test_samples_are_random_windows_that_a_generator_repeats(make_pool):
    pool = make_pool()
    list(pool.render_until(5))

    def sample(seed):
        return pool.sample(12, 5, torch.Generator().manual_seed(seed))

    one = sample(0)
    assert one.video().shape == (12, 3, 5, 24, 40)
    assert is_same(one, sample(0))
    assert not is_same(one, sample(1))
    assert is_same(make_pool_again(pool).sample(12, 5, torch.Generator().manual_seed(0)), one)
    whole = [pool.clip(index) for index in range(12)]
    starts, mirrored = set(), set()
    for row in range(12):
        fits = [
            (start, index >= 6)
            for index, clip in enumerate(whole)
            for start in range(5)
            if torch.equal(clip.frames_BFHWC[0, start : start + 5], one.frames_BFHWC[row])
        ]
        assert fits
        starts.add(fits[0][0])
        mirrored.add(fits[0][1])
    assert len(starts) > 2
    assert mirrored == {True, False}


def make_pool_again(pool):
    """The same folder, read by another process later on."""
    other = ClipPool(pool.folder.parent, pool.preset, pool.split, pool.num_clips)
    other.refresh()
    return other


def test_bytes_become_pixels_from_minus_one_to_one(clips):
    frames = torch.tensor([0, 127, 255], dtype=torch.uint8).expand(1, 1, 2, 4, 3)
    batch = ClipBatch(
        frames_BFHWC=frames,
        c2w_BF44=torch.eye(4)[None, None],
        intrinsics_BF4=torch.ones(1, 1, 4),
        captions=[""],
    )
    assert batch.video().shape == (1, 3, 1, 2, 4)
    expected = torch.tensor([-1, 127 / 127.5 - 1, 1])
    torch.testing.assert_close(batch.video()[0, :, 0, 0, 0], expected)


def test_rendering_that_was_killed_goes_on_with_what_is_missing(make_pool, monkeypatch, clips):
    def killed(tensors, file, metadata):
        file.write_bytes(b"half a shard")
        raise KeyboardInterrupt

    pool = make_pool()
    list(pool.render_until(2))
    with monkeypatch.context() as patch:
        patch.setattr(clip_pool, "save_file", killed)
        with pytest.raises(KeyboardInterrupt):
            list(pool.render_until(5))
    # What a harder kill leaves behind: a file under a temporary name.
    (pool.folder / ".00002.safetensors.0123.part").write_bytes(b"half a shard")
    rendered = []

    def sample(seeds, **options):
        rendered.extend(seeds)
        return sample_clips(seeds, **options)

    monkeypatch.setattr(clip_pool, "sample_clips", sample)
    resumed = make_pool()
    resumed.refresh()
    assert len(resumed) == 2
    assert list(resumed.render_until(5)) == [2, 4, 6]
    assert rendered == [2, 3, 4, 5]
    assert is_same(resumed.first(5), batch_of(clips))


def test_pools_of_another_size_or_split_do_not_mix(make_pool, tmp_path):
    folders = {make_pool().folder, make_pool(height=32).folder, make_pool(lengths=(5,)).folder}
    folders.add(ClipPool(tmp_path / "clips", PRESET, "held_out", 5).folder)
    assert len(folders) == 4


def test_a_second_process_renders_the_rest_and_then_ends(tmp_path, clips):
    pool = ClipPool(tmp_path, PRESET, "train", 5)  # one shard: a spawned process sees no patches
    pool.render_in_background()
    deadline = time.monotonic() + 200
    while len(pool) < 5 and time.monotonic() < deadline:
        time.sleep(0.1)
        pool.refresh()
    pool.stop()
    assert not multiprocessing.active_children()
    assert is_same(pool.first(5), batch_of(clips))
    pool.render_in_background()  # nothing is missing, so nobody is started
    assert not multiprocessing.active_children()
