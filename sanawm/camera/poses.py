"""Poses as arrays: what a pose must be, poses relative to the first one, poses from a file.

A pose is camera-to-world, (4, 4), in OpenCV axes: +x right, +y down, +z forward.
Shape letters: F frames.
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sanawm.errors import InvalidRequestError

Floats = NDArray[np.float64]

ROTATION_TOLERANCE = 1e-3  # float32 poses that were multiplied a thousand times stay well within
FARTHEST = 1e5  # beyond it float32 rays lose the direction a camera looks in
ARRAY_NAMES = ("c2w", "poses", "intrinsics", "fps", "about")
POSE_FILE_LIMIT = 64 * 2**20  # bytes; 100,000 poses in float64 are 13 MB


def check_poses(c2w: ArrayLike) -> Floats:
    """The same poses as float64 (F, 4, 4), or a sentence about the first thing wrong with them."""
    try:
        poses_F44 = np.asarray(c2w, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise _problem("The poses are not a table of numbers.") from error
    if poses_F44.ndim != 3 or poses_F44.shape[1:] != (4, 4) or not len(poses_F44):
        shape = " × ".join(map(str, poses_F44.shape)) or "a single number"
        raise _problem(f"Poses are frames × 4 × 4 camera-to-world matrices; these are {shape}.")
    _refuse_frames(np.logical_not(np.isfinite(poses_F44).all(axis=(1, 2))), "is not finite")
    last_row_F4 = np.abs(poses_F44[:, 3] - (0, 0, 0, 1)).max(axis=1)
    _refuse_frames(last_row_F4 > ROTATION_TOLERANCE, "has not 0 0 0 1 as its last row")
    rotation_F33 = poses_F44[:, :3, :3]
    product_F33 = rotation_F33 @ rotation_F33.transpose(0, 2, 1)
    skew_F = np.abs(product_F33 - np.eye(3)).max(axis=(1, 2))
    _refuse_frames(skew_F > ROTATION_TOLERANCE, "is no rotation: it scales or shears")
    _refuse_frames(np.linalg.det(rotation_F33) < 0, "is mirrored: it flips an axis")
    return poses_F44


def rebase(c2w: ArrayLike) -> Floats:
    """The same poses as seen from the first one, which becomes exactly the identity."""
    poses_F44 = check_poses(c2w)
    relative_F44 = np.linalg.inv(poses_F44[0]) @ poses_F44
    relative_F44[0] = np.eye(4)
    far_F = np.abs(relative_F44[:, :3, 3]).max(axis=1) > FARTHEST
    _refuse_frames(far_F, f"is more than {FARTHEST:,.0f} units from the start")
    return relative_F44


def read_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays this project knows in a `.npz`, or a `.npy` as `c2w`; nothing is unpickled."""
    try:
        if file.stat().st_size > POSE_FILE_LIMIT:
            raise _problem(f"{file.name} is larger than 64 MB. A path needs a few kilobytes.")
        with file.open("rb") as stream:
            content = np.load(stream, allow_pickle=False)
            if isinstance(content, np.ndarray):
                return {"c2w": content}
            return {name: content[name] for name in ARRAY_NAMES if name in content}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _problem(
            f"{file.name} cannot be read as poses. .npy and .npz files of numpy work."
        ) from error


def read_poses(file: Path) -> tuple[Floats, NDArray[Any] | None, float | None]:
    """Poses relative to the first, intrinsics and fps of a `.npy` or `.npz` file.

    A `.npz` holds `c2w` (or `poses`), and may hold `intrinsics` and `fps`.
    """
    arrays = read_arrays(Path(file))
    name = next((name for name in ("c2w", "poses") if name in arrays), None)
    if name is None:
        raise _problem(f"{Path(file).name} holds no poses. Name the array c2w.")
    fps = arrays.get("fps")
    if fps is not None and (fps.size != 1 or fps.dtype.kind not in "iuf" or not fps.item() > 0):
        raise _problem(f"The fps in {Path(file).name} is not one positive number.")
    return (
        rebase(arrays[name]),
        arrays.get("intrinsics"),
        None if fps is None else float(fps.item()),
    )


def _refuse_frames(is_bad_F: NDArray[np.bool_], reason: str) -> None:
    if is_bad_F.any():
        raise _problem(f"The pose of frame {int(np.argmax(is_bad_F))} {reason}.")


def _problem(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, field="camera")
