"""Where rays meet a world's surfaces: exact distances, no meshes, no steps.

Rays are o + t d with d's camera-axis part equal to 1, so t is the z-depth. Shapes: S worlds,
F frames each, P pixels of a frame; `Rays.origin` is (S, F, 1) or (S, F, P) per axis, directions
(S, F, P). World numbers are (S, 1, 1). One vector is a tuple of three tensors.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from sanawm.worlds.scene import BOXES, CEILING, FLOOR, PILLARS, SPHERES

Vector = tuple[Tensor, Tensor, Tensor]
NEAREST = 1e-3  # hits closer than this are the surface the ray left


@dataclass(frozen=True, kw_only=True, slots=True)
class Rays:
    """Rays from one origin per frame, or one per pixel."""

    origin: Vector
    direction: Vector


@dataclass(frozen=True, kw_only=True, slots=True)
class Solids:
    """What rays can hit, as scalars per world; absent slots are left out."""

    extent: tuple[Tensor, Tensor, Tensor]  # half width, half length, ceiling height
    objects: tuple[tuple[int, Vector, Vector, Tensor, Tensor], ...]  # slot, centre, half, cos, sin


def trace_shell(solids: Solids, rays: Rays) -> tuple[Tensor, Tensor]:
    """Return the depth (S, F, P) and slot (S, F, P) of floor, ceiling or wall, from inside."""
    width, length, height = solids.extent
    (ox, oy, oz), (dx, dy, dz) = rays.origin, rays.direction
    to_x = (torch.where(dx < 0, -width, width) - ox) / dx
    to_z = (torch.where(dz < 0, -length, length) - oz) / dz
    is_down = dy > 0
    to_y = (torch.where(is_down, 0.0, -height) - oy) / dy
    depth_SFP = torch.minimum(torch.minimum(to_x, to_z), to_y)
    slot_SFP = torch.where(dx < 0, 2.0, 3.0)
    slot_SFP = torch.where(to_z < to_x, torch.where(dz < 0, 4.0, 5.0), slot_SFP)
    vertical = torch.where(is_down, float(FLOOR), float(CEILING))
    return depth_SFP, torch.where(to_y <= depth_SFP, vertical, slot_SFP)


def trace_objects(
    solids: Solids, rays: Rays, depth_SFP: Tensor, slot_SFP: Tensor
) -> tuple[Tensor, Tensor]:
    """Return depth and slot after boxes, spheres and pillars had their turn."""
    dx, dy, dz = rays.direction
    flat = dx * dx + dz * dz
    whole = flat + dy * dy
    for slot, centre, half, cos, sin in solids.objects:
        start = tuple(o - c for o, c in zip(rays.origin, centre, strict=True))
        ray = Rays(origin=(start[0], start[1], start[2]), direction=rays.direction)
        if BOXES.start <= slot < BOXES.stop:
            hit_SFP = _box(ray, half, cos, sin)
        elif SPHERES.start <= slot < SPHERES.stop:
            hit_SFP = _sphere(ray, half, whole)
        else:
            assert PILLARS.start <= slot < PILLARS.stop
            hit_SFP = _pillar(ray, half, flat)
        is_closer = (hit_SFP > NEAREST) & (hit_SFP < depth_SFP)
        depth_SFP = torch.where(is_closer, hit_SFP, depth_SFP)
        slot_SFP = torch.where(is_closer, float(slot), slot_SFP)
    return depth_SFP, slot_SFP


def turned(vector: Vector, cos: Tensor, sin: Tensor) -> Vector:
    """Return a world vector in the axes of a thing turned about the vertical."""
    x, y, z = vector
    return cos * x - sin * z, y, sin * x + cos * z


def _box(ray: Rays, half: Vector, cos: Tensor, sin: Tensor) -> Tensor:
    origin, direction = turned(ray.origin, cos, sin), turned(ray.direction, cos, sin)
    enter, leave = None, None
    for o, d, h in zip(origin, direction, half, strict=True):
        inverse = 1.0 / d
        middle, spread = o * inverse, h * inverse.abs()
        first, last = -middle - spread, spread - middle
        enter = first if enter is None else torch.maximum(enter, first)
        leave = last if leave is None else torch.minimum(leave, last)
    assert enter is not None
    assert leave is not None
    return torch.where(enter < leave, enter, -1.0)


def _sphere(ray: Rays, half: Vector, whole: Tensor) -> Tensor:
    (ox, oy, oz), (dx, dy, dz) = ray.origin, ray.direction
    slope = ox * dx + oy * dy + oz * dz
    rest = ox * ox + oy * oy + oz * oz - half[0] * half[0]
    return _first_root(whole, slope, rest)


def _pillar(ray: Rays, half: Vector, flat: Tensor) -> Tensor:
    (ox, oy, oz), (dx, dy, dz) = ray.origin, ray.direction
    slope = ox * dx + oz * dz
    rest = ox * ox + oz * oz - half[0] * half[0]
    root = _first_root(flat, slope, rest)
    return torch.where((oy + root * dy).abs() <= half[1], root, -1.0)


def _first_root(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Return the smaller root of a t^2 + 2 b t + c, or -1 where there is none."""
    under = b * b - a * c
    return torch.where(under > 0, (-b - under.clamp_min(0).sqrt()) / a, -1.0)


def is_sky(rays: Rays, wall_height: Tensor, depth_SFP: Tensor, slot_SFP: Tensor) -> Tensor:
    """Return where a ray of an open world leaves above its walls."""
    height = -(rays.origin[1] + depth_SFP * rays.direction[1])
    leaves = (slot_SFP > FLOOR) & (slot_SFP < BOXES.start)
    return leaves & ((slot_SFP == CEILING) | (height > wall_height))
