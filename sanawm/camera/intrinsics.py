"""Intrinsics: how a picture's pixels map to directions, and what cropping does to them.

    intrinsics  (F, 4) or (4,): fx, fy, cx, cy in pixels of the picture they belong to
    pixel (0, 0) has its centre at (0, 0), as in the released pipeline; the centre is (W/2, H/2)

A picture is scaled, keeping its aspect, until it covers the model's frame, then cut in the middle.
Shape letters: F frames, K rows of intrinsics as given.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sanawm.errors import InvalidRequestError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CropGeometry:
    """A picture scaled to `resized` and cut at `left`, `top`. Sizes are (width, height)."""

    source: tuple[int, int]
    resized: tuple[int, int]
    left: int
    top: int


def crop_geometry(width: int, height: int, target_width: int, target_height: int) -> CropGeometry:
    """How a picture of any size becomes one of the target size without bars or stretching."""
    scale = max(target_height / height, target_width / width)
    resized_width = max(target_width, round(width * scale))
    resized_height = max(target_height, round(height * scale))
    return CropGeometry(
        source=(width, height),
        resized=(resized_width, resized_height),
        left=(resized_width - target_width) // 2,
        top=(resized_height - target_height) // 2,
    )


def crop_intrinsics(intrinsics: ArrayLike, crop: CropGeometry) -> Floats:
    """Move intrinsics of the source picture, (..., 4), to the cropped one."""
    scale_x, scale_y = np.divide(crop.resized, crop.source)
    scale = np.array((scale_x, scale_y, scale_x, scale_y))
    shift = np.array((0, 0, crop.left, crop.top))
    moved: Floats = np.asarray(intrinsics, np.float64) * scale - shift
    return moved


def from_fov(fov_degrees: float, width: int, height: int) -> Floats:
    """Intrinsics (4,) of a centred camera with square pixels and this horizontal field of view."""
    if not 0 < fov_degrees < 180:
        raise _problem(f"The field of view must lie between 0 and 180 degrees, not {fov_degrees}.")
    focal = width / 2 / math.tan(math.radians(fov_degrees) / 2)
    return np.array((focal, focal, width / 2, height / 2))


def parse_intrinsics(intrinsics: ArrayLike, num_frames: int) -> Floats:
    """Intrinsics in any usual form as (F, 4): (4,), (K, 4), one 3 × 3 matrix, or (K, 3, 3).

    Too many rows are cut; too few are stretched over the clip, with straight lines in between.
    """
    try:
        given = np.asarray(intrinsics, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise _problem("The intrinsics are not a table of numbers.") from error
    if given.shape[-2:] == (3, 3):
        given = _of_matrices(given)
    rows_K4 = given[None] if given.ndim == 1 else given
    if rows_K4.ndim != 2 or rows_K4.shape[1] != 4 or not len(rows_K4):
        shape = " × ".join(map(str, np.shape(intrinsics))) or "a single number"
        raise _problem(
            f"Intrinsics are fx, fy, cx, cy or a 3 × 3 matrix, once or per frame, not {shape}."
        )
    if not np.isfinite(rows_K4).all() or (rows_K4[:, :2] <= 0).any():
        raise _problem("Intrinsics must be finite and their focal lengths positive.")
    return _fit_rows(rows_K4, num_frames)


def _of_matrices(matrices: Floats) -> Floats:
    if (np.abs(matrices[..., 2, :] - (0, 0, 1)) > 1e-6).any():
        raise _problem("A 3 × 3 intrinsics matrix has 0 0 1 as its last row.")
    return matrices[..., (0, 1, 0, 1), (0, 1, 2, 2)]


def _fit_rows(rows_K4: Floats, num_frames: int) -> Floats:
    if len(rows_K4) >= num_frames:
        return rows_K4[:num_frames].copy()
    wanted = np.linspace(0, 1, num_frames)
    given = np.linspace(0, 1, len(rows_K4))
    return np.stack([np.interp(wanted, given, column) for column in rows_K4.T], axis=1)


def _problem(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, field="camera")
