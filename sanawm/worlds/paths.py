"""Camera paths through worlds: what keys can do, and orbits, trucks and cranes.

Keys are those of the action dialect wm-2026-07: w/s forward and back, a/d yaw, j/l strafe, i/k
pitch, with its inertia; a camera that meets a wall or an object slides along it. Distances in
metres per frame, angles in radians; B worlds, K candidates, F frames. Poses are c2w in the world.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sanawm.worlds.draws import Array, Draws, Indices
from sanawm.worlds.scene import FAR, OBJECTS, Flags, Scenes, Split, footprint_radius
from sanawm.worlds.starts import (
    OBJECT_MARGIN,
    WALL_MARGIN,
    Starts,
    object_distances,
    pose_matrices,
    wall_ahead,
)

SPEEDS = (0.06, 0.12)  # metres per frame
TURNS = (2.0, 4.0)  # degrees per frame
PITCH_LIMIT = np.radians(25.0)
_TICK = 1.0 / 16.0  # seconds of inertia per action, a constant of the dialect
_HELD, _RELEASED = 0.45, 1.0  # time constants of the inertia in seconds
_CANDIDATES = 6
_FREE_SHARE = 0.3
# Weights of key combinations. Moves: none, w, s, j, l, w+j, w+l. Turns: none, a, d.
_MOVES = np.array([[0, 0], [1, 0], [-1, 0], [0, -1], [0, 1], [1, -1], [1, 1]])
_MOVE_WEIGHTS = (0.22, 0.38, 0.10, 0.09, 0.09, 0.06, 0.06)
_TURN_WEIGHTS = (0.46, 0.27, 0.27)
_LOOK_WEIGHTS = (0.90, 0.045, 0.055)


@dataclass(slots=True)
class Walkers:
    """Cameras on their way: B worlds x K candidates."""

    position: Array  # (B, K, 3)
    yaw: Array  # (B, K)
    pitch: Array  # (B, K)


def action_velocities(controls: Array, scale: Array) -> Array:
    """Return velocities (..., F-1, 4) of forward, strafe, yaw, pitch from held keys.

    `controls` (..., F-1, 4) are -1, 0 or 1; `scale` (..., 4) are speeds per frame. A newly
    pressed key snaps all four velocities to their targets; otherwise they ease towards them.
    """
    velocity = np.zeros((*controls.shape[:-2], 4))
    held = np.zeros_like(velocity)
    result = np.empty_like(controls)
    for step in range(controls.shape[-2]):
        keys = controls[..., step, :]
        is_new = ((keys != held) & (keys != 0)).any(-1, keepdims=True)
        target = keys * scale
        constant = np.where(np.abs(target) > 1e-12, _HELD, _RELEASED)
        eased = velocity + (1.0 - np.exp(-_TICK / constant)) * (target - velocity)
        velocity = np.where(is_new, target, eased)
        result[..., step, :] = velocity
        held = keys
    return result


def sample_paths(
    scenes: Scenes,
    starts: Starts,
    seeds: Sequence[int] | Indices,
    split: Split,
    num_frames: int,
) -> Array:
    """Return world poses (B, F, 4, 4) of one path per world, from its start."""
    draws = Draws(seeds, stream=500 + (split == "held_out"))
    is_free = draws.uniform()[:, 0] < _FREE_SHARE
    keyed = _keyed_paths(draws, scenes, starts, num_frames)
    free = _free_paths(draws, scenes, starts, num_frames)
    return np.where(is_free[:, None, None, None], free, keyed)


def _walkers(starts: Starts) -> Walkers:
    def repeated(values: Array) -> Array:
        return np.repeat(values[:, None], _CANDIDATES, axis=1)

    return Walkers(repeated(starts.position), repeated(starts.yaw), repeated(starts.pitch))


def _keyed_paths(draws: Draws, scenes: Scenes, starts: Starts, num_frames: int) -> Array:
    """Walk several random key sequences and keep, per world, the one least in the way."""
    controls = _random_controls(draws, num_frames - 1)
    speed = draws.uniform(*SPEEDS, size=_CANDIDATES)
    turn = np.radians(draws.uniform(*TURNS, size=_CANDIDATES))
    velocity = action_velocities(controls, np.stack([speed, speed, turn, turn], axis=-1))
    walkers, poses = _walkers(starts), []
    cost = np.zeros_like(walkers.yaw)
    poses.append(pose_matrices(walkers.position, walkers.yaw, walkers.pitch))
    for step in range(num_frames - 1):
        wish = turn_and_wish(walkers, velocity[:, :, step])
        walkers.position = keep_clear(scenes, walkers.position, wish)
        cost = cost + _cost(scenes, walkers, wish)
        poses.append(pose_matrices(walkers.position, walkers.yaw, walkers.pitch))
    return _best(np.stack(poses, axis=2), cost)


def turn_and_wish(walkers: Walkers, velocity: Array) -> Array:
    """Turn by this step's velocity, then return where the level move would lead."""
    forward, strafe, yaw, pitch = np.moveaxis(velocity, -1, 0)
    walkers.pitch = np.clip(walkers.pitch + pitch, -PITCH_LIMIT, PITCH_LIMIT)
    walkers.yaw = walkers.yaw + yaw
    sin, cos = np.sin(walkers.yaw), np.cos(walkers.yaw)
    wish = walkers.position.copy()
    wish[..., 0] += forward * sin + strafe * cos
    wish[..., 2] += forward * cos - strafe * sin
    return wish


def _random_controls(draws: Draws, num_steps: int) -> Array:
    """Return held keys (B, K, steps, 4): segments of 3 to 14 frames, some of nothing."""
    segments = num_steps // 3 + 1
    size = _CANDIDATES * segments
    move = _MOVES[draws.choose(_MOVE_WEIGHTS, size=size)]
    turn = np.array([0, -1, 1])[draws.choose(_TURN_WEIGHTS, size=size)]
    look = np.array([0, 1, -1])[draws.choose(_LOOK_WEIGHTS, size=size)]
    keys = np.concatenate([move, turn[..., None], look[..., None]], axis=-1)
    keys = keys.reshape(-1, _CANDIDATES, segments, 4)
    length = np.floor(draws.uniform(3, 15, size=size)).reshape(-1, _CANDIDATES, segments)
    ends = np.cumsum(length, axis=-1)
    current = (np.arange(num_steps)[:, None] >= ends[:, :, None]).sum(-1)
    return np.take_along_axis(keys, current[..., None], axis=2).astype(np.float64)


def _free_paths(draws: Draws, scenes: Scenes, starts: Starts, num_frames: int) -> Array:
    """Move sideways, around, up or down while looking at a point ahead; smooth, no keys."""
    size = _CANDIDATES
    walkers = _walkers(starts)
    speed = draws.uniform(*SPEEDS, size=size) * np.where(draws.uniform(size=size) < 0.5, -1, 1)
    rise = draws.uniform(-0.6, 0.6, size=size) / max(num_frames - 1, 1)
    # Orbit, sideways along a line, straight up or down, in or out with a rise.
    kind = draws.choose((0.4, 0.2, 0.25, 0.15), size=size)
    looks = draws.uniform(size=size) < np.where(kind == 2, 0.5, 1.0)
    sideways = np.where(kind <= 1, speed, 0.0)
    inwards = np.where(kind == 3, 0.7 * speed, np.where(kind == 0, 0.25 * speed, 0.0))
    rise = np.where((kind >= 2) | (draws.uniform(size=size) < 0.3), np.clip(rise, -0.08, 0.08), 0.0)
    distance = draws.uniform(2.2, 4.0, size=size)
    sin, cos = np.sin(walkers.yaw), np.cos(walkers.yaw)
    drop = np.tan(walkers.pitch) * distance
    target = walkers.position + np.stack([sin * distance, -drop, cos * distance], axis=-1)
    eases = draws.uniform(size=size) < 0.4
    poses = [pose_matrices(walkers.position, walkers.yaw, walkers.pitch)]
    cost = np.zeros_like(walkers.yaw)
    heading = walkers.yaw
    for step in range(num_frames - 1):
        ease = np.where(eases, 1.0 - np.exp(-(step + 1) / 4.0), 1.0)
        heading = np.where(kind == 0, walkers.yaw, heading)
        sin, cos = np.sin(heading), np.cos(heading)
        along = np.stack([sin, np.zeros_like(sin), cos], axis=-1)
        across = np.stack([cos, np.zeros_like(sin), -sin], axis=-1)
        wish = walkers.position + (ease * inwards)[..., None] * along
        wish = wish + (ease * sideways)[..., None] * across
        wish[..., 1] -= ease * rise
        walkers.position = keep_clear(scenes, walkers.position, wish)
        cost = cost + _cost(scenes, walkers, wish)
        _look_at(walkers, target, looks)
        poses.append(pose_matrices(walkers.position, walkers.yaw, walkers.pitch))
    return _best(np.stack(poses, axis=2), cost)


def _look_at(walkers: Walkers, target: Array, looks: Flags) -> None:
    """Turn those that look at their target, by at most the largest turn of a frame."""
    limit = np.radians(TURNS[1] + 1.0)
    to = target - walkers.position
    yaw = np.arctan2(to[..., 0], to[..., 2])
    turn = (yaw - walkers.yaw + np.pi) % (2 * np.pi) - np.pi
    pitch = np.arctan2(-to[..., 1], np.hypot(to[..., 0], to[..., 2]))
    walkers.yaw = walkers.yaw + np.where(looks, np.clip(turn, -limit, limit), 0.0)
    tilt = np.clip(pitch - walkers.pitch, -limit, limit)
    tilted = np.clip(walkers.pitch + tilt, -PITCH_LIMIT, PITCH_LIMIT)
    walkers.pitch = np.where(looks, tilted, walkers.pitch)


def _best(poses: Array, cost: Array) -> Array:
    """Return of each world's candidates the one that cost least."""
    return np.asarray(poses[np.arange(len(cost)), np.argmin(cost, axis=1)])


def _cost(scenes: Scenes, walkers: Walkers, wish: Array) -> Array:
    """Return how bad a step was, (B, K): pushed aside, close to a bare wall, or far from level."""
    pushed: Array = np.linalg.norm(walkers.position - wish, axis=-1)
    ahead = wall_ahead(scenes, walkers.position, walkers.yaw)
    tilt = np.maximum(np.abs(walkers.pitch) - np.radians(12.0), 0.0)
    cost: Array = pushed + 0.04 * np.maximum(2.2 - ahead, 0.0) + 0.15 * tilt
    return cost


def keep_clear(scenes: Scenes, before: Array, wish: Array) -> Array:
    """Return where cameras (B, K, 3) end that wished to go somewhere: beside what is in the way."""
    reach = footprint_radius(scenes.half)[:, None, OBJECTS] + OBJECT_MARGIN
    centre = scenes.centre[:, None, OBJECTS, ::2]
    limit = (scenes.extent[:, :2] - WALL_MARGIN)[:, None]
    place = wish.copy()
    for _ in range(2):
        offset = place[:, :, None, ::2] - centre
        gap = np.linalg.norm(offset, axis=-1).clip(1e-6)
        short = np.where(scenes.present[:, None, OBJECTS], np.maximum(reach - gap, 0.0), 0.0)
        place[..., ::2] += ((short / gap)[..., None] * offset).sum(axis=2)
        place[..., ::2] = np.clip(place[..., ::2], -limit, limit)
    place[..., 1] = np.clip(place[..., 1], -np.minimum(scenes.extent[:, 2:3], FAR) + 0.4, -0.5)
    is_clear = np.all(object_distances(scenes, place) > 0.5 * OBJECT_MARGIN, axis=-1)
    return np.where(np.asarray(is_clear)[..., None], place, before)


def relative_poses(c2w_BF44: Array) -> Array:
    """Return poses relative to frame 0, which becomes the identity."""
    relative = np.linalg.inv(c2w_BF44[:, :1]) @ c2w_BF44
    relative[:, 0] = np.eye(4)
    return np.asarray(relative)


def mirrored(c2w_BF44: Array) -> Array:
    """Return relative paths as seen in a mirror: left and right swapped."""
    flip = np.diag([-1.0, 1.0, 1.0, 1.0]).astype(c2w_BF44.dtype)
    return np.asarray(flip @ c2w_BF44 @ flip)


def frozen(c2w_BF44: Array) -> Array:
    """Return relative paths of the same shape that never move."""
    return np.broadcast_to(np.eye(4, dtype=c2w_BF44.dtype), c2w_BF44.shape).copy()


def shuffled(c2w_BF44: Array) -> Array:
    """Return each clip the path of the next one; needs at least two clips."""
    assert len(c2w_BF44) > 1, "one path cannot be exchanged"
    return np.roll(c2w_BF44, 1, axis=0)
