"""Pictures and depth of worlds along camera paths, by casting one ray per pixel (or four).

Worlds, frames and pixels are chunked: on a CPU one world and few enough pixels that temporaries
stay in the cache, which also makes a clip the same whatever it is batched with; on a GPU many
worlds at once. B clips, F frames, H rows, W columns; S, P as in `tracing`. Depth is along the
camera's forward axis, in metres; the sky is at `scene.FAR`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from sanawm.worlds import lighting, shading
from sanawm.worlds.draws import Array
from sanawm.worlds.materials import palette, pattern_coefficients
from sanawm.worlds.scene import DECALS, FAR, NUM_SURFACES, OBJECTS, PILLARS, SPHERES, WALLS, Scenes
from sanawm.worlds.tracing import Rays, Solids, Vector, is_sky, trace_objects, trace_shell

CPU_RAYS = 16_384
GPU_RAYS = 4_194_304


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldTensors:
    """Worlds as the renderer wants them; first axis S everywhere."""

    solids: Solids
    table_SRN: Tensor  # rows of `shading`, one column per surface slot
    wall_height: Tensor  # (S, 1, 1)
    lamp: tuple[Vector, Vector, Tensor]
    fog: Tensor
    haze: Vector
    has_sky: Tensor  # (S, 1, 1) bool
    any_sky: bool
    sky_SC: Tensor
    phase_SC: Tensor


def render(
    scenes: Scenes,
    c2w_BF44: Array,
    intrinsics_BF4: Array,
    *,
    height: int,
    width: int,
    supersample: int = 1,
    device: str | torch.device = "cpu",
) -> tuple[Tensor, Tensor]:
    """Return frames (B, F, H, W, 3) uint8 and depth (B, F, H, W) float32 on `device`.

    `c2w_BF44` are poses in the world; `intrinsics_BF4` are fx, fy, cx, cy in pixels of the
    frames, pixel (0, 0) having its centre at (0, 0).
    """
    assert supersample in (1, 2), "one or four rays per pixel"
    poses = torch.as_tensor(c2w_BF44, dtype=torch.float32, device=device)
    lens = torch.as_tensor(intrinsics_BF4, dtype=torch.float32, device=device)
    num_clips, num_frames = poses.shape[:2]
    frames = torch.empty(
        (num_clips, num_frames, height, width, 3), dtype=torch.uint8, device=device
    )
    depth = torch.empty((num_clips, num_frames, height, width), device=device)
    budget = CPU_RAYS if poses.device.type == "cpu" else GPU_RAYS
    rays_per_frame = height * width * supersample**2
    group = 1 if poses.device.type == "cpu" else max(1, budget // (rays_per_frame * num_frames))
    frame_step = max(1, min(num_frames, budget // (rays_per_frame * group)))
    row_step = max(1, min(height, budget // (rays_per_frame // height)))
    for first in range(0, num_clips, group):
        clips = slice(first, first + group)
        world = world_tensors(scenes.take(clips), poses.device)
        for start in range(0, num_frames, frame_step):
            part = (clips, slice(start, start + frame_step))
            for top in range(0, height, row_step):
                rows = slice(top, min(top + row_step, height))
                band = _render_band(world, poses[part], lens[part], rows, width, supersample)
                frames[part][:, :, rows], depth[part][:, :, rows] = band
    return frames, depth


def _render_band(
    world: WorldTensors, c2w_SF44: Tensor, lens_SF4: Tensor, rows: slice, width: int, fine: int
) -> tuple[Tensor, Tensor]:
    """Draw some rows of some frames: (S, F, h, W, 3) uint8 and (S, F, h, W)."""
    shape = (*c2w_SF44.shape[:2], rows.stop - rows.start, width)
    if fine == 1:
        colour, depth = cast(world, c2w_SF44, lens_SF4, rows, width)
        return _to_bytes(torch.stack(colour, dim=-1)).view(*shape, 3), depth.view(shape)
    # The finer grid has pixel 2u + 1/2 where the coarse has u.
    finer = lens_SF4 * 2.0 + torch.tensor([0.0, 0.0, 0.5, 0.5], device=lens_SF4.device)
    fine_rows = slice(2 * rows.start, 2 * rows.stop)
    colour, _ = cast(world, c2w_SF44, finer, fine_rows, 2 * width)
    picture = torch.stack(colour, dim=2).view(-1, 3, 2 * shape[2], 2 * width)
    picture = avg_pool2d(picture, 2).view(shape[0], shape[1], 3, shape[2], width)
    rays, _ = camera_rays(c2w_SF44, lens_SF4, rows, width)
    depth, _ = _trace(world, rays)
    return _to_bytes(picture.permute(0, 1, 3, 4, 2)), depth.view(shape)


def _to_bytes(linear: Tensor) -> Tensor:
    return (linear.clamp(0.0, 1.0).sqrt() * 255.0 + 0.5).to(torch.uint8)


def camera_rays(c2w_SF44: Tensor, lens_SF4: Tensor, rows: slice, width: int) -> tuple[Rays, Rays]:
    """Return the rays of some rows of pixels, and their change per pixel right and down."""
    fx, fy, cx, cy = (value[..., None, None] for value in lens_SF4.unbind(-1))
    columns = torch.arange(width, device=lens_SF4.device, dtype=torch.float32)
    lines = torch.arange(rows.start, rows.stop, device=lens_SF4.device, dtype=torch.float32)
    across, down = (columns - cx) / fx, (lines[:, None] - cy) / fy
    turn = c2w_SF44[..., :3, :3, None, None]
    shape = (*c2w_SF44.shape[:2], -1)
    parts = []
    for axis in range(3):
        part = turn[:, :, axis, 0] * across + turn[:, :, axis, 1] * down + turn[:, :, axis, 2]
        part = torch.where(part.abs() < 1e-7, 1e-7, part)
        parts.append(part.reshape(shape))
    origin = tuple(c2w_SF44[..., axis, 3, None] for axis in range(3))
    right = tuple(c2w_SF44[..., axis, 0, None] / fx[..., 0] for axis in range(3))
    below = tuple(c2w_SF44[..., axis, 1, None] / fy[..., 0] for axis in range(3))
    rays = Rays(origin=shading.tuple3(origin), direction=shading.tuple3(parts))
    return rays, Rays(origin=shading.tuple3(right), direction=shading.tuple3(below))


def _trace(world: WorldTensors, rays: Rays) -> tuple[Tensor, Tensor]:
    """Return depth and slot of every ray; slot -1 is the sky."""
    depth, slot = trace_shell(world.solids, rays)
    if world.any_sky:
        sky = world.has_sky & is_sky(rays, world.wall_height, depth, slot)
        depth = torch.where(sky, FAR, depth)
        slot = torch.where(sky, -1.0, slot)
    return trace_objects(world.solids, rays, depth, slot)


def cast(
    world: WorldTensors, c2w_SF44: Tensor, lens_SF4: Tensor, rows: slice, width: int
) -> tuple[Vector, Tensor]:
    """Return linear colour and depth of all pixels of some rows, (S, F, P)."""
    rays, axes = camera_rays(c2w_SF44, lens_SF4, rows, width)
    depth, slot = _trace(world, rays)
    x, y, z = (o + depth * d for o, d in zip(rays.origin, rays.direction, strict=True))
    hit = Rays(origin=(x, y, z), direction=rays.direction)
    colour, normal, glow = shading.surface_colour(_gather(world, slot), hit, depth, axes)
    lit = lighting.shade(colour, normal, hit.origin, world.solids, world.lamp)
    lit = shading.tuple3(a + glow * (c - a) for a, c in zip(lit, colour, strict=True))
    dx, dy, dz = rays.direction
    length = (dx * dx + dy * dy + dz * dz).sqrt()
    clear = torch.exp(-world.fog * depth * length)
    lit = shading.tuple3(h + clear * (c - h) for c, h in zip(lit, world.haze, strict=True))
    if world.any_sky:
        pixel = 1.0 / lens_SF4[..., :1]
        sky = lighting.sky_colour(rays.direction, world.sky_SC, world.phase_SC, pixel)
        is_far = slot < 0
        lit = shading.tuple3(torch.where(is_far, s, c) for s, c in zip(sky, lit, strict=True))
    return lit, depth


def _gather(world: WorldTensors, slot_SFP: Tensor) -> tuple[Tensor, ...]:
    """Return the table's rows at every pixel, each (S, F, P)."""
    worlds, frames, pixels = slot_SFP.shape
    index = slot_SFP.clamp_min(0).to(torch.int64).view(worlds, 1, -1)
    rows = world.table_SRN.gather(2, index.expand(-1, shading.NUM_ROWS, -1))
    return rows.view(worlds, shading.NUM_ROWS, frames, pixels).unbind(1)


def world_tensors(scenes: Scenes, device: torch.device) -> WorldTensors:
    """Move worlds to the renderer's form and device."""

    def scalar(values: Array) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=device).view(-1, 1, 1)

    def vector(values: Array) -> Vector:
        return scalar(values[:, 0]), scalar(values[:, 1]), scalar(values[:, 2])

    light = scenes.light
    strength = np.array(lighting.STRENGTHS)[light][:, None]
    sky = np.concatenate(
        [np.array(t)[light] for t in (lighting.ZENITHS, lighting.HORIZONS, lighting.HILLS)], axis=1
    )
    sky = (sky / 255.0) ** 2
    is_open = scenes.is_open
    haze = np.where(
        is_open[:, None], sky[:, 3:6], 0.45 * strength * np.array(lighting.TINTS)[light]
    )
    fading = np.where(is_open, 0.0, 0.012)
    gain = np.where(is_open, 1.0, 1.08)[:, None]
    tint = strength * gain * np.array(lighting.TINTS)[light]
    return WorldTensors(
        solids=_solids(scenes, scalar, vector),
        table_SRN=torch.as_tensor(surface_table(scenes), dtype=torch.float32, device=device),
        wall_height=scalar(scenes.extent[:, 3]),
        lamp=(vector(scenes.light_position), vector(tint), scalar(fading)),
        fog=scalar(scenes.fog),
        haze=vector(haze),
        has_sky=torch.as_tensor(is_open, device=device).view(-1, 1, 1),
        any_sky=bool(is_open.any()),
        sky_SC=torch.as_tensor(sky, dtype=torch.float32, device=device),
        phase_SC=torch.as_tensor(scenes.horizon, dtype=torch.float32, device=device),
    )


def _solids(
    scenes: Scenes, scalar: Callable[[Array], Tensor], vector: Callable[[Array], Vector]
) -> Solids:
    # What one world of a group lacks is put out of sight, deep under the floor.
    centre = np.where(scenes.present[..., None], scenes.centre, 1e5)
    objects = tuple(
        (
            slot,
            vector(centre[:, slot]),
            vector(scenes.half[:, slot]),
            scalar(np.cos(scenes.angle[:, slot])),
            scalar(np.sin(scenes.angle[:, slot])),
        )
        for slot in range(OBJECTS.start, OBJECTS.stop)
        if scenes.present[:, slot].any()
    )
    extent = scenes.extent
    return Solids(
        extent=(scalar(extent[:, 0]), scalar(extent[:, 1]), scalar(extent[:, 2])), objects=objects
    )


def surface_table(scenes: Scenes) -> Array:
    """Return what shading needs of each surface, (S, rows, 17)."""
    paints = palette()
    table = np.zeros((len(scenes.family), NUM_SURFACES, shading.NUM_ROWS))
    table[..., shading.CENTRE : shading.CENTRE + 3] = scenes.centre
    table[..., shading.HALF : shading.HALF + 3] = scenes.half
    table[..., shading.COS], table[..., shading.SIN] = np.cos(scenes.angle), np.sin(scenes.angle)
    table[:, SPHERES, shading.IS_SPHERE] = 1.0
    table[:, PILLARS, shading.IS_PILLAR] = 1.0
    base = paints[scenes.colour]
    table[..., shading.BASE : shading.BASE + 3] = base
    table[..., shading.CONTRAST : shading.CONTRAST + 3] = paints[scenes.second_colour] - base
    is_round = np.arange(NUM_SURFACES) >= SPHERES.start
    turns = np.maximum(np.round(2 * np.pi * scenes.half[..., 0] / scenes.period), 2.0) * is_round
    coefficients = pattern_coefficients(scenes.pattern, scenes.period, turns)
    table[..., shading.FREQUENCY : shading.FREQUENCY + 9] = coefficients
    kind = scenes.decal[..., 0]
    table[..., shading.DECAL + 4] = 1.0
    table[:, WALLS, shading.DECAL : shading.DECAL + 5] = scenes.decal[..., 1:]
    glass = np.where((kind == DECALS.index("window"))[..., None], [0.62, 0.78, 0.92], 0.0)
    paint = np.where(glass > 0, glass, paints[scenes.decal_colour])
    table[:, WALLS, shading.DECAL_COLOUR : shading.DECAL_COLOUR + 3] = paint
    table[:, WALLS, shading.FRAME] = np.where(kind == DECALS.index("window"), 0.75, 0.12)
    table[:, WALLS, shading.GLOW] = kind == DECALS.index("window")
    return np.ascontiguousarray(table.transpose(0, 2, 1))
