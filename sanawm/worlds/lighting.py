"""Light on surfaces, and the sky: lamps and suns, shadows, dark corners, fog, hills and clouds.

Colours are linear-light with gamma 2, as tuples of three (S, F, P) tensors. Numbers of a world
are (S, 1, 1). Letters as in `tracing`.
"""

import math

import torch
from torch import Tensor

from sanawm.worlds.scene import BOXES, SPHERES
from sanawm.worlds.tracing import Rays, Solids, Vector, trace_objects, turned

# By kind of light: tint of lamp or sun, and strength of all light. Neutral, warm, cold, dim.
TINTS = ((1.0, 1.0, 1.0), (1.12, 0.97, 0.76), (0.86, 0.98, 1.14), (1.0, 0.96, 0.94))
STRENGTHS = (1.0, 1.0, 0.95, 0.5)
ZENITHS = ((92, 150, 216), (118, 146, 200), (134, 164, 192), (58, 70, 118))
HORIZONS = ((204, 224, 236), (250, 214, 172), (208, 220, 228), (158, 136, 156))
HILLS = ((116, 144, 156), (170, 136, 128), (128, 148, 160), (74, 72, 104))


def shade(
    colour: Vector,
    normal: Vector,
    point: Vector,
    solids: Solids,
    lamp: tuple[Vector, Vector, Tensor],
) -> Vector:
    """Return a surface's colour under the lamp (where, its colour, how fast it fades)."""
    where, tint, fading = lamp
    to_lamp = (where[0] - point[0], where[1] - point[1], where[2] - point[2])
    squared = to_lamp[0] ** 2 + to_lamp[1] ** 2 + to_lamp[2] ** 2
    cosine = normal[0] * to_lamp[0] + normal[1] * to_lamp[1] + normal[2] * to_lamp[2]
    lambert = (0.15 + 0.85 * cosine * torch.rsqrt(squared)).clamp_min(0)
    lit = lambert / (1.0 + fading * squared) * (1.0 - shadow(solids, point, normal, to_lamp))
    soft = (0.82 - 0.18 * normal[1]) * corners(solids, point, normal)
    soft = soft * contact(solids, point, normal)
    r, g, b = (
        c * (0.5 * soft * (0.5 + 0.5 * t) + 0.62 * lit * t)
        for c, t in zip(colour, tint, strict=True)
    )
    return r, g, b


def shadow(solids: Solids, point: Vector, normal: Vector, to_lamp: Vector) -> Tensor:
    """Return 1 where an object stands between the point and the lamp, else 0."""
    x, y, z = (p + 0.01 * n for p, n in zip(point, normal, strict=True))
    limit = torch.ones_like(x)
    depth, _ = trace_objects(solids, Rays(origin=(x, y, z), direction=to_lamp), limit, limit)
    return (depth < 1.0).float()


def corners(solids: Solids, point: Vector, normal: Vector) -> Tensor:
    """Return how much light reaches a point near the floor, the walls and the ceiling."""
    width, length, height = solids.extent
    gaps = (width - point[0].abs(), length - point[2].abs())
    open_part = torch.ones_like(point[0])
    for gap, facing in zip(gaps, (normal[0], normal[2]), strict=True):
        open_part = open_part * (1.0 - 0.3 * _fading(2.0 * gap) * (1.0 - facing.abs()))
    level = 1.0 - normal[1].abs()
    near = _fading(-2.0 * point[1]) + _fading(2.0 * (height + point[1]))
    return open_part * (1.0 - 0.3 * near * level)


def _fading(distance: Tensor) -> Tensor:
    """Return 1 at no distance, a quarter at 1, less beyond: cheaper than an exponential."""
    root = 1.0 / (1.0 + distance)
    return root * root


def contact(solids: Solids, point: Vector, normal: Vector) -> Tensor:
    """Return how much light reaches the floor beside the feet of objects."""
    open_part = torch.ones_like(point[0])
    for slot, centre, half, cos, sin in solids.objects:
        x, _, z = turned((point[0] - centre[0], point[1], point[2] - centre[2]), cos, sin)
        if BOXES.start <= slot < BOXES.stop:
            gap_x, gap_z = (x.abs() - half[0]).clamp_min(0), (z.abs() - half[2]).clamp_min(0)
            gap = gap_x * gap_x + gap_z * gap_z
        else:
            inner = 0.45 if SPHERES.start <= slot < SPHERES.stop else 1.0
            gap = ((x * x + z * z).sqrt() - inner * half[0]).clamp_min(0) ** 2
        reach = 0.12 + 0.35 * half[0]
        open_part = open_part * (1.0 - 0.5 * _fading(gap / (reach * reach)))
    is_floor = ((normal[1] < -0.9) & (point[1] > -0.02)).float()
    return 1.0 + is_floor * (open_part - 1.0)


def sky_colour(direction: Vector, palette_SC: Tensor, phase_SC: Tensor, pixel: Tensor) -> Vector:
    """Return the sky in these directions, with clouds and two rows of far hills.

    `palette_SC` holds zenith, horizon and hill colours (9), `phase_SC` 12 phases in [0, 1);
    `pixel` is the angle of a pixel, over which edges are softened.
    """
    dx, dy, dz = direction
    flat = (dx * dx + dz * dz).clamp_min(1e-8).sqrt()
    rise = -dy / flat
    azimuth = torch.atan2(dx, dz)
    phase = tuple(2.0 * math.pi * p.view(-1, 1, 1) for p in phase_SC.unbind(1))
    paint = tuple(p.view(-1, 1, 1) for p in palette_SC.unbind(1))
    height = rise.clamp(0, 4) / (0.45 + rise.clamp(0, 4))
    cloud = _clouds(dx, dz, flat * rise.clamp_min(0), phase)
    far = _hills(azimuth, phase[:3], 0.10)
    near = _hills(azimuth, phase[3:6], 0.05)
    over_far = ((far - rise) / pixel + 0.5).clamp(0, 1)
    over_near = ((near - rise) / pixel + 0.5).clamp(0, 1)
    mixed = []
    for channel in range(3):
        zenith, horizon, hill = paint[channel], paint[3 + channel], paint[6 + channel]
        tone = horizon + height * (zenith - horizon)
        tone = tone + cloud * (0.92 - tone)
        tone = tone + over_far * (0.45 * horizon + 0.55 * hill - tone)
        mixed.append(tone + over_near * (0.1 * horizon + 0.9 * hill - tone))
    return mixed[0], mixed[1], mixed[2]


def _hills(azimuth: Tensor, phase: tuple[Tensor, ...], height: float) -> Tensor:
    wave = torch.sin(2 * azimuth + phase[0]) + 0.6 * torch.sin(5 * azimuth + phase[1])
    return height * (1.0 + 0.55 * wave + 0.2 * torch.sin(11 * azimuth + phase[2]))


def _clouds(dx: Tensor, dz: Tensor, up: Tensor, phase: tuple[Tensor, ...]) -> Tensor:
    """Return soft cloud cover in [0, 1) on a far level sheet, thinning towards the horizon."""
    scale = 1.0 / (up + 0.25)
    x, z = dx * scale, dz * scale
    wave = torch.sin(1.3 * x + 1.1 * z + phase[6]) + torch.sin(2.1 * z - 1.2 * x + phase[7])
    wave = wave + 0.6 * torch.sin(3.3 * x + 0.9 * z + phase[8] + 0.8 * wave)
    return 0.75 * ((wave - 0.3) * 0.5).clamp(0, 1) * (4.0 * up).clamp(0, 1)
