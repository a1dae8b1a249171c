"""A camera path in words, such as "1.3 m to the left, turning 48° to the right".

The words are read off the resolved poses, never off the source: they say what the model gets.
Shape letters: F frames.
"""

import math

import numpy as np
from numpy.typing import NDArray

from sanawm.camera.path import CameraPath

Floats = NDArray[np.float64]

STILL_TURN_DEGREES = 0.5
SMALL_SHARE = 0.12  # a direction with less than this share of the longest is not worth a word
UNIT_WORDS = {"m": ("m", "m"), "unit": ("unit", "units")}  # one, many
DIRECTIONS = (("to the right", "to the left"), ("down", "up"), ("forward", "back"))  # x, y, z


def describe(path: CameraPath) -> str:
    """What the camera does over the whole path, in one sentence without a full stop."""
    travelled, turns = _travelled(path), _turns(path)
    if travelled:
        return ", ".join([travelled, *(f"{verb}ing {angle}" for verb, angle in turns)])
    if turns:
        return _capital(" and ".join(f"{verb}s {angle}" for verb, angle in turns))
    turned = float(np.ptp(yaw_degrees(path)))
    return f"Turns {turned:.0f}° and back" if turned > STILL_TURN_DEGREES else "Stays still"


def yaw_degrees(path: CameraPath) -> Floats:
    """Heading of every frame, positive to the right, counted on past a full turn."""
    view_F2 = path.level_c2w()[:, (0, 2), 2]
    return np.degrees(np.unwrap(np.arctan2(view_F2[:, 0], view_F2[:, 1])))


def _pitch_degrees(path: CameraPath) -> float:
    """How much further up the camera looks at the end than at the start."""
    first, last = (
        math.degrees(math.asin(min(max(-float(down), -1), 1)))
        for down in path.level_c2w()[(0, -1), 1, 2]
    )
    return last - first


def _length(path: CameraPath) -> float:
    steps_F3 = np.diff(path.c2w[:, :3, 3].astype(np.float64), axis=0)
    return float(np.linalg.norm(steps_F3, axis=1).sum())


def _travelled(path: CameraPath) -> str:
    """Where the camera ends as seen from the start; nothing where it never left."""
    length, unit = _length(path), _unit(path)
    if length <= 1e-4:
        return ""
    end_3 = path.level_c2w()[-1, :3, 3]
    distance = float(np.linalg.norm(end_3))
    if distance < 0.25 * length:
        ending = "back to the start" if distance < 0.02 * length else "ending near the start"
        return f"{_amount(length, unit)} in all, {ending}"
    shares = np.abs(end_3)
    parts = [
        f"{_amount(shares[axis], unit)} {DIRECTIONS[axis][int(end_3[axis] < 0)]}"
        for axis in np.argsort(-shares, kind="stable")
        if shares[axis] > SMALL_SHARE * shares.max()
    ]
    return ", ".join(parts[:-1]) + (" and " if parts[1:] else "") + parts[-1]


def _turns(path: CameraPath) -> list[tuple[str, str]]:
    """How far the camera has turned at the end: ("turn", "48° to the right")."""
    yaw, pitch = float(yaw_degrees(path)[-1]), _pitch_degrees(path)
    axes = (("turn", yaw, ("to the right", "to the left")), ("tilt", pitch, ("up", "down")))
    return [
        (verb, f"{abs(angle):.0f}° {words[int(angle < 0)]}")
        for verb, angle, words in axes
        if abs(angle) > STILL_TURN_DEGREES
    ]


def _unit(path: CameraPath) -> str:
    return "m" if path.source.get("unit") == "m" else "unit"


def _amount(value: float, unit: str) -> str:
    one, many = UNIT_WORDS[unit]
    number = _number(value)
    return f"{number} {one if number == '1' else many}"


def _number(value: float) -> str:
    digits = 0 if value >= 10 else 1 if value >= 0.095 else 2
    return f"{value:,.{digits}f}".removesuffix(".0").removesuffix(".00")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
