"""A camera path in words, and as the numbers a page draws it from above with.

Both are read off the resolved poses, never off the source, so they show what the model gets.
Seen from above: x to the right, z ahead (up on the page); yaw in degrees, positive to the right.
Shape letters: F frames.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sanawm.camera.path import CameraPath

Floats = NDArray[np.float64]

STILL_TURN_DEGREES = 0.5
SMALL_SHARE = 0.12  # a direction with less than this share of the longest is not worth a word
UNIT_WORDS = {"m": ("m", "m", "metres"), "unit": ("unit", "units", "units")}  # one, many, spoken
DIRECTIONS = (("to the right", "to the left"), ("down", "up"), ("forward", "back"))  # x, y, z


def describe(path: CameraPath) -> str:
    """What the camera does, such as "1.3 m to the left, turning 48° to the right"."""
    travelled, turned = _travelled(path), _turns(path)
    if not travelled:
        return _capital(" and ".join(turned["alone"])) if turned["alone"] else "Stays still"
    return ", ".join((travelled, *turned["along"]))


def top_view(path: CameraPath) -> dict[str, Any]:
    """What a page draws of a path: points, headings, the square in view, a scale bar, words."""
    ahead_F2 = path.c2w[:, (0, 2), 3].astype(np.float64)
    yaw_F = yaw_degrees(path)
    low, high = ahead_F2.min(axis=0), ahead_F2.max(axis=0)
    size = _view_size(path, float((high - low).max()))
    bar = _round_length(size / 4)
    unit = _unit(path)
    return {
        "kind": _kind(path),
        "unit": unit,
        "points": np.round(ahead_F2, 4).tolist(),
        "yaw": np.round(yaw_F, 2).tolist(),
        "seconds": [round(f) for f in np.arange(path.fps, path.num_frames - 1, path.fps)],
        "extent": {"x": _pair(low[0], high[0]), "z": _pair(low[1], high[1])},
        "view": {"centre": np.round((low + high) / 2, 4).tolist(), "size": round(size, 4)},
        "scale": {"length": bar, "label": _amount(bar, unit)},
        "text": describe(path),
        "label": spoken(path),
    }


def spoken(path: CameraPath) -> str:
    """The drawing's sentence for those who do not see it."""
    distance = float(np.linalg.norm(path.c2w[-1, :3, 3]))
    turn = round(abs(yaw_degrees(path)[-1]))
    preset = str(path.source.get("preset") or "").replace("-", " ")
    return (
        f"Camera path from above: {preset}{', ' if preset else ''}ends {_number(distance)} "
        f"{UNIT_WORDS[_unit(path)][2]} from the start, turned {turn} degrees"
    )


def yaw_degrees(path: CameraPath) -> Floats:
    """Heading of every frame, positive to the right, counted on past a full turn."""
    view_F2 = path.c2w[:, (0, 2), 2].astype(np.float64)
    return np.degrees(np.unwrap(np.arctan2(view_F2[:, 0], view_F2[:, 1])))


def _pitch_degrees(path: CameraPath) -> float:
    return math.degrees(math.asin(min(max(-float(path.c2w[-1, 1, 2]), -1), 1)))


def _length(path: CameraPath) -> float:
    steps_F3 = np.diff(path.c2w[:, :3, 3].astype(np.float64), axis=0)
    return float(np.linalg.norm(steps_F3, axis=1).sum())


def _kind(path: CameraPath) -> str:
    """Whether the camera moves, only turns, or stays: a page draws each in its own way."""
    if _length(path) > 1e-4:
        return "move"
    return "turn" if np.ptp(yaw_degrees(path)) > STILL_TURN_DEGREES else "still"


def _travelled(path: CameraPath) -> str:
    """Where the camera ends as seen from the start; nothing where it never left."""
    length, unit = _length(path), _unit(path)
    if length <= 1e-4:
        return ""
    end_3 = path.c2w[-1, :3, 3].astype(np.float64)
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


def _turns(path: CameraPath) -> dict[str, list[str]]:
    """How far the camera has turned at the end, to stand alone or to follow a distance."""
    yaw, pitch = float(yaw_degrees(path)[-1]), _pitch_degrees(path)
    turns = [
        ("turn", yaw, ("to the right", "to the left")),
        ("tilt", pitch, ("up", "down")),
    ]
    said = [
        (verb, f"{abs(angle):.0f}° {words[int(angle < 0)]}")
        for verb, angle, words in turns
        if abs(angle) > STILL_TURN_DEGREES
    ]
    return {
        "alone": [f"{verb}s {words}" for verb, words in said],
        "along": [f"{verb}ing {words}" for verb, words in said],
    }


def _unit(path: CameraPath) -> str:
    return "m" if path.source.get("unit") == "m" else "unit"


def _view_size(path: CameraPath, extent: float) -> float:
    """Side of the square in view: the path with room around it, and never a blown-up stumble."""
    speeds = path.source.get("speeds") or [1 / max(1, path.num_frames - 1)]
    return max(2.2 * extent, float(speeds[0]) * (path.num_frames - 1), 1e-3)


def _round_length(longest: float) -> float:
    """The largest of 1, 2, 5, 10, … (times any power of ten) that fits."""
    power = 10.0 ** math.floor(math.log10(longest))
    best = max(step for step in (1, 2, 5) if step * power <= longest * (1 + 1e-9))
    return float(f"{best * power:.6g}")


def _amount(value: float, unit: str) -> str:
    one, many, _ = UNIT_WORDS[unit]
    number = _number(value)
    return f"{number} {one if number == '1' else many}"


def _number(value: float) -> str:
    digits = 0 if value >= 10 else 1 if value >= 0.095 else 2
    return f"{value:,.{digits}f}".removesuffix(".0").removesuffix(".00")


def _pair(low: float, high: float) -> list[float]:
    return [round(float(low), 4), round(float(high), 4)]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
