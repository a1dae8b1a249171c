"""The state a camera is in at some frame of a path, so that another path can go on from there.

An action string, and a preset that keys express, is replayed with its own dialect, speeds and
start, which is exact. Everything else is read off the poses: velocity is the motion from the frame
before, and no key is held. Vertical motion is not carried, as no key asks for it.
Shape letters: F frames.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sanawm.camera.actions import Motion, count_actions, motion_of
from sanawm.camera.path import CameraPath
from sanawm.camera.start import AT_REST, FASTEST, StartState, in_order, parse_start
from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError

Floats = NDArray[np.float64]

AGREEMENT = 1e-3  # poses are kept as float32; a replay that is further off is of another path


def state_at(path: CameraPath, frame: int, card: ModelCard) -> StartState:
    """Velocity, pitch and held keys at a frame, the first one being 0."""
    if not 0 <= frame < path.num_frames:
        raise InvalidRequestError(
            f"This path has the frames 0 to {path.num_frames - 1}, not {frame}.", field="camera"
        )
    if frame == 0:
        return _beginning(path.source)
    motion = _replayed(path, card)
    if motion is None:
        return _seen_at(path, frame)
    forward, right, yaw, pitch = motion.velocity_N4[frame - 1].tolist()
    return StartState(
        velocity=(forward, right, yaw, pitch),
        pitch=float(motion.pitch_N[frame - 1]),
        held=in_order(motion.held[frame - 1]),
    )


def _beginning(source: dict[str, Any]) -> StartState:
    """What the path itself started with; at rest where that cannot be read."""
    try:
        return parse_start(source.get("start"))
    except InvalidRequestError:
        return AT_REST


def _replayed(path: CameraPath, card: ModelCard) -> Motion | None:
    """The path's own keys once more; None where there are none, or they do not make its poses."""
    source, steps = path.source, path.num_frames - 1
    try:
        actions = str(source["actions"])
        missing = steps - count_actions(actions)
        motion = motion_of(
            f"{actions},none-{missing}" if missing > 0 else actions,
            dialect=str(source["dialect"]),
            translation_speed=float(source["speeds"][0]),
            rotation_degrees=float(source["speeds"][1]),
            pitch_limit_degrees=card.pitch_limit_degrees,
            start=parse_start(source.get("start")),
        )
    except (InvalidRequestError, KeyError, IndexError, TypeError, ValueError):
        return None  # a source may come from another computer; the poses are the truth
    is_same = np.abs(motion.c2w_F44[: steps + 1] - path.c2w).max() <= AGREEMENT
    return motion if is_same else None


def _seen_at(path: CameraPath, frame: int) -> StartState:
    """The state as the poses show it."""
    before_44, here_44 = path.level_c2w()[frame - 1 : frame + 1]
    heading, pitch = _yaw(here_44), _pitch(here_44)
    x, _, z = here_44[:3, 3] - before_44[:3, 3]
    velocity = (
        _bounded(x * math.sin(heading) + z * math.cos(heading)),
        _bounded(x * math.cos(heading) - z * math.sin(heading)),
        math.remainder(heading - _yaw(before_44), math.tau),
        pitch - _pitch(before_44),
    )
    return StartState(velocity=velocity, pitch=pitch)


def _yaw(pose_44: Floats) -> float:
    return math.atan2(pose_44[0, 2], pose_44[2, 2])


def _pitch(pose_44: Floats) -> float:
    return math.asin(min(max(-float(pose_44[1, 2]), -1.0), 1.0))


def _bounded(speed: float) -> float:
    return float(min(max(speed, -FASTEST), FASTEST))
