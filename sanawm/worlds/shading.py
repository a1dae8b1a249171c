"""The colour of what a ray met: pattern filtered by the pixel's footprint, light, shadow, fog.

All colours are linear-light with gamma 2. Shapes as in `tracing`: S worlds, F frames, P pixels;
R rows of the surface table. Colours are tuples of three (S, F, P) tensors.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from sanawm.worlds.tracing import Rays, Vector, turned

# Rows of the table that is gathered per pixel.
CENTRE, HALF, COS, SIN, IS_SPHERE, IS_PILLAR, BASE, CONTRAST = 0, 3, 6, 7, 8, 9, 10, 13
FREQUENCY, DUTY, ROW_SHIFT, BLEND, DECAL, DECAL_COLOUR, FRAME, GLOW = 16, 18, 20, 21, 25, 30, 33, 34
NUM_ROWS = 35


def surface_colour(
    rows: tuple[Tensor, ...], hit: Rays, depth_SFP: Tensor, axes: Rays
) -> tuple[Vector, Vector, Tensor]:
    """Return linear colour, world normal and glow of the met surfaces.

    `hit.origin` is where, `hit.direction` the ray; `axes` holds the change of the ray's
    direction by one pixel to the right (`origin`) and by one down (`direction`).
    """
    cos, sin = rows[COS], rows[SIN]
    point = turned(tuple3(p - c for p, c in zip(hit.origin, rows[:3], strict=True)), cos, sin)
    ray = turned(hit.direction, cos, sin)
    normal = _normal(rows, point, ray)
    u, v, along = _coordinates(rows, point, normal)
    facing = _dot(normal, ray)
    spread_u, spread_v = _footprint(axes, (cos, sin), ray, normal, facing, along)
    spread_u, spread_v = spread_u * depth_SFP, spread_v * depth_SFP
    colour = _pattern(rows, u, v, spread_u, spread_v)
    colour, glow = _decal(rows, colour, u, v, spread_u + spread_v)
    return colour, turned(normal, cos, -sin), glow


def tuple3(parts: Iterable[Tensor]) -> Vector:
    """Return an iterable of three tensors as a vector."""
    x, y, z = parts
    return x, y, z


def _dot(a: Vector, b: Vector) -> Tensor:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _normal(rows: tuple[Tensor, ...], point: Vector, ray: Vector) -> Vector:
    """Return the unit normal on the side that the ray comes from, in the surface's own axes."""
    x, y, z = (p / h for p, h in zip(point, rows[HALF : HALF + 3], strict=True))
    is_sphere, is_pillar = rows[IS_SPHERE] > 0, rows[IS_PILLAR] > 0
    far_x, far_y, far_z = x.abs(), y.abs(), z.abs()
    is_x = (far_x >= far_y) & (far_x >= far_z)
    is_y = ~is_x & (far_y >= far_z)
    is_round = is_sphere | is_pillar
    flat_x = torch.where(is_x, -torch.sign(ray[0]), 0.0)
    flat_y = torch.where(is_y, -torch.sign(ray[1]), 0.0)
    flat_z = torch.where(is_x | is_y, 0.0, -torch.sign(ray[2]))
    return (
        torch.where(is_round, x, flat_x),
        torch.where(is_sphere, y, torch.where(is_pillar, 0.0, flat_y)),
        torch.where(is_round, z, flat_z),
    )


def _coordinates(
    rows: tuple[Tensor, ...], point: Vector, normal: Vector
) -> tuple[Tensor, Tensor, tuple[Vector, Vector]]:
    """Return u, v on the surface and their gradients, (along u, along v).

    Flat: metres. Round: turns about the vertical, and metres of height.
    """
    x, y, z = point
    is_round = (rows[IS_SPHERE] + rows[IS_PILLAR]) > 0
    is_x = normal[0].abs() > 0.5
    is_y = normal[1].abs() > 0.5
    around = 2.0 * math.pi * (x * x + z * z).clamp_min(1e-6)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    u = torch.where(is_round, torch.atan2(z, x) / (2.0 * math.pi), torch.where(is_x, z, x))
    is_level = is_y & ~is_round
    v = torch.where(is_level, z, y)
    u_x = torch.where(is_round, -z / around, torch.where(is_x, zero, one))
    u_z = torch.where(is_round, x / around, torch.where(is_x, one, zero))
    v_y = torch.where(is_level, zero, one)
    return u, v, ((u_x, zero, u_z), (zero, v_y, one - v_y))


def _footprint(
    axes: Rays,
    turn: tuple[Tensor, Tensor],
    ray: Vector,
    normal: Vector,
    facing: Tensor,
    along: tuple[Vector, Vector],
) -> tuple[Tensor, Tensor]:
    """Return how much u and v change over one pixel, to first order on the tangent plane."""
    facing = torch.where(facing.abs() < 1e-4, -1e-4, facing)
    spread_u = torch.zeros_like(facing)
    spread_v = torch.zeros_like(facing)
    for step in (axes.origin, axes.direction):
        moved = turned(step, *turn)
        slip = _dot(moved, normal) / facing
        change = tuple3(m - r * slip for m, r in zip(moved, ray, strict=True))
        spread_u = spread_u + (change[0] * along[0][0] + change[2] * along[0][2]).abs()
        spread_v = spread_v + (change[1] * along[1][1] + change[2] * along[1][2]).abs()
    return spread_u, spread_v


def pulse(x: Tensor, width: Tensor, duty: Tensor) -> Tensor:
    """Return the average over `width` of a wave that is 1 in the first `duty` of each period."""
    left, right = x - 0.5 * width, x + 0.5 * width
    floor_left, floor_right = torch.floor(left), torch.floor(right)
    whole = (floor_right - floor_left) * duty
    ends = torch.minimum(right - floor_right, duty) - torch.minimum(left - floor_left, duty)
    return (whole + ends) / width


def _pattern(
    rows: tuple[Tensor, ...], u: Tensor, v: Tensor, spread_u: Tensor, spread_v: Tensor
) -> Vector:
    """Blend the two colours of a surface by its pattern, averaged over the pixel."""
    across, up = u * rows[FREQUENCY], v * rows[FREQUENCY + 1]
    width_u = (spread_u * rows[FREQUENCY]).clamp(0.01, 8.0)
    width_v = (spread_v * rows[FREQUENCY + 1]).clamp(0.01, 8.0)
    pulse_v = pulse(up, width_v, rows[DUTY + 1])
    pulse_u = pulse(across + rows[ROW_SHIFT] * torch.floor(up), width_u, rows[DUTY])
    turn = 2.0 * math.pi
    swirl = 2.4 * torch.sin(0.8 * turn * up + 1.0) + torch.sin(turn * (across + 1.7 * up))
    calm = 1.0 / (1.0 + (2.0 * (width_u + 2.0 * width_v)) ** 2)
    marble = 0.5 + 0.5 * calm * torch.sin(turn * across + swirl)
    a, b, c, m = rows[BLEND : BLEND + 4]
    blend = a * pulse_u + b * pulse_v + c * pulse_u * pulse_v + m * marble
    return tuple3(rows[BASE + i] + blend * rows[CONTRAST + i] for i in range(3))


def _decal(
    rows: tuple[Tensor, ...], colour: Vector, u: Tensor, v: Tensor, spread: Tensor
) -> tuple[Vector, Tensor]:
    """Put the wall's door, window or painting over its pattern; windows glow."""
    centre_u, centre_v, half_u, half_v, repeat = rows[DECAL : DECAL + 5]
    u = u - centre_u
    u = u - repeat * torch.round(u / repeat)
    inside = torch.minimum(half_u - u.abs(), half_v - (v - centre_v).abs())
    sharpness = 1.0 / spread.clamp_min(0.01)
    has_decal = half_u > 0
    panel = torch.where(has_decal, (inside * sharpness + 0.5).clamp(0, 1), 0.0)
    framed = torch.where(has_decal, ((inside + 0.09) * sharpness + 0.5).clamp(0, 1), 0.0)
    mixed = []
    for base, paint in zip(colour, rows[DECAL_COLOUR : DECAL_COLOUR + 3], strict=True):
        base = base + framed * (rows[FRAME] - base)
        mixed.append(base + panel * (paint - base))
    return tuple3(mixed), panel * rows[GLOW]
