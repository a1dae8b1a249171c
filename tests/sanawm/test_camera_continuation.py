"""A path that goes on from another one: cut anywhere, the pieces play as the whole."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanawm.camera import CameraPath, describe, resolve_source
from sanawm.camera.actions import motion_of
from sanawm.camera.continuation import state_at
from sanawm.camera.dialects import DIALECTS
from sanawm.camera.presets import PRESETS
from sanawm.camera.start import AT_REST, StartState, parse_start
from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError

few = st.lists(st.sampled_from("wdi"), max_size=3)  # often the same keys, but for one let go
words = (st.lists(st.sampled_from("wsadjlik"), max_size=3) | few).map("".join)
strings = st.lists(st.tuples(words, st.integers(1, 12)), min_size=1, max_size=6)
dialects = st.sampled_from(sorted(DIALECTS))
shares = st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted)
CARDS = {
    name: ModelCard(
        lengths=(9, 17, 33, 81),
        num_frames=17,
        dialect=name,
        translation_speed=0.1,
        rotation_degrees=2.5,
        pitch_limit_degrees=20,
    )
    for name in DIALECTS
}
CARD = CARDS["wm-2026-07"]
AHEAD = {"kind": "actions", "actions": "w-8"}


def steps_of(segments):
    return [keys or "none" for keys, count in segments for _ in range(count)]


def text_of(steps):
    return ",".join(f"{keys}-1" for keys in steps)


def path_of(steps, dialect, start=None):
    source = {"kind": "actions", "actions": text_of(steps), "dialect": dialect}
    if start is not None:
        source["start"] = {"run": "01RUN", "frame": 3, **start.to_dict()}
    return resolve_source(source, len(steps) + 1, CARDS[dialect])


def exact_poses(path):
    """Of one of this file's paths, before they become float32."""
    source, card = path.source, CARDS[path.source["dialect"]]
    return motion_of(
        source["actions"],
        dialect=source["dialect"],
        translation_speed=card.translation_speed,
        rotation_degrees=card.rotation_degrees,
        pitch_limit_degrees=card.pitch_limit_degrees,
        start=parse_start(source.get("start")),
    ).c2w_F44


@given(segments=strings, dialect=dialects, shares=shares)
def test_a_path_cut_in_three_plays_as_the_whole(segments, dialect, shares):
    steps = steps_of(segments)
    cuts = [0, *(round(share * len(steps)) for share in shares), len(steps)]
    whole = exact_poses(path_of(steps, dialect))
    start, here = None, np.eye(4)

    for first, last in itertools.pairwise(cuts):
        if first == last:
            continue
        path = path_of(steps[first:last], dialect, start)
        poses = exact_poses(path)
        np.testing.assert_array_equal(path.c2w[0], np.eye(4))
        np.testing.assert_allclose(path.c2w, poses, atol=1e-5)
        np.testing.assert_allclose(here @ poses, whole[first : last + 1], rtol=0, atol=1e-6)
        here, start = here @ poses[-1], state_at(path, last - first, CARDS[dialect])


@given(segments=strings, dialect=dialects, share=st.floats(0, 1))
def test_a_path_goes_on_from_any_frame_of_another_one(segments, dialect, share):
    steps = steps_of(segments)
    split = min(round(share * len(steps)), len(steps) - 1)
    path = path_of(steps, dialect)

    state = parse_start(json.loads(json.dumps(state_at(path, split, CARDS[dialect]).to_dict())))
    rest = path_of(steps[split:], dialect, state)

    whole = exact_poses(path)
    np.testing.assert_allclose(whole[split] @ exact_poses(rest), whole[split:], rtol=0, atol=1e-6)


@given(segments=strings, share=st.floats(0, 1))
def test_without_inertia_the_state_read_off_poses_is_the_one_the_keys_made(segments, share):
    steps = steps_of(segments)
    path = path_of(steps, "diffusers-0.42")
    frame = round(share * len(steps))

    replayed = state_at(path, frame, CARDS["diffusers-0.42"])
    seen = state_at(CameraPath.from_poses(path.c2w, fps=16), frame, CARDS["diffusers-0.42"])

    assert seen.held == ""
    assert seen.pitch == pytest.approx(replayed.pitch, abs=1e-5)
    refused = abs(replayed.velocity[3]) > 0 and abs(seen.velocity[3]) < 1e-5  # at the pitch limit
    np.testing.assert_allclose(
        seen.velocity[: 3 if refused else 4], replayed.velocity[: 3 if refused else 4], atol=1e-5
    )


def test_a_held_key_goes_on_without_a_jerk_and_a_released_one_fades():
    path = resolve_source(AHEAD, 9, CARD)
    start = state_at(path, 8, CARD).to_dict()

    held = resolve_source(AHEAD | {"start": start}, 9, CARD)
    released = resolve_source({"kind": "preset", "preset": "hold", "start": start}, 9, CARD)

    np.testing.assert_allclose(np.diff(held.c2w[:, 2, 3]), 0.1, rtol=1e-4)
    speed = np.diff(released.c2w[:, 2, 3])
    np.testing.assert_allclose(speed[1:] / speed[:-1], math.exp(-1 / 16), rtol=1e-3)
    assert speed[0] / 0.1 == pytest.approx(math.exp(-1 / 16), rel=1e-3)


@pytest.mark.parametrize("preset", [preset.id for preset in PRESETS])
def test_a_preset_goes_on_from_where_the_camera_looks(preset):
    looking_up = StartState(pitch=0.3)
    source = {"kind": "preset", "preset": preset}

    level = resolve_source(source, 33, CARD)
    raised = resolve_source(source | {"start": looking_up.to_dict()}, 33, CARD)

    np.testing.assert_array_equal(raised.c2w[0], np.eye(4))
    np.testing.assert_allclose(
        raised.level_c2w()[:, :3, 3], level.c2w[:, :3, 3].astype(float), atol=2e-5
    )
    assert state_at(raised, 32, CARD).pitch == pytest.approx(0.3, abs=1e-5)
    assert describe(raised) == describe(level)
    assert raised.source["start"] == {"run": "", "frame": 0, **looking_up.to_dict()}


def test_presets_without_keys_start_and_end_at_once():
    moving = StartState(velocity=(0.1, 0, 0.02, 0), held="w").to_dict()

    raised = resolve_source({"kind": "preset", "preset": "crane-up", "start": moving}, 17, CARD)
    around = resolve_source({"kind": "preset", "preset": "around", "start": moving}, 17, CARD)

    still = resolve_source({"kind": "preset", "preset": "crane-up"}, 17, CARD)
    np.testing.assert_array_equal(raised.c2w, still.c2w)
    assert state_at(raised, 16, CARD) == AT_REST
    after = state_at(around, 16, CARD)
    assert after.velocity == pytest.approx((0, 0, math.radians(5), 0), abs=1e-6)
    assert state_at(around, 0, CARD) == parse_start(moving)


def test_a_camera_that_looks_higher_than_the_rules_allow_can_still_come_down():
    start = StartState(pitch=math.radians(50)).to_dict()

    for dialect, card in CARDS.items():
        source = {"kind": "actions", "actions": "k-8", "dialect": dialect, "start": start}
        path = resolve_source(source, 9, card)
        assert state_at(path, 1, card).pitch == pytest.approx(math.radians(47.5))
        assert state_at(path, 8, card).pitch == pytest.approx(math.radians(30))


def test_a_source_that_does_not_make_its_poses_is_not_believed():
    path = resolve_source(AHEAD, 9, CARD)
    for change in ({"actions": "s-8"}, {"actions": "q-8"}, {"speeds": []}, {"dialect": "x"}):
        odd = CameraPath(c2w=path.c2w, fps=16, source=path.source | change)
        assert state_at(odd, 8, CARD).velocity == pytest.approx((0.1, 0, 0, 0), abs=1e-5)
        assert state_at(odd, 8, CARD).held == ""


@pytest.mark.parametrize("frame", [-1, 9])
def test_a_frame_that_is_not_there_is_refused(frame):
    with pytest.raises(InvalidRequestError, match="frames 0 to 8"):
        state_at(resolve_source(AHEAD, 9, CARD), frame, CARD)


@pytest.mark.parametrize(
    "change",
    [
        {"velocity": None}, {"velocity": [0, 0, 0]}, {"velocity": [0, 0, 0, "1"]},
        {"velocity": [math.nan, 0, 0, 0]}, {"velocity": [1e9, 0, 0, 0]},
        {"velocity": [0, 0, 4, 0]}, {"velocity": [True, 0, 0, 0]}, {"pitch": None},
        {"pitch": math.inf}, {"pitch": 1.6}, {"pitch": 10**400}, {"held": 3}, {"held": "wq"},
        {"held": "w" * 99}, {"run": 7}, {"run": "r" * 65}, {"frame": -1}, {"frame": 1.5},
        {"frame": True}, {"frame": 10**9},
    ],
    ids=range(20),
)  # fmt: skip
def test_a_start_that_makes_no_sense_is_refused_with_a_sentence(change):
    good = {"run": "01RUN", "frame": 8, "velocity": [0, 0, 0, 0], "pitch": 0, "held": "lw"}
    kept = resolve_source(AHEAD | {"start": good}, 9, CARD).source["start"]
    assert kept == good | {"held": "wl"}

    for start in (good | change, [good], "w", 3):
        with pytest.raises(InvalidRequestError, match="Start clean") as refused:
            resolve_source(AHEAD | {"start": start}, 9, CARD)
        assert refused.value.field == "camera"
