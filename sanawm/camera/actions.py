"""Action strings such as "w-16,dw-8": which keys are held, for how many steps each.

    string   = segment {"," segment}     spaces and capitals do not matter
    segment  = keys "-" steps            keys: any of w s a d j l i k, none of them, or "none"

N steps become N + 1 poses, camera-to-world in OpenCV axes (+x right, +y down, +z forward), the
first the identity. Turning is about the vertical, walking is always level: the pose after any
number of steps is Ry(sum of yaw) · Rx(sum of pitch), so nothing is multiplied up step by step.
A string may go on from a camera that already moves (`sanawm.camera.start`).
Shape letters: N steps, F = N + 1 frames.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanawm.camera.dialects import DEFAULT_DIALECT, Dialect, dialect_named
from sanawm.camera.poses import rebase
from sanawm.camera.start import AT_REST, StartState
from sanawm.errors import InvalidRequestError

Floats = NDArray[np.float64]

KEYS = "wsadjlik"
FULL_WIDTH_COMMA = "\uff0c"  # what East Asian keyboards type
MAX_STEPS = 10_000  # ten minutes at 16 frames a second; a minute is the longest clip there is
MAX_CHARACTERS = 100_000
PRESS_SECONDS = 0.45  # how fast velocity follows a held key, in the dialect with inertia
COAST_SECONDS = 1.0  # how fast it fades after release
STEP_SECONDS = 1 / 16  # of that dialect, whatever the model's frame rate


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Motion:
    """What an action string makes the camera do, and what was behind every step of it."""

    c2w_F44: Floats
    velocity_N4: Floats  # forward, right, yaw, pitch a step, as the keys and inertia make it
    pitch_N: Floats  # radians, after each step
    held: list[frozenset[str]]  # keys, one set a step


def parse_actions(text: str) -> list[tuple[frozenset[str], int]]:
    """The segments of an action string: held keys and steps."""
    if len(text) > MAX_CHARACTERS:
        raise _problem(f"This path has {len(text):,} characters. Up to {MAX_CHARACTERS:,} work.")
    cleaned = "".join(text.replace(FULL_WIDTH_COMMA, ",").split())
    if not cleaned:
        raise _problem("The camera path is empty. Write for example w-16, or choose a preset.")
    segments = [_parse_segment(segment, cleaned) for segment in cleaned.split(",")]
    total = sum(steps for _, steps in segments)
    if total > MAX_STEPS:
        raise _problem(f"This path has {total:,} steps. Up to {MAX_STEPS:,} work.")
    return segments


def count_actions(text: str) -> int:
    """How many steps an action string has, without resolving it."""
    return sum(steps for _, steps in parse_actions(text))


def cut_actions(text: str, steps: int) -> str:
    """As many of an action string's first steps as there is room for; empty where that is none."""
    kept: list[str] = []
    for segment in "".join(text.replace(FULL_WIDTH_COMMA, ",").split()).split(","):
        if steps <= 0:
            break
        taken = min(count_actions(segment), steps)
        kept.append(f"{segment.rpartition('-')[0]}-{taken}")
        steps -= taken
    return ",".join(kept)


def resolve_actions(
    text: str,
    *,
    dialect: str = DEFAULT_DIALECT,
    translation_speed: float,
    rotation_degrees: float,
    pitch_limit_degrees: float,
    smooth: bool = True,
    start: StartState = AT_REST,
) -> Floats:
    """Poses (N + 1, 4, 4) of an action string; `smooth=False` switches inertia off."""
    return motion_of(
        text,
        dialect=dialect,
        translation_speed=translation_speed,
        rotation_degrees=rotation_degrees,
        pitch_limit_degrees=pitch_limit_degrees,
        smooth=smooth,
        start=start,
    ).c2w_F44


def motion_of(
    text: str,
    *,
    dialect: str,
    translation_speed: float,
    rotation_degrees: float,
    pitch_limit_degrees: float,
    smooth: bool = True,
    start: StartState = AT_REST,
) -> Motion:
    """An action string played from a start: poses, and the velocity and pitch of every step."""
    rules = dialect_named(dialect)
    held = [keys for keys, steps in parse_actions(text) for _ in range(steps)]
    speeds_4 = np.array(
        (translation_speed, translation_speed, *[math.radians(rotation_degrees)] * 2)
    )
    velocity_N4 = _directions(held, rules) * speeds_4
    if smooth and rules.has_inertia:
        velocity_N4 = _with_inertia(velocity_N4, held, start)
    step_N4 = velocity_N4.copy()
    step_N4[:, 2] += rules.strafe_turns * speeds_4[2] * _axis(held, *rules.strafe_keys)
    # A camera that already looks further up than these rules allow stays; it does not jump.
    limit = max(math.radians(pitch_limit_degrees), abs(start.pitch))
    pitch_N = _pitch_angles(step_N4[:, 3], start.pitch, limit, rules.refuses_steep)
    c2w_F44 = _poses(step_N4, pitch_N, rules, start.pitch)
    return Motion(c2w_F44=c2w_F44, velocity_N4=velocity_N4, pitch_N=pitch_N, held=held)


def _parse_segment(segment: str, whole: str) -> tuple[frozenset[str], int]:
    shown = segment if len(segment) <= 24 else f"{segment[:24]}…"
    if not segment:
        raise _problem(
            "The path ends with a comma. Remove it, or add an action such as w-16."
            if whole.endswith(",") and ",," not in whole and not whole.startswith(",")
            else "There is a comma with no action beside it. Remove it."
        )
    keys, dash, steps = segment.rpartition("-")
    if not dash:
        raise _problem(f'"{shown}" has no number of steps. Write for example w-16.')
    count = int(steps) if steps.isdecimal() and len(steps) < 100 else 0
    if count == 0:
        raise _problem(
            f'"{shown}" needs a whole number of steps after the dash, 1 or more. '
            "Write for example w-16."
        )
    if count > MAX_STEPS:
        raise _problem(f'"{shown}" has too many steps. Up to {MAX_STEPS:,} work.')
    return _parse_keys(keys.lower(), shown), count


def _parse_keys(keys: str, shown: str) -> frozenset[str]:
    if keys == "none":
        return frozenset()
    unknown = set(keys) - set(KEYS)
    if "none" in keys:
        raise _problem(f'"{shown}" is not an action. "none" stands alone, without other keys.')
    if any(character in "-;" or character.isdecimal() for character in unknown):
        raise _problem(f'"{shown}" is not an action. Put a comma between actions, as in w-16,d-8.')
    if unknown:
        raise _problem(f'"{shown}" is not an action. Keys are w, s, a, d, j, l, i and k.')
    return frozenset(keys)


def _axis(held: list[frozenset[str]], minus: str, plus: str) -> Floats:
    """-1, 0 or 1 for each step: both keys together cancel."""
    return np.array([float(plus in keys) - float(minus in keys) for keys in held])


def _directions(held: list[frozenset[str]], rules: Dialect) -> Floats:
    """What the held keys ask for, (N, 4): forward, right, yaw, pitch."""
    axes = (("s", "w"), rules.strafe_keys, rules.turn_keys, ("k", "i"))
    return np.stack([_axis(held, *keys) for keys in axes], axis=1)


def _with_inertia(target_N4: Floats, held: list[frozenset[str]], start: StartState) -> Floats:
    """Velocity snaps to its target on a fresh key press and follows it with a delay otherwise."""
    press, coast = (1 - math.exp(-STEP_SECONDS / tau) for tau in (PRESS_SECONDS, COAST_SECONDS))
    velocity_N4 = np.empty_like(target_N4)
    velocity_4, previous = np.array(start.velocity), frozenset(start.held)
    for step, (target_4, keys) in enumerate(zip(target_N4, held, strict=True)):
        if keys - previous:
            velocity_4 = target_4
        else:
            follow_4 = np.where(np.abs(target_4) > 1e-12, press, coast)
            velocity_4 = velocity_4 + follow_4 * (target_4 - velocity_4)
        velocity_N4[step], previous = velocity_4, keys
    return velocity_N4


def _pitch_angles(change_N: Floats, angle: float, limit: float, refuses_steep: bool) -> Floats:
    """Pitch after each step. Past the limit a step is refused, or the pitch stays at the limit."""
    angles_N = np.empty_like(change_N)
    for step, change in enumerate(change_N):
        wanted = angle + change
        clamped = min(max(wanted, -limit), limit)
        angle = angle if refuses_steep and clamped != wanted else clamped
        angles_N[step] = angle
    return angles_N


def _poses(step_N4: Floats, pitch_N: Floats, rules: Dialect, start_pitch: float) -> Floats:
    """Add the steps up: turn first, then walk along the new heading."""
    forward_N, right_N, yaw_step_N, _ = step_N4.T
    yaw_N = np.cumsum(yaw_step_N)
    level_N = np.cos(pitch_N)  # how long the view direction is, seen from above
    forward_N = forward_N * level_N / (level_N + rules.norm_floor)
    right_N = right_N / (1 + rules.norm_floor)

    c2w_F44 = np.tile(np.eye(4), (len(step_N4) + 1, 1, 1))
    c2w_F44[1:, :3, :3] = yaw_pitch_rotation(yaw_N, pitch_N)
    c2w_F44[1:, 0, 3] = np.cumsum(forward_N * np.sin(yaw_N) + right_N * np.cos(yaw_N))
    c2w_F44[1:, 2, 3] = np.cumsum(forward_N * np.cos(yaw_N) - right_N * np.sin(yaw_N))
    return from_level(c2w_F44, start_pitch)


def from_level(c2w_F44: Floats, start_pitch: float) -> Floats:
    """Poses above a level ground as a camera sees them that begins with this pitch."""
    if start_pitch == 0:
        return c2w_F44
    c2w_F44[0, :3, :3] = yaw_pitch_rotation(np.zeros(1), np.array([start_pitch]))[0]
    return rebase(c2w_F44)


def yaw_pitch_rotation(yaw_N: Floats, pitch_N: Floats) -> Floats:
    """Ry(yaw) · Rx(pitch), (N, 3, 3): positive yaw turns right, positive pitch looks up."""
    zero_N = np.zeros_like(yaw_N)
    cos_y, sin_y, cos_p, sin_p = np.cos(yaw_N), np.sin(yaw_N), np.cos(pitch_N), np.sin(pitch_N)
    rows = (
        (cos_y, sin_y * sin_p, sin_y * cos_p),
        (zero_N, cos_p, -sin_p),
        (-sin_y, cos_y * sin_p, cos_y * cos_p),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _problem(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, field="camera")
