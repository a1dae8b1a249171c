"""Camera paths: presets, what becomes of a source, the round trip, and words and drawings."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sanawm.camera import (
    PRESETS,
    CameraPath,
    actions_path,
    describe,
    poses_path,
    preset_actions,
    preset_path,
    resolve_actions,
    resolve_source,
)
from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError

TINY = ModelCard(
    fps=8, lengths=(9, 17, 33), num_frames=33, temporal_stride=4, translation_speed=0.04,
    rotation_degrees=1.5, distance_unit="m",
)  # fmt: skip
IDS = [preset.id for preset in PRESETS]


def moving(shift=(0.0, 0, 0), frames=5):
    c2w = np.tile(np.eye(4), (frames, 1, 1))
    c2w[:, :3, 3] = np.linspace(0, 1, frames)[:, None] * shift
    return c2w


def end_of(preset, card=TINY, num_frames=33):
    path = preset_path(preset, num_frames, card)
    return path.c2w[-1, :3, 3], np.degrees(np.arctan2(path.c2w[-1, 0, 2], path.c2w[-1, 2, 2]))


def test_there_are_the_twelve_presets_of_the_page():
    assert [preset.title for preset in PRESETS] == [
        "Hold", "Push in", "Pull out", "Truck left", "Truck right", "Crane up",
        "Pan left", "Pan right", "Around", "Orbit left", "Orbit right", "Walk",
    ]  # fmt: skip


@pytest.mark.parametrize("preset", IDS)
@pytest.mark.parametrize("num_frames", [1, 2, 9, 33, 161])
def test_a_preset_fills_any_clip(preset, num_frames):
    path = preset_path(preset, num_frames, TINY)

    assert path.num_frames == num_frames
    assert path.fps == 8
    assert path.source["preset"] == preset
    json.dumps(path.source)


@pytest.mark.parametrize(
    ("preset", "end", "turn"),
    [
        ("hold", (0, 0, 0), 0), ("push-in", (0, 0, 1.28), 0), ("pull-out", (0, 0, -1.28), 0),
        ("truck-left", (-1.28, 0, 0), 0), ("truck-right", (1.28, 0, 0), 0),
        ("crane-up", (0, -0.64, 0), 0), ("pan-left", (0, 0, 0), -48),
        ("pan-right", (0, 0, 0), 48), ("around", (0, 0, 0), 96),
    ],
)  # fmt: skip
def test_a_preset_goes_where_its_name_says_at_the_cards_speeds(preset, end, turn):
    position, yaw = end_of(preset)

    np.testing.assert_allclose(position, end, atol=1e-4)
    assert yaw == pytest.approx(turn, abs=1e-3)


def test_around_is_never_more_than_one_turn():
    assert describe(preset_path("around", 961, ModelCard())) == "Turns 360° to the right"


def test_an_orbit_keeps_one_point_ahead_of_the_camera():
    left, right = (preset_path(f"orbit-{side}", 33, TINY) for side in ("left", "right"))

    radius = 0.04 / np.radians(1.5)
    ahead = left.c2w[:, :3, 3] + radius * left.c2w[:, :3, 2]
    np.testing.assert_allclose(ahead, np.broadcast_to((0, 0, radius), ahead.shape), atol=0.03)
    assert left.c2w[-1, 0, 3] < -1
    flip = np.diag((-1, 1, 1, 1))
    np.testing.assert_allclose(right.c2w, flip @ left.c2w @ flip, atol=1e-6)


@pytest.mark.parametrize("preset", [preset.id for preset in PRESETS if preset.keys])
def test_the_action_string_and_the_preset_are_two_views_of_one_path(preset):
    path = preset_path(preset, 33, TINY)
    text = preset_actions(preset, 32)

    assert path.source["actions"] == text
    np.testing.assert_array_equal(actions_path(text, 33, TINY).c2w, path.c2w)


def test_presets_without_keys_give_no_string():
    assert [preset.id for preset in PRESETS if preset_actions(preset.id, 32) is None] == [
        "crane-up",
        "around",
    ]


def test_an_unknown_preset_is_refused():
    with pytest.raises(InvalidRequestError, match="no preset called"):
        preset_path("barrel-roll", 33, TINY)


def test_a_short_string_is_followed_by_no_keys():
    path = actions_path("w-10", 33, TINY)

    expected = resolve_actions(
        "w-10,none-22", translation_speed=0.04, rotation_degrees=1.5, pitch_limit_degrees=60
    )
    np.testing.assert_allclose(path.c2w, expected, atol=1e-6)
    assert path.source == {
        "kind": "actions", "actions": "w-10", "dialect": "wm-2026-07", "speeds": [0.04, 1.5],
        "unit": "m",
    }  # fmt: skip


def test_a_string_longer_than_the_clip_is_refused_with_both_numbers():
    with pytest.raises(InvalidRequestError) as refused:
        actions_path("w-40", 33, TINY)
    assert str(refused.value) == "This path has 40 steps; 4 s has room for 32."


def test_a_source_is_resolved_by_its_kind():
    walk = {"kind": "preset", "preset": "walk"}
    old = {"kind": "actions", "actions": "d-4", "dialect": "diffusers-0.42"}

    assert resolve_source(walk, 33, TINY) == preset_path("walk", 33, TINY)
    assert resolve_source(old, 33, TINY).c2w[-1, 0, 3] == pytest.approx(0.16)
    for nothing in ({}, {"kind": "preset"}, {"kind": "actions", "actions": 5}, {"kind": "flight"}):
        with pytest.raises(InvalidRequestError, match="Choose a camera path"):
            resolve_source(nothing, 33, TINY)


def test_poses_of_a_file_are_cut_to_the_clip_and_never_invented(tmp_path):
    np.savez(tmp_path / "walk.npz", c2w=moving((0, 0, 2), 20), intrinsics=[9, 9, 5, 5], fps=30)

    path = poses_path(tmp_path / "walk.npz", 17, TINY)

    assert path.num_frames == 17
    assert path.intrinsics.tolist() == [[9, 9, 5, 5]] * 17
    assert path.source == {"kind": "poses", "file": "walk.npz"}
    with pytest.raises(InvalidRequestError, match=r"walk\.npz has 20 poses; 4 s needs 33"):
        poses_path(tmp_path / "walk.npz", 33, TINY)


positions = arrays.arrays(
    np.float32, (4, 3), elements=st.floats(-100, 100, width=32, allow_nan=False)
)


@given(positions=positions, fps=st.floats(1, 60), with_intrinsics=st.booleans(), name=st.text())
def test_a_path_survives_json_and_npz_exactly(
    tmp_path_factory, positions, fps, with_intrinsics, name
):
    c2w = np.tile(np.eye(4, dtype=np.float32), (5, 1, 1))
    c2w[1:, :3, 3] = positions
    intrinsics = np.float32([[501.3, 500.1, 320.7, 240.2]] * 5) if with_intrinsics else None
    path = CameraPath(c2w=c2w, fps=fps, intrinsics=intrinsics, source={"kind": "x", "name": name})

    assert CameraPath.from_dict(json.loads(json.dumps(path.to_dict()))) == path
    file = tmp_path_factory.mktemp("path") / "path.npz"
    path.save_npz(file)
    first = file.read_bytes()
    assert CameraPath.load_npz(file) == path
    path.save_npz(file)
    assert file.read_bytes() == first


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "wanderbook.path/9"}, {"c2w": None}, {"c2w": [[1]]}, {"fps": "fast"},
        {"fps": 0}, {"fps": float("nan")}, {"source": 3}, {"intrinsics": [1, 2]},
        {"c2w": moving((0, 0, 1))[1:].tolist()},
    ],
    ids=str,
)  # fmt: skip
def test_a_broken_record_of_a_path_is_refused_with_a_sentence(change):
    values = CameraPath.from_poses(moving((0, 0, 1)), fps=8).to_dict()
    with pytest.raises(InvalidRequestError):
        CameraPath.from_dict({**values, **change})


def test_a_file_without_a_saved_path_is_refused(tmp_path):
    np.savez(tmp_path / "poses.npz", c2w=moving())
    with pytest.raises(InvalidRequestError, match="holds no saved camera path"):
        CameraPath.load_npz(tmp_path / "poses.npz")


def test_nobody_can_change_a_path_under_its_owner():
    poses = moving((0, 0, 1)).astype(np.float32)
    path = CameraPath(c2w=poses, fps=8)
    poses[1] = 7

    assert path.c2w[1, 0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        path.c2w[0] = 1


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        ("hold", "Stays still"),
        ("truck-left", "1.3 m to the left"),
        ("crane-up", "0.6 m up"),
        ("pan-right", "Turns 48° to the right"),
        ("orbit-left", "1.1 m to the left and 0.5 m forward, turning 48° to the right"),
        ("walk", "1.3 m forward, turning 24° to the right"),
    ],
)
def test_a_path_is_described_in_one_sentence(preset, words):
    assert describe(preset_path(preset, 33, TINY)) == words


def test_units_tilts_and_round_trips_have_words_too():
    def said(text, card=TINY, frames=33):
        return describe(actions_path(text, frames, card))

    assert said("w-160", ModelCard(), 161) == "4 units forward"
    assert said("w-40", ModelCard(translation_speed=0.025), 41) == "1 unit forward"
    assert said("ij-32") == "1.3 m to the left, tilting 48° up"
    assert said("k-32") == "Tilts 48° down"
    assert said("i-16,a-16") == "Turns 24° to the left and tilts 24° up"
    assert said("a-8,d-16,a-8") == "Turns 24° and back"
    loop = CameraPath.from_poses(
        np.concatenate((moving((0, 0, 2)), moving((0, 0, 2))[::-1])), fps=8
    )
    assert describe(loop) == "4 units in all, back to the start"
