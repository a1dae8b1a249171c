"""Worlds by seed: rooms, corridors, halls, plains and courtyards with boxes, spheres and pillars.

World axes are OpenCV's (x right, y down, z forward), metres, floor at y = 0, so heights are
negative y. A world has S = 17 surfaces in fixed slots: floor, ceiling, four walls, 4 boxes,
3 spheres, 4 pillars; `present` says which exist. B is the number of worlds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from sanawm.worlds.draws import Array, Draws, Indices
from sanawm.worlds.materials import (
    BRICK,
    COLOUR_NAMES,
    HELD_OUT,
    MARBLED,
    PATTERN_NAMES,
    PATTERN_WEIGHTS,
    SURFACE_KINDS,
    TILED,
    palette,
)

Split = Literal["train", "held_out"]
Flags = npt.NDArray[np.bool_]

FAMILIES = ("room", "corridor", "hall", "plain", "courtyard")
ROOM, CORRIDOR, HALL, PLAIN_LAND, COURTYARD = range(5)
LIGHTS = ("neutral", "warm", "cold", "dim")
DECALS = ("none", "door", "window", "painting")

FLOOR, CEILING = 0, 1
WALLS = slice(2, 6)  # x-, x+, z-, z+
BOXES, SPHERES, PILLARS = slice(6, 10), slice(10, 13), slice(13, 17)
OBJECTS = slice(6, 17)
NUM_SURFACES = 17
KIND_OF_SLOT = np.array([1, 2, 0, 0, 0, 0, 3, 3, 3, 3, 4, 4, 4, 5, 5, 5, 5])  # in SURFACE_KINDS
FAR = 1000.0  # depth of the sky
HORIZON = 200.0  # where a plain ends

_FAMILY_WEIGHTS = (0.27, 0.13, 0.20, 0.20, 0.20)
# Per family: lowest and highest half width, half length, ceiling height, wall height.
_SIZES = np.array(
    [
        [[2.5, 4.0], [2.7, 4.6], [2.5, 3.3], [0, 0]],
        [[1.5, 2.0], [6.0, 10.0], [2.4, 3.1], [0, 0]],
        [[4.8, 7.0], [5.5, 9.0], [3.6, 5.2], [0, 0]],
        [[HORIZON, HORIZON], [HORIZON, HORIZON], [FAR, FAR], [0, 0]],
        [[4.2, 7.0], [4.8, 8.0], [FAR, FAR], [1.9, 3.2]],
    ]
)
# Per family: weights of 0, 1, 2, ... boxes, spheres, pillars.
_BOX_COUNTS = np.array(
    [[1, 3, 3, 1, 0], [1, 3, 3, 1, 0], [1, 3, 3, 1, 0], [0, 2, 4, 3, 2], [1, 3, 4, 3, 1]]
)
_SPHERE_COUNTS = np.array([[3, 4, 2, 0], [3, 4, 2, 0], [3, 4, 3, 1], [1, 4, 3, 2], [2, 4, 3, 1]])
_PILLAR_COUNTS = np.array(
    [[5, 2, 1, 0, 0], [4, 1, 2, 0, 1], [0, 0, 0, 0, 1], [4, 2, 2, 1, 1], [5, 1, 2, 0, 1]]
)
_SURFACE_COLOURS = {  # weights in the order of COLOUR_NAMES
    "wall": (1.2, 1.2, 1.2, 1, 1.1, 1.2, 0.8, 1, 0.7, 1.6, 0.8, 0.25),
    "floor": (0.7, 0.9, 0.7, 0.9, 0.9, 0.9, 0.5, 0.5, 1.8, 1.5, 1.6, 0.6),
    "ceiling": (0.05, 0.1, 0.3, 0.05, 0.1, 0.2, 0.05, 0.2, 0.2, 6, 2, 0.1),
    "box": (1.3, 1.3, 1.3, 1, 1.2, 1.3, 1.1, 1, 0.9, 1, 0.5, 0.6),
    "sphere": (1.3, 1.3, 1.3, 1, 1.2, 1.3, 1.1, 1, 0.5, 1.2, 0.4, 0.6),
    "pillar": (1, 1, 1, 0.8, 1, 1, 0.8, 0.8, 0.8, 2, 1.5, 0.5),
}
_GROUND_COLOURS = (0.3, 0.8, 1, 3, 0.7, 0.3, 0.2, 0.3, 2, 1.5, 1.5, 0.3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenes:
    """B worlds as arrays; (B, 17, ...) fields are per surface slot."""

    family: Indices  # (B,) in FAMILIES
    extent: Array  # (B, 4): half width, half length, ceiling height, wall height
    present: Flags  # (B, 17)
    centre: Array  # (B, 17, 3)
    half: Array  # (B, 17, 3): half sizes; radius, half height, radius of round things
    angle: Array  # (B, 17) turn about the vertical, radians
    colour: Indices  # (B, 17) in COLOUR_NAMES
    second_colour: Indices  # (B, 17)
    pattern: Indices  # (B, 17) in PATTERN_NAMES
    period: Array  # (B, 17)
    decal: Array  # (B, 4, 6) per wall: kind, centre u, v, half sizes u, v, repeat length
    decal_colour: Indices  # (B, 4)
    light: Indices  # (B,) in LIGHTS
    light_position: Array  # (B, 3); the sun is a lamp 1 km away
    fog: Array  # (B,) density per metre
    horizon: Array  # (B, 12): phases in [0, 1) of the distant hills and clouds

    @property
    def is_open(self) -> Flags:
        """Whether each world is under the sky."""
        return np.asarray(self.family >= PLAIN_LAND)

    def take(self, chosen: Any) -> Self:
        """Return the worlds at these indices."""
        return type(self)(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    def replaced(self, where: Indices, other: Self) -> Self:
        """Return these worlds with those at `where` taken from `other`, in order."""
        arrays = {f.name: getattr(self, f.name).copy() for f in fields(self)}
        for name, array in arrays.items():
            array[where] = getattr(other, name)
        return type(self)(**arrays)


def sample_scenes(seeds: Sequence[int] | Indices, split: Split, attempt: int = 0) -> Scenes:
    """Return the worlds of these seeds; another `attempt` gives other worlds of the same seed."""
    draws = Draws(seeds, stream=100 + 2 * attempt + (split == "held_out"))
    family = draws.choose(_FAMILY_WEIGHTS)[:, 0]
    sizes = _SIZES[family]
    extent = sizes[..., 0] + (sizes[..., 1] - sizes[..., 0]) * draws.uniform(size=4)
    is_open = family >= PLAIN_LAND
    extent[~is_open, 3] = extent[~is_open, 2]
    half, angle = _object_sizes(draws, family, extent)
    wanted = _object_counts(draws, family)
    ground, present = _place_objects(draws, family, extent, half, wanted)
    centre = np.stack([ground[..., 0], -half[:, 6:, 1], ground[..., 1]], axis=-1)
    shell_centre, shell_half, shell_present = _shell(family, extent)
    colour, second, pattern, period = _materials(draws, family, present, split)
    decal, decal_colour = _decals(draws, family, extent)
    light, position, fog = _lighting(draws, is_open, extent)
    half[:, :6] = shell_half
    return Scenes(
        family=family,
        extent=extent,
        present=np.concatenate([shell_present, present], axis=1),
        centre=np.concatenate([shell_centre, centre], axis=1),
        half=half,
        angle=angle,
        colour=colour,
        second_colour=second,
        pattern=pattern,
        period=period,
        decal=decal,
        decal_colour=decal_colour,
        light=light,
        light_position=position,
        fog=fog,
        horizon=draws.uniform(size=12),
    )


def _object_sizes(draws: Draws, family: Indices, extent: Array) -> tuple[Array, Array]:
    """Half sizes (B, 17, 3) and turns (B, 17) of all slots; those of the shell stay empty."""
    half = np.ones((len(family), NUM_SURFACES, 3))
    scale = np.array([1.0, 0.62, 1.25, 1.35, 1.2])[family][:, None]
    half[:, BOXES, 0] = scale * draws.uniform(0.25, 0.65, size=4)
    half[:, BOXES, 2] = scale * draws.uniform(0.25, 0.65, size=4)
    half[:, BOXES, 1] = scale * draws.uniform(0.22, 0.75, size=4)
    half[:, SPHERES] = (scale * draws.uniform(0.28, 0.6, size=3))[..., None]
    radius = scale * draws.uniform(0.18, 0.36)
    tall = np.where(extent[:, 2:3] < FAR, extent[:, 2:3], draws.uniform(2.6, 4.6, size=4))
    half[:, PILLARS, 0] = half[:, PILLARS, 2] = radius
    half[:, PILLARS, 1] = tall / 2
    angle = np.zeros((len(family), NUM_SURFACES))
    turned = draws.uniform(size=4) < 0.6
    angle[:, BOXES] = np.where(turned, draws.uniform(-np.pi / 4, np.pi / 4, size=4), 0.0)
    return half, angle


def _object_counts(draws: Draws, family: Indices) -> Flags:
    """Return which of the 11 object slots each world wants to fill."""
    parts = []
    for weights in (_BOX_COUNTS, _SPHERE_COUNTS, _PILLAR_COUNTS):
        count = draws.choose(weights[family][:, None])
        parts.append(np.arange(weights.shape[1] - 1) < count)
    return np.concatenate(parts, axis=1)


def _place_objects(
    draws: Draws, family: Indices, extent: Array, half: Array, wanted: Flags
) -> tuple[Array, Flags]:
    """Return where objects stand, (B, 11, 2) x and z, and which of the wanted found a place."""
    reach = footprint_radius(half)[:, OBJECTS]
    area = np.minimum(extent[:, :2], np.array([FAR, FAR, FAR, 6.0, FAR])[family][:, None])
    ground = np.zeros((len(family), 11, 2))
    present = np.zeros_like(wanted)
    rows = np.arange(len(family))
    for slot in (7, 8, 9, 10, 0, 4, 1, 5, 2, 6, 3):  # pillars first: a hall must have all four
        room = np.maximum(area - reach[:, slot, None] - 0.08, 0.0)
        spots = draws.uniform(-1.0, 1.0, size=24).reshape(-1, 12, 2)
        # In a corridor things stand along the walls, so that one can pass.
        along = np.where(spots[..., 0] < 0, -0.97, 0.97)
        spots[..., 0] = np.where(family[:, None] == CORRIDOR, along, spots[..., 0])
        if slot >= 7:
            corner = np.array([[-1, -1], [1, 1], [1, -1], [-1, 1]])[slot - 7]
            grid = corner * (0.42 + 0.16 * np.abs(spots[:, :1]))
            spots = np.where((family == HALL)[:, None, None], grid, spots)
        spots = spots * room[:, None]
        gaps = np.linalg.norm(spots[:, :, None] - ground[:, None], axis=-1)
        needed = reach[:, slot, None] + reach + np.where(family == CORRIDOR, 0.5, 0.8)[:, None]
        free = ((gaps > needed[:, None]) | ~present[:, None]).all(-1)
        chosen = free.argmax(axis=1)
        ground[:, slot] = spots[rows, chosen]
        present[:, slot] = wanted[:, slot] & free.any(axis=1)
    return ground, present


def footprint_radius(half: Array) -> Array:
    """Return the radius around each surface's centre that holds its footprint, (B, S)."""
    radius = half[..., 0].copy()
    radius[:, BOXES] = np.hypot(half[:, BOXES, 0], half[:, BOXES, 2])
    return radius


def _shell(family: Indices, extent: Array) -> tuple[Array, Array, Flags]:
    """Floor, ceiling and walls as slabs: huge but along the axis that they face."""
    centre = np.zeros((len(family), 6, 3))
    half = np.full((len(family), 6, 3), 1e6)
    centre[:, FLOOR, 1], half[:, FLOOR, 1] = -1.0, 1.0
    half[:, CEILING, 1] = extent[:, 2]
    half[:, 2:4, 0] = extent[:, None, 0]
    half[:, 4:6, 2] = extent[:, None, 1]
    present = np.ones((len(family), 6), dtype=np.bool_)
    present[:, CEILING] = family < PLAIN_LAND
    present[:, WALLS] = (family != PLAIN_LAND)[:, None]
    return centre, half, present


def _materials(
    draws: Draws, family: Indices, present: Flags, split: Split
) -> tuple[Indices, Indices, Indices, Array]:
    """Colour, second colour, pattern and period of every slot, each (B, 17)."""
    combos = np.empty((len(family), NUM_SURFACES), dtype=np.int64)
    unseen = np.empty_like(combos)
    forced = _forced_slot(draws, family, present)
    num_patterns = len(PATTERN_NAMES)
    for kind, name in enumerate(SURFACE_KINDS):
        slots = np.flatnonzero(kind == KIND_OF_SLOT)
        allowed = _combo_weights(family, name) * ~HELD_OUT[:, :, kind].reshape(1, -1)
        combos[:, slots] = draws.choose(allowed[:, None], size=len(slots))
        unseen[:, slots] = draws.choose(np.where(HELD_OUT[:, :, kind].reshape(-1), 1.0, 0.0))
    _share(combos, WALLS, draws.uniform(size=4) < np.array([1.0, 0.75, 0.75, 0.75]))
    _share(combos, PILLARS, draws.uniform() < 0.7)
    if split == "held_out":
        combos = np.where(forced, unseen, combos)
    colour, pattern = combos // num_patterns, combos % num_patterns
    low, high = np.where(KIND_OF_SLOT < 3, [[1.2], [2.2]], [[0.6], [0.95]])
    period = draws.uniform(low, high, size=NUM_SURFACES)
    period[:, WALLS] = period[:, 2:3]
    period = np.where(pattern == TILED, np.maximum(0.6 * period, 0.5), period)
    period = np.where(pattern == BRICK, np.maximum(0.7 * period, 0.7), period)
    return colour, _second_colours(draws, colour, pattern), pattern, period


def _share(combos: Indices, slots: slice, is_shared: Flags) -> None:
    """Give slots of a group the material of its first, where so decided."""
    combos[:, slots] = np.where(is_shared, combos[:, slots.start, None], combos[:, slots])


def _combo_weights(family: Indices, kind: str) -> Array:
    """Return the weight of every colour and pattern, (B, colours * patterns)."""
    patterns = PATTERN_WEIGHTS[kind]
    colours = np.tile(np.array(_SURFACE_COLOURS[kind], dtype=np.float64), (len(family), 1))
    if kind == "floor":
        colours[family == PLAIN_LAND] = _GROUND_COLOURS
    weights = colours[:, :, None] * np.array(patterns)
    return np.asarray(weights.reshape(len(family), -1), dtype=np.float64)


def _forced_slot(draws: Draws, family: Indices, present: Flags) -> Flags:
    """Choose the surface that carries a held-out combination: walls, floor or an object."""
    forced = np.zeros((len(family), NUM_SURFACES), dtype=np.bool_)
    role = draws.choose((1.0, 1.0, 2.0))[:, 0]
    role = np.where((role == 0) & (family == PLAIN_LAND), 1, role)
    role = np.where((role == 2) & ~present.any(axis=1), 1, role)
    forced[:, WALLS] = (role == 0)[:, None]
    forced[:, FLOOR] = role == 1
    forced[np.arange(len(family)), 6 + present.argmax(axis=1)] |= role == 2
    return forced


def _second_colours(draws: Draws, colour: Indices, pattern: Indices) -> Indices:
    """Return a partner for every colour: one far enough in brightness, joints in neutrals."""
    brightness = palette().mean(axis=1) ** 0.5
    contrast = np.abs(brightness[:, None] - brightness[None])
    weights = np.where(contrast > 0.18, 1.0, 0.0) + 1e-6
    weights[:, COLOUR_NAMES.index("white")] *= 2.5
    neutral = np.array([name in ("white", "grey", "black") for name in COLOUR_NAMES])
    joints = np.where(neutral, weights, 0.0) * np.where(np.arange(12) == 11, 0.3, 1.0)
    has_joints = (pattern == TILED) | (pattern == BRICK) | (pattern == MARBLED)
    table = np.where(has_joints[..., None], joints[colour], weights[colour])
    edges = np.cumsum(table, axis=-1) / table.sum(-1, keepdims=True)
    picks = draws.uniform(size=NUM_SURFACES)[..., None]
    return np.asarray((picks >= edges).sum(-1), dtype=np.int64)


def _decals(draws: Draws, family: Indices, extent: Array) -> tuple[Array, Indices]:
    """Doors, windows and paintings: one kind per wall, repeated along long walls."""
    fits = (extent[:, 3:4] > 2.35) & (family != PLAIN_LAND)[:, None]
    kind = np.where(fits, draws.choose((0.45, 0.2, 0.17, 0.18), size=4), 0)
    kind = np.where((family == COURTYARD)[:, None] & (kind == 3), 1, kind)
    length = np.stack([extent[:, 1], extent[:, 1], extent[:, 0], extent[:, 0]], axis=1)
    half_u = np.array([0.0, 0.46, 0.0, 0.0])[kind]
    half_u = np.where(kind >= 2, draws.uniform(0.4, 0.85, size=4), half_u)
    half_v = np.array([0.0, 1.03, 0.5, 0.42])[kind]
    centre_v = np.array([0.0, -1.03, -1.55, -1.55])[kind]
    count = np.maximum(np.floor(2 * length / draws.uniform(3.2, 5.0, size=4)), 1.0)
    offset = draws.uniform(-1.0, 1.0, size=4) * np.maximum(length - half_u - 0.4, 0.0)
    offset = np.where(count > 1, 0.0, offset)
    # An odd count puts one in the middle, so that none is cut by a corner.
    count = count - (count % 2 == 0)
    repeat = np.where(count > 1, 2 * length / count, 1e6)
    decal = np.stack([kind, offset, centre_v, half_u, half_v, repeat], axis=-1)
    return decal, draws.choose((1, 1, 1, 1, 1, 1, 1, 1, 3, 2, 1, 1), size=4)


def _lighting(draws: Draws, is_open: Flags, extent: Array) -> tuple[Indices, Array, Array]:
    """Kind of light, where the lamp or sun is, and how dense the fog."""
    light = draws.choose((0.4, 0.28, 0.2, 0.12))[:, 0]
    spot = draws.uniform(-0.5, 0.5, size=2) * np.minimum(extent[:, :2], 8.0)
    lamp = np.stack([spot[:, 0], 0.35 - extent[:, 2], spot[:, 1]], axis=1)
    azimuth = draws.uniform(0, 2 * np.pi)[:, 0]
    height = draws.uniform(0.55, 1.1)[:, 0]
    flat = np.cos(height)
    sun = np.stack([flat * np.cos(azimuth), -np.sin(height), flat * np.sin(azimuth)], axis=1)
    chance, density = draws.uniform()[:, 0], draws.uniform()[:, 0]
    inside = np.where(chance < 0.12, 0.03 + 0.05 * density, 0.0)
    outside = np.where(chance < 0.3, 0.025 + 0.045 * density, 0.004 + 0.004 * density)
    position = np.where(is_open[:, None], FAR * sun, lamp)
    return light, position, np.where(is_open, outside, inside)
