"""Action strings: the released programs' poses, their grammar, and what motion must obey."""

import contextlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from sanawm.camera.actions import count_actions, resolve_actions
from sanawm.camera.dialects import DIALECTS
from sanawm.errors import InvalidRequestError

DATA = Path(__file__).parents[1] / "data"
POSES = load_file(DATA / "camera_dsl.safetensors")
STRINGS = json.loads((DATA / "camera_dsl.json").read_text("utf-8"))
LEFT_RIGHT = str.maketrans("adjl", "dalj")

words = st.lists(st.sampled_from("wsadjlik"), max_size=4).map("".join)
segments = st.tuples(words | st.just("none"), st.integers(1, 12)).map(lambda s: f"{s[0]}-{s[1]}")
strings = st.lists(segments, min_size=1, max_size=6).map(",".join)
dialects = st.sampled_from(sorted(DIALECTS))


def resolve(text, dialect="wm-2026-07", **changes):
    rules = DIALECTS[dialect]
    speeds = {
        "translation_speed": rules.translation_speed,
        "rotation_degrees": rules.rotation_degrees,
        "pitch_limit_degrees": rules.pitch_limit_degrees,
    }
    return resolve_actions(text, dialect=dialect, **{**speeds, **changes})


def changes_of(group):
    """The settings one group of stored poses was made with."""
    changes = {"smooth": "abrupt" not in group}
    if "streaming" in group:
        changes["translation_speed"] = DIALECTS["wm-2026-05"].streaming_translation_speed
    if group.startswith("alt "):
        changes |= {"translation_speed": 0.1, "rotation_degrees": 2.5, "pitch_limit_degrees": 20}
    return changes


@pytest.mark.parametrize("key", sorted(POSES))
def test_poses_are_those_of_the_released_programs(key):
    group, index = key.split("/")
    text = STRINGS["actions"][int(index)]
    dialect = group.removeprefix("alt ").split(" ")[0]

    c2w = resolve(text, dialect, **changes_of(group))

    last = len(c2w) - 1
    frames = range(last + 1) if last <= 24 else [*range(0, last, 9), last]
    tolerance = 1e-6 if last < 120 else 1e-5
    np.testing.assert_allclose(c2w[list(frames), :3], POSES[key], rtol=0, atol=tolerance)


@pytest.mark.parametrize("odd", STRINGS["odd"], ids=lambda odd: repr(odd["action"]))
def test_odd_strings_are_accepted_and_refused_as_the_released_programs_do(odd):
    if odd["accepted"]:
        assert len(resolve(odd["action"])) == count_actions(odd["action"]) + 1
        return
    for dialect in DIALECTS:
        with pytest.raises(InvalidRequestError) as refused:
            resolve(odd["action"], dialect)
        assert refused.value.field == "camera"
        assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The camera path is empty. Write for example w-16, or choose a preset."),
        ("w-8,q-4", '"q-4" is not an action. Keys are w, s, a, d, j, l, i and k.'),
        ("w-8,w", '"w" has no number of steps. Write for example w-16.'),
        ("w-8 d-4", '"w-8d-4" is not an action. Put a comma between actions, as in w-16,d-8.'),
        ("nonew-3", '"nonew-3" is not an action. "none" stands alone, without other keys.'),
        ("w-3,", "The path ends with a comma. Remove it, or add an action such as w-16."),
        ("w-3,,d-2", "There is a comma with no action beside it. Remove it."),
        ("w-10000000", '"w-10000000" has too many steps. Up to 10,000 work.'),
        ("w-6000,d-6000", "This path has 12,000 steps. Up to 10,000 work."),
    ],
)
def test_a_bad_string_says_which_segment_is_wrong_and_what_to_do(text, sentence):
    with pytest.raises(InvalidRequestError) as refused:
        resolve(text)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("text", ["w-" + "9" * 99_000, "w-1," * 60_000, "w-" + "0" * 5000 + "3"])
def test_absurd_strings_are_refused_at_once_and_in_one_line(text):
    with pytest.raises(InvalidRequestError) as refused:
        count_actions(text)
    assert len(str(refused.value)) < 150


def test_an_unknown_dialect_is_refused_with_the_names_there_are():
    with pytest.raises(InvalidRequestError, match=r'"wm-1999".*wm-2026-07.*diffusers-0\.42'):
        resolve_actions(
            "w-1", dialect="wm-1999", translation_speed=1, rotation_degrees=1, pitch_limit_degrees=1
        )


@given(text=st.text(max_size=40) | st.text("wsadjlik-0123456789, none", max_size=40))
def test_any_text_is_either_a_path_or_a_sentence(text):
    with contextlib.suppress(InvalidRequestError):  # anything else would be a crash of the page
        assert count_actions(text) >= 1


@given(text=strings, dialect=dialects, smooth=st.booleans())
def test_every_pose_is_a_rotation_and_the_camera_stays_level(text, dialect, smooth):
    c2w = resolve(text, dialect, smooth=smooth, rotation_degrees=7)

    assert c2w.shape == (count_actions(text) + 1, 4, 4)
    rotation = c2w[:, :3, :3]
    np.testing.assert_allclose(
        rotation @ rotation.transpose(0, 2, 1), np.broadcast_to(np.eye(3), rotation.shape),
        atol=1e-12,
    )  # fmt: skip
    np.testing.assert_allclose(np.linalg.det(rotation), 1, atol=1e-12)
    np.testing.assert_array_equal(c2w[0], np.eye(4))
    assert (c2w[:, 1, 0] == 0).all()  # no roll
    assert (c2w[:, 1, 3] == 0).all()  # no height
    limit = math.radians(DIALECTS[dialect].pitch_limit_degrees)
    assert (np.abs(np.arcsin(np.clip(c2w[:, 1, 2], -1, 1))) <= limit + 1e-12).all()


@given(text=strings, dialect=dialects, smooth=st.booleans())
def test_mirrored_keys_mirror_the_path(text, dialect, smooth):
    mirrored_text = ",".join(
        segment if segment.startswith("none") else segment.translate(LEFT_RIGHT)
        for segment in text.split(",")
    )

    path, mirrored = (resolve(t, dialect, smooth=smooth) for t in (text, mirrored_text))

    flip = np.diag((-1.0, 1, 1, 1))
    np.testing.assert_allclose(mirrored, flip @ path @ flip, atol=1e-12)


@given(first=strings, second=strings, dialect=dialects)
def test_without_inertia_and_tilt_a_path_goes_on_from_where_the_first_ended(first, second, dialect):
    level = [text.replace("i", "").replace("k", "") for text in (first, second)]

    whole = resolve(",".join(level), dialect, smooth=False)
    head, tail = (resolve(text, dialect, smooth=False) for text in level)

    np.testing.assert_allclose(whole[: len(head)], head, atol=1e-12)
    np.testing.assert_allclose(whole[len(head) - 1 :], head[-1] @ tail, atol=1e-12)


@given(text=strings, dialect=dialects)
def test_cutting_a_segment_in_two_changes_nothing(text, dialect):
    pieces = ",".join(
        ",".join([f"{segment.rpartition('-')[0]}-1"] * int(segment.rpartition("-")[2]))
        for segment in text.split(",")
    )

    np.testing.assert_array_equal(resolve(pieces, dialect), resolve(text, dialect))


@given(steps=st.integers(1, 40), dialect=dialects)
def test_walking_ahead_covers_speed_times_steps(steps, dialect):
    end = resolve(f"w-{steps}", dialect, translation_speed=0.5)[-1, :3, 3]

    np.testing.assert_allclose(end, (0, 0, 0.5 * steps), atol=1e-6 * steps)


def test_looking_up_past_the_limit_is_cut_short_or_refused_by_dialect():
    saturated = resolve("i-200")[-1]
    refused = resolve("i-200", "diffusers-0.42")[-1]

    assert math.degrees(math.acos(saturated[1, 1])) == pytest.approx(60)
    assert math.degrees(math.acos(refused[1, 1])) == pytest.approx(84)  # 70 whole steps of 1.2


def test_with_inertia_the_camera_coasts_after_release_and_then_comes_to_rest():
    z = resolve("w-10,none-300")[:, 2, 3]
    speed = np.diff(z)

    assert speed[9] == pytest.approx(0.025, rel=1e-4)
    assert (np.diff(speed[9:]) < 0).all()
    assert speed[10] / speed[9] == pytest.approx(math.exp(-1 / 16))
    assert speed[-1] < 1e-9
    assert resolve("w-10,none-300", smooth=False)[-1, 2, 3] == pytest.approx(0.25, rel=1e-4)


def test_the_same_letters_turn_in_one_dialect_and_strafe_in_another():
    new, old = resolve("d-4")[-1], resolve("d-4", "diffusers-0.42")[-1]

    assert new[0, 2] > 0.04
    assert new[0, 3] == 0
    assert old[0, 2] == 0
    assert old[0, 3] == pytest.approx(0.2)
