"""Clips of procedural worlds for training and evaluation: frames, depth, poses, captions.

A clip is known by its seed and split. Poses are c2w relative to frame 0 (identity) in OpenCV
axes, metres; intrinsics are (fx, fy, cx, cy) in pixels of the frames with pixel (0, 0) centred
at (0, 0) and the principal point at (W/2, H/2). B clips, F frames, H rows, W columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sanawm.worlds.captions import captions
from sanawm.worlds.draws import Array
from sanawm.worlds.paths import relative_poses, sample_paths
from sanawm.worlds.render import render
from sanawm.worlds.scene import Scenes, Split, sample_scenes
from sanawm.worlds.starts import Starts, sample_starts

_ATTEMPTS = 8
_NEAREST_MEDIAN = 1.2  # metres: closer first frames face a wall
_LEAST_CONTRAST = 0.07  # standard deviation of luminance, of 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Clips:
    """B clips; tensors are on the device they were rendered on."""

    frames_BFHWC: Tensor  # uint8
    depth_BFHW: Tensor  # float32, metres
    c2w_BF44: Tensor  # float32, frame 0 = identity
    intrinsics_BF4: Tensor  # float32
    captions: list[str]


def sample_worlds(
    seeds: Sequence[int], split: Split = "train", device: str | torch.device = "cpu"
) -> tuple[Scenes, Starts]:
    """Return each seed's world and first pose; dull first views are drawn anew."""
    scenes = sample_scenes(seeds, split)
    starts = sample_starts(scenes, seeds, split)
    pending = np.arange(len(seeds))
    for attempt in range(1, _ATTEMPTS):
        pending = pending[~is_worth_seeing(scenes.take(pending), starts, pending, device)]
        if len(pending) == 0:
            break
        again = np.asarray(seeds)[pending]
        others = sample_scenes(again, split, attempt)
        scenes = scenes.replaced(pending, others)
        starts = starts.replaced(pending, sample_starts(others, again, split, attempt))
    return scenes, starts


def is_worth_seeing(
    scenes: Scenes, starts: Starts, rows: npt.NDArray[np.int64], device: str | torch.device
) -> npt.NDArray[np.bool_]:
    """Whether first views are neither a bare wall nor grey on grey, judged on a thumbnail."""
    height, width = 18, 30
    lens = camera_intrinsics(starts.fov_degrees[rows], 1, height, width)
    pictures, depth = render(
        scenes, starts.matrices()[rows][:, None], lens, height=height, width=width, device=device
    )
    flat = pictures.view(len(rows), -1, 3).float() / 255.0
    luminance = flat @ torch.tensor([0.299, 0.587, 0.114], device=flat.device)
    median = depth.view(len(rows), -1).median(dim=1).values
    is_good = (median > _NEAREST_MEDIAN) & (luminance.std(dim=1) > _LEAST_CONTRAST)
    return np.asarray(is_good.cpu().numpy())


def camera_intrinsics(fov_degrees: Array, num_frames: int, height: int, width: int) -> Array:
    """Return (B, F, 4) square-pixel lenses of these horizontal fields of view."""
    focal = 0.5 * width / np.tan(np.radians(fov_degrees) / 2)
    centre = np.ones_like(focal)
    lens = np.stack([focal, focal, 0.5 * width * centre, 0.5 * height * centre], axis=-1)
    return np.repeat(lens[:, None], num_frames, axis=1)


def sample_clips(
    seeds: Sequence[int],
    *,
    num_frames: int,
    height: int,
    width: int,
    split: Split = "train",
    supersample: int = 1,
    device: str | torch.device = "cpu",
) -> Clips:
    """Return the clips of these seeds: each the same in any batch on a CPU."""
    scenes, starts = sample_worlds(seeds, split, device)
    paths = relative_poses(sample_paths(scenes, starts, seeds, split, num_frames))
    return _clips(
        scenes, starts, paths, seeds, (height, width), supersample=supersample, device=device
    )


def render_along(
    seeds: Sequence[int],
    c2w_BF44: Tensor | Array,
    *,
    height: int,
    width: int,
    split: Split = "train",
    supersample: int = 1,
    device: str | torch.device = "cpu",
) -> Clips:
    """Return the worlds of these seeds seen along other relative paths, from their own starts.

    Such paths may run through walls; nothing stops them.
    """
    scenes, starts = sample_worlds(seeds, split, device)
    paths = np.asarray(torch.as_tensor(c2w_BF44).cpu(), dtype=np.float64)
    return _clips(
        scenes, starts, paths, seeds, (height, width), supersample=supersample, device=device
    )


def _clips(
    scenes: Scenes,
    starts: Starts,
    paths: Array,
    seeds: Sequence[int],
    size: tuple[int, int],
    *,
    supersample: int,
    device: str | torch.device,
) -> Clips:
    height, width = size
    lens = camera_intrinsics(starts.fov_degrees, paths.shape[1], height, width)
    world_poses = starts.matrices()[:, None] @ paths
    frames, depth = render(
        scenes,
        world_poses,
        lens,
        height=height,
        width=width,
        supersample=supersample,
        device=device,
    )
    return Clips(
        frames_BFHWC=frames,
        depth_BFHW=depth,
        c2w_BF44=torch.as_tensor(paths, dtype=torch.float32, device=device),
        intrinsics_BF4=torch.as_tensor(lens, dtype=torch.float32, device=device),
        captions=captions(scenes, seeds),
    )
