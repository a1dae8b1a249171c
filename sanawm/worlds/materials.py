"""Colours and patterns of surfaces, and which combinations training never sees.

A pattern is a blend between two colours, written with two filtered pulse waves along the surface
(`across`, `up`) and one marble wave, so one formula with per-surface coefficients draws them all:
    blend = a*pu + b*pv + c*pu*pv + m*marble
Lengths are metres, colours linear-light RGB in [0, 1]. B worlds, S surfaces.
"""

import numpy as np
import numpy.typing as npt

from sanawm.worlds.draws import Array, Indices, mix_bits

COLOURS: dict[str, tuple[int, int, int]] = {  # as shown on a screen, sRGB
    "red": (205, 62, 54),
    "orange": (234, 138, 52),
    "yellow": (240, 201, 75),
    "green": (86, 154, 82),
    "teal": (48, 150, 148),
    "blue": (62, 108, 190),
    "purple": (126, 86, 168),
    "pink": (232, 146, 164),
    "brown": (136, 96, 68),
    "white": (240, 236, 226),
    "grey": (150, 152, 154),
    "black": (52, 54, 60),
}
COLOUR_NAMES = tuple(COLOURS)
PATTERN_NAMES = ("plain", "checkerboard", "brick", "striped", "tiled", "marbled")
SURFACE_KINDS = ("wall", "floor", "ceiling", "box", "sphere", "pillar")

# Fine patterns are hard for small networks: large plain, tiled and checkered areas lead.
_SMALL = (0.58, 0.12, 0.04, 0.14, 0.04, 0.08)
PATTERN_WEIGHTS = {
    "wall": (0.44, 0.12, 0.12, 0.09, 0.17, 0.06),
    "floor": (0.26, 0.26, 0.08, 0.10, 0.22, 0.08),
    "ceiling": (0.80, 0.06, 0.02, 0.05, 0.06, 0.01),
    "box": _SMALL,
    "sphere": _SMALL,
    "pillar": _SMALL,
}

PLAIN, CHECKERBOARD, BRICK, STRIPED, TILED, MARBLED = range(6)
# a, b, c, m of the blend
_BLEND = np.array(
    [[0, 0, 0, 0], [1, 1, -2, 0], [1, 1, -1, 0], [1, 0, 0, 0], [1, 1, -1, 0], [0, 0, 0, 1]],
    dtype=np.float64,
)
_JOINT = 0.07  # metres of mortar or grout between bricks and tiles
_HELD_OUT_SHARE = 20  # one combination in this many is kept for evaluation


def palette() -> Array:
    """Return (colours, 3) linear-light values; the renderer's gamma is 2."""
    return (np.array([COLOURS[name] for name in COLOUR_NAMES], dtype=np.float64) / 255.0) ** 2


def _held_out_table() -> npt.NDArray[np.bool_]:
    shape = (len(COLOUR_NAMES), len(PATTERN_NAMES), len(SURFACE_KINDS))
    ranks = np.argsort(mix_bits(np.arange(1, np.prod(shape) + 1, dtype=np.uint64)))
    table = np.zeros(int(np.prod(shape)), dtype=np.bool_)
    table[ranks[: len(ranks) // _HELD_OUT_SHARE]] = True
    return table.reshape(shape)


# (colour, pattern, kind) -> True when only held-out worlds contain it
HELD_OUT = _held_out_table()


def pattern_coefficients(pattern_BS: Indices, period_BS: Array, turns_BS: Array) -> Array:
    """Return (B, S, 9): frequency u, v, duty u, v, row shift, then the four blend weights.

    `turns_BS` is the number of periods around a round surface, whose u counts turns; 0 on flat
    surfaces, whose u is metres.
    """
    is_brick = pattern_BS == BRICK
    frequency_v = np.where(is_brick, 2.0, 1.0) / period_BS
    frequency_u = np.where(turns_BS > 0, turns_BS, 1.0 / period_BS)
    has_joints = is_brick | (pattern_BS == TILED)
    duty_u = np.where(has_joints, _JOINT / period_BS, 0.5)
    duty_v = np.where(has_joints, _JOINT * frequency_v, 0.5)
    shift = np.where(is_brick, 0.5, 0.0)
    own = np.stack([frequency_u, frequency_v, duty_u, duty_v, shift], axis=-1)
    return np.concatenate([own, _BLEND[pattern_BS]], axis=-1)
