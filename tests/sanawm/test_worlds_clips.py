import dataclasses

import numpy as np
import pytest
import torch

from sanawm.camera.actions import resolve_actions
from sanawm.worlds.captions import captions, corpus, words
from sanawm.worlds.clips import is_worth_seeing, sample_clips, sample_worlds
from sanawm.worlds.materials import COLOUR_NAMES, HELD_OUT
from sanawm.worlds.paths import (
    Walkers,
    action_velocities,
    frozen,
    mirrored,
    relative_poses,
    sample_paths,
    shuffled,
    turn_and_wish,
)
from sanawm.worlds.scene import FAMILIES, KIND_OF_SLOT, NUM_SURFACES, sample_scenes
from sanawm.worlds.starts import pose_matrices

SIZE = {"height": 48, "width": 80}
AXES = {"w": (0, 1), "s": (0, -1), "l": (1, 1), "j": (1, -1), "d": (2, 1), "a": (2, -1)}
AXES |= {"i": (3, 1), "k": (3, -1)}


def world_paths(seeds, num_frames):
    scenes, starts = sample_worlds(seeds)
    return scenes, sample_paths(scenes, starts, seeds, "train", num_frames)


def test_a_seed_gives_the_same_clip_alone_and_in_any_batch():
    batch = sample_clips([5, 11, 2, 40], num_frames=6, **SIZE)
    for row, seed in enumerate([5, 11, 2, 40]):
        alone = sample_clips([seed], num_frames=6, **SIZE)
        assert torch.equal(alone.frames_BFHWC[0], batch.frames_BFHWC[row])
        assert torch.equal(alone.depth_BFHW[0], batch.depth_BFHW[row])
        assert torch.equal(alone.c2w_BF44[0], batch.c2w_BF44[row])
        assert alone.captions[0] == batch.captions[row]


def test_other_seeds_and_the_other_split_give_other_clips():
    one, two = sample_clips([1, 2], num_frames=1, **SIZE).frames_BFHWC.float()
    other = sample_clips([1], num_frames=1, split="held_out", **SIZE).frames_BFHWC[0].float()
    assert (one - two).abs().mean() > 5
    assert (one - other).abs().mean() > 5


def test_clips_have_the_promised_shapes_and_start_at_the_identity():
    clips = sample_clips([0, 1, 2], num_frames=5, **SIZE)
    assert clips.frames_BFHWC.shape == (3, 5, 48, 80, 3)
    assert clips.frames_BFHWC.dtype == torch.uint8
    assert clips.depth_BFHW.shape == (3, 5, 48, 80)
    assert clips.c2w_BF44.dtype == clips.intrinsics_BF4.dtype == torch.float32
    assert torch.equal(clips.c2w_BF44[:, 0], torch.eye(4).expand(3, 4, 4))
    assert (clips.intrinsics_BF4[..., 2:] == torch.tensor([40.0, 24.0])).all()
    assert torch.isfinite(clips.depth_BFHW).all()


def test_no_camera_is_in_a_wall_or_an_object():
    scenes, poses = world_paths(range(150), 49)
    place = poses[..., :3, 3]
    half_width, half_length, ceiling, _ = scenes.extent.T[:, :, None]
    assert (np.abs(place[..., 0]) <= half_width - 0.6 + 1e-9).all()
    assert (np.abs(place[..., 2]) <= half_length - 0.6 + 1e-9).all()
    assert (place[..., 1] < -0.4).all()
    assert (-place[..., 1] < ceiling - 0.3).all()
    for slot in range(6, NUM_SURFACES):
        x, _, z = np.moveaxis(place - scenes.centre[:, None, slot], -1, 0)
        cos, sin = np.cos(scenes.angle[:, slot, None]), np.sin(scenes.angle[:, slot, None])
        half = scenes.half[:, slot, None]
        if KIND_OF_SLOT[slot] == 3:
            gap_x = np.abs(cos * x - sin * z) - half[..., 0]
            gap_z = np.abs(sin * x + cos * z) - half[..., 2]
            gap = np.maximum(gap_x, gap_z)
        else:
            gap = np.hypot(x, z) - half[..., 0]
        assert gap[scenes.present[:, slot]].min() > 0.1


def test_relative_poses_lead_from_the_start_to_the_same_places():
    seeds = [4, 5, 6]
    scenes, starts = sample_worlds(seeds)
    poses = sample_paths(scenes, starts, seeds, "train", 9)
    np.testing.assert_allclose(starts.matrices(), poses[:, 0], atol=1e-12)
    again = starts.matrices()[:, None] @ relative_poses(poses)
    np.testing.assert_allclose(again, poses, atol=1e-9)


def test_objects_stand_inside_and_apart():
    scenes = sample_scenes(range(300), "train")
    inside = np.abs(scenes.centre[:, 6:, ::2]) + scenes.half[:, 6:, ::2].min(-1, keepdims=True)
    assert (inside <= scenes.extent[:, None, :2])[scenes.present[:, 6:]].all()
    gaps = np.linalg.norm(
        scenes.centre[:, 6:, None, ::2] - scenes.centre[:, None, 6:, ::2], axis=-1
    )
    both = scenes.present[:, 6:, None] & scenes.present[:, None, 6:] & ~np.eye(11, dtype=bool)
    thickness = scenes.half[:, 6:, 0]
    assert (gaps > thickness[:, :, None] + thickness[:, None])[both].all()


def test_first_frames_face_no_bare_wall():
    clips = sample_clips(range(64), num_frames=1, **SIZE)
    assert clips.depth_BFHW.flatten(1).median(dim=1).values.min() > 1.0
    weights = torch.tensor([0.299, 0.587, 0.114]) / 255.0
    luminance = clips.frames_BFHWC.float().flatten(1, 3) @ weights
    assert luminance.std(dim=1).min() > 0.05
    assert 0.15 < luminance.mean(dim=1).min() < luminance.mean(dim=1).max() < 0.95


def test_a_view_of_a_wall_at_arms_length_is_not_worth_seeing():
    scenes, starts = sample_worlds(range(30))
    walled = np.flatnonzero(scenes.present[:, 5])[:6]
    position = np.tile([0.0, -1.4, 0.0], (30, 1))
    position[:, 2] = scenes.extent[:, 1] - 0.7
    nose_first = dataclasses.replace(starts, position=position, yaw=0 * starts.yaw)
    assert is_worth_seeing(scenes.take(walled), starts, walled, "cpu").all()
    assert not is_worth_seeing(scenes.take(walled), nose_first, walled, "cpu").any()


def test_steps_are_small_and_most_cameras_move():
    _, poses = world_paths(range(200), 17)
    steps = np.linalg.norm(np.diff(poses[..., :3, 3], axis=1), axis=-1)
    assert np.quantile(steps, 0.99) < 0.2
    assert np.median(steps.sum(axis=1)) > 0.4
    ahead = np.einsum("bfi,bfi->bf", poses[:, 1:, :3, 2], poses[:, :-1, :3, 2])
    assert np.degrees(np.arccos(ahead.clip(-1, 1))).max() < 9.0
    assert (np.abs(poses[..., 1, 2]) <= np.sin(np.radians(25.0)) + 1e-6).all()


def test_some_cameras_rise_and_some_circle():
    _, poses = world_paths(range(300), 17)
    rise = np.abs(poses[:, -1, 1, 3] - poses[:, 0, 1, 3])
    assert ((rise > 0.2) & (rise <= 0.61)).mean() > 0.05
    relative = relative_poses(poses)
    turn = np.arctan2(relative[:, -1, 0, 2], relative[:, -1, 2, 2])
    sideways = relative[:, -1, 0, 3]
    assert ((np.abs(sideways) > 0.4) & (turn * sideways < -0.05)).mean() > 0.05


@pytest.mark.parametrize("text", ["w-9,none-4", "dw-6,aw-3,none-5", "wj-4,i-9,kl-12", "i-12,w-2"])
def test_keys_move_training_cameras_as_they_move_the_users(text):
    expected = resolve_actions(
        text,
        dialect="wm-2026-07",
        translation_speed=0.09,
        rotation_degrees=3.0,
        pitch_limit_degrees=25.0,
    )
    segments = [part.rsplit("-", 1) for part in text.split(",")]
    controls = np.zeros((sum(int(count) for _, count in segments), 4))
    start = 0
    for keys, count in segments:
        for key in keys if keys != "none" else "":
            axis, sign = AXES[key]
            controls[start : start + int(count), axis] = sign
        start += int(count)
    turn = np.radians(3.0)
    velocity = action_velocities(controls, np.array([0.09, 0.09, turn, turn]))
    walker = Walkers(np.zeros((1, 3)), np.zeros(1), np.zeros(1))
    poses = [np.eye(4)]
    for step in velocity:
        walker.position = turn_and_wish(walker, step[None])
        poses.append(pose_matrices(walker.position, walker.yaw, walker.pitch)[0])
    np.testing.assert_allclose(np.stack(poses), expected, atol=5e-6)


def test_a_mirrored_path_swaps_left_and_right_only():
    _, poses = world_paths(range(8), 9)
    paths = relative_poses(poses)
    flipped = mirrored(paths)
    np.testing.assert_allclose(mirrored(flipped), paths, atol=1e-12)
    np.testing.assert_allclose(flipped[..., 0, 3], -paths[..., 0, 3], atol=1e-12)
    np.testing.assert_allclose(flipped[..., 1:3, 3], paths[..., 1:3, 3], atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(flipped[..., :3, :3]), 1.0, atol=1e-9)
    assert (frozen(paths) == np.eye(4)).all()
    assert np.array_equal(shuffled(paths)[1], paths[0])


def test_held_out_combinations_are_never_in_training_and_always_in_evaluation():
    def is_unseen(scenes):
        kinds = np.broadcast_to(KIND_OF_SLOT, scenes.colour.shape)
        return HELD_OUT[scenes.colour, scenes.pattern, kinds]

    assert HELD_OUT.mean() == pytest.approx(0.05, abs=0.01)
    assert not is_unseen(sample_scenes(range(3000), "train")).any()
    scenes = sample_scenes(range(300), "held_out")
    assert (is_unseen(scenes) & scenes.present).any(axis=1).all()


def test_captions_name_what_is_there_and_nothing_else():
    scenes = sample_scenes(range(200), "train")
    for row, text in enumerate(captions(scenes)):
        assert text.split(" with ")[0].split(",")[0].endswith(FAMILIES[scenes.family[row]])
        for kind, noun in ((3, "box"), (4, "sphere"), (5, "pillar")):
            slots = np.flatnonzero((kind == KIND_OF_SLOT) & scenes.present[row])
            phrases = [part for part in text.split(", ") if noun in part]
            counts = {"a": 1, "an": 1, "two": 2, "three": 3, "four": 4}
            assert sum(counts[phrase.split()[0]] for phrase in phrases) == len(slots)
            plural = "boxes" if noun == "box" else f"{noun}s"
            for phrase in phrases:
                first, *_, last = phrase.split()
                assert last == (noun if counts[first] == 1 else plural)
            for slot in slots:
                assert COLOUR_NAMES[scenes.colour[row, slot]] in " ".join(phrases)
        if scenes.present[row, 2]:
            assert COLOUR_NAMES[scenes.colour[row, 2]] in text.split(" walls")[0].split()


def test_the_corpus_is_made_of_the_listed_words_and_leaves_phrases_out():
    sentences = corpus(400, seed=1)
    used = {word for text in sentences for word in text.replace(",", "").split()}
    assert used <= set(words())
    assert len(set(words()) - used) < 12
    assert sentences == corpus(400, seed=1) != corpus(400, seed=2)
    whole = captions(sample_scenes(range(400, 800), "train"))
    shorter = [len(a) < len(b) for a, b in zip(sentences, whole, strict=True)]
    assert 0.4 < np.mean(shorter) < 0.9
