"""Where a camera starts in a world: at a sensible distance from something worth seeing.

World axes as in `scene`. Angles in radians; yaw turns right, pitch looks up. B worlds, K
candidate places for each, of which the best is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from sanawm.worlds.draws import Array, Draws, Indices
from sanawm.worlds.scene import CORRIDOR, FAR, OBJECTS, Scenes, Split, footprint_radius

WALL_MARGIN = 0.6  # metres kept between a camera and a wall
OBJECT_MARGIN = 0.4  # and between a camera and the circle around an object
USUAL_FOV = 60.0  # degrees, what the product assumes of a photo it knows nothing about
_CANDIDATES = 48


@dataclass(frozen=True, kw_only=True, slots=True)
class Starts:
    """First poses and lenses of B cameras."""

    position: Array  # (B, 3)
    yaw: Array  # (B,)
    pitch: Array  # (B,)
    fov_degrees: Array  # (B,) horizontal

    def replaced(self, where: Indices, other: "Starts") -> "Starts":
        """Return these starts with those at `where` taken from `other`, in order."""
        arrays = {f.name: getattr(self, f.name).copy() for f in fields(self)}
        for name, array in arrays.items():
            array[where] = getattr(other, name)
        return Starts(**arrays)

    def matrices(self) -> Array:
        """Return the poses as matrices."""
        return pose_matrices(self.position, self.yaw, self.pitch)


def pose_matrices(position: Array, yaw: Array, pitch: Array) -> Array:
    """Return c2w (..., 4, 4) = Ry(yaw) Rx(pitch) at these positions (..., 3)."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    zero, one = np.zeros_like(cy), np.ones_like(cy)
    x, y, z = np.moveaxis(position, -1, 0)
    rows = [cy, sy * sp, sy * cp, x, zero, cp, -sp, y, -sy, cy * sp, cy * cp, z]
    rows += [zero, zero, zero, one]
    return np.stack(rows, axis=-1).reshape(*yaw.shape, 4, 4)


def object_distances(scenes: Scenes, position: Array) -> Array:
    """Return the level distance from places (B, K, 3) to each object's circle, (B, K, 11)."""
    offset = position[:, :, None, ::2] - scenes.centre[:, None, OBJECTS, ::2]
    gap = np.linalg.norm(offset, axis=-1) - footprint_radius(scenes.half)[:, None, OBJECTS]
    return np.where(scenes.present[:, None, OBJECTS], gap, FAR)


def wall_ahead(scenes: Scenes, position: Array, yaw: Array) -> Array:
    """Return how far the wall is in the direction of view from (B, K, 3), (B, K)."""
    x, z = np.sin(yaw), np.cos(yaw)
    x = np.where(np.abs(x) < 1e-6, 1e-6, x)
    z = np.where(np.abs(z) < 1e-6, 1e-6, z)
    half = scenes.extent[:, None, :2]
    to_x = (np.sign(x) * half[..., 0] - position[..., 0]) / x
    to_z = (np.sign(z) * half[..., 1] - position[..., 2]) / z
    return np.minimum(to_x, to_z)


def sample_starts(
    scenes: Scenes, seeds: Sequence[int] | Indices, split: Split, attempt: int = 0
) -> Starts:
    """Return the best of 48 places and directions in each world."""
    draws = Draws(seeds, stream=300 + 2 * attempt + (split == "held_out"))
    height = draws.uniform(1.1, 1.7)
    size = _CANDIDATES
    area = np.minimum(scenes.extent[:, :2] - WALL_MARGIN - 0.1, 7.5)[:, None]
    ground = draws.uniform(-1, 1, size=2 * size).reshape(-1, size, 2) * area
    position = np.stack([ground[..., 0], np.tile(-height, (1, size)), ground[..., 1]], axis=-1)
    yaw = _aim(draws, scenes, position) + np.radians(draws.uniform(-9, 9, size=size))
    score = _score(scenes, position, yaw) + draws.uniform(0, 0.6, size=size)
    best = score.argmax(axis=1)
    rows = np.arange(len(best))
    tilt = np.radians(draws.uniform(-5, 5)) * (draws.uniform() < 0.25)
    is_usual = draws.uniform() < 0.5
    fov = np.where(is_usual, USUAL_FOV, draws.uniform(50, 90))
    return Starts(
        position=position[rows, best], yaw=yaw[rows, best], pitch=tilt[:, 0], fov_degrees=fov[:, 0]
    )


def _aim(draws: Draws, scenes: Scenes, position: Array) -> Array:
    """Return yaws (B, K) towards an object, or along the longer way through the place."""
    num_objects = OBJECTS.stop - OBJECTS.start
    weights: Array = np.where(scenes.present[:, None, OBJECTS], 1.0, 1e-9)
    target = draws.choose(weights, size=_CANDIDATES)
    centre = np.take_along_axis(scenes.centre[:, OBJECTS], target[..., None] % num_objects, axis=1)
    to_object = np.arctan2(centre[..., 0] - position[..., 0], centre[..., 2] - position[..., 2])
    along_z = np.where(position[..., 2] > 0, np.pi, 0.0)
    along_x = np.where(position[..., 0] > 0, -np.pi / 2, np.pi / 2)
    is_long = (scenes.extent[:, 1] >= scenes.extent[:, 0])[:, None]
    to_depth = np.where(is_long, along_z, along_x)
    chance = np.where(scenes.family == CORRIDOR, 0.3, 0.75)[:, None]
    chance = chance * scenes.present[:, OBJECTS].any(axis=1, keepdims=True)
    return np.where(draws.uniform(size=_CANDIDATES) < chance, to_object, to_depth)


def _score(scenes: Scenes, position: Array, yaw: Array) -> Array:
    """Return how good a view is: things ahead at 2 to 6 m, free space, nothing in one's face."""
    offset = scenes.centre[:, None, OBJECTS] - position[:, :, None]
    distance = np.linalg.norm(offset[..., ::2], axis=-1)
    bearing = np.arctan2(offset[..., 0], offset[..., 2]) - yaw[..., None]
    bearing = np.abs((bearing + np.pi) % (2 * np.pi) - np.pi)
    gap = object_distances(scenes, position)
    is_here = scenes.present[:, None, OBJECTS].astype(np.float64)
    interest = np.exp(-(((distance - 4.4) / 2.2) ** 2) - (bearing / 0.42) ** 2)
    nearness = np.maximum(2.4 - gap, 0.0) * np.exp(-((bearing / 0.5) ** 2))
    ahead = np.minimum(wall_ahead(scenes, position, yaw), 9.0)
    is_free = (gap > OBJECT_MARGIN + 0.15).all(-1)
    score = ((interest - nearness) * is_here).sum(-1) + 0.3 * ahead
    return np.asarray(np.where(is_free, score, -100.0), dtype=np.float64)
