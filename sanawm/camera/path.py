"""One camera path, resolved: a pose for every frame, and where the path came from.

    c2w         (F, 4, 4) float32, camera-to-world, OpenCV axes (+x right, +y down, +z forward);
                frame 0 is the identity
    intrinsics  (F, 4) float32, fx, fy, cx, cy in pixels of the source picture; None where the
                model's field of view applies once the picture's size is known
    source      JSON: what a person wrote or chose, with dialect, speeds and unit

The poses are the truth: replaying a path never resolves its source again.
"""

import json
import math
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sanawm.camera.intrinsics import parse_intrinsics
from sanawm.camera.poses import read_arrays, read_poses, rebase
from sanawm.camera.start import start_pitch
from sanawm.errors import InvalidRequestError

SCHEMA = "wanderbook.path/1"
CONVENTION = "opencv_c2w"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CameraPath:
    """Where the camera stands and looks in every frame. Arrays are copied and read-only."""

    c2w: NDArray[np.float32]
    intrinsics: NDArray[np.float32] | None = None
    fps: float
    source: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check everything once, so that nobody downstream has to."""
        rebase(self.c2w)
        if np.abs(self.c2w[0] - np.eye(4)).max() > 1e-6:
            raise _problem("The first pose of a camera path must be the identity.")
        if not (isinstance(self.fps, int | float) and 0 < self.fps < 1000):
            raise _problem(f"A path has a positive number of frames per second, not {self.fps}.")
        object.__setattr__(self, "c2w", _frozen(self.c2w))
        if self.intrinsics is not None:
            object.__setattr__(self, "intrinsics", _rows(self.intrinsics, len(self.c2w)))

    @property
    def num_frames(self) -> int:
        """Pixel frames, the first one included."""
        return len(self.c2w)

    def level_c2w(self) -> NDArray[np.float64]:
        """The poses above the ground the camera started on, (F, 4, 4).

        They differ from `c2w` where the path goes on from a camera that looks up or down: frame 0
        has that pitch here, so that "forward" and "up" are what a person means by them.
        """
        pitch = start_pitch(self.source)
        level_44 = np.eye(4)
        level_44[1:3, 1:3] = (
            (math.cos(pitch), -math.sin(pitch)),
            (math.sin(pitch), math.cos(pitch)),
        )
        return level_44 @ self.c2w

    @classmethod
    def from_poses(
        cls,
        c2w: ArrayLike,
        *,
        fps: float,
        intrinsics: ArrayLike | None = None,
        source: dict[str, Any] | None = None,
    ) -> Self:
        """Take poses in any world: they are made relative to the first one."""
        c2w_F44 = rebase(c2w)
        return cls(
            c2w=c2w_F44.astype(np.float32),
            intrinsics=None if intrinsics is None else _rows(intrinsics, len(c2w_F44)),
            fps=fps,
            source=source or {"kind": "poses"},
        )

    @classmethod
    def from_file(cls, file: Path, *, fps: float) -> Self:
        """Read poses from a `.npy` or `.npz` file; `fps` is what holds where the file has none."""
        c2w_F44, intrinsics, own_fps = read_poses(file)
        source = {"kind": "poses", "file": Path(file).name}
        return cls.from_poses(c2w_F44, fps=own_fps or fps, intrinsics=intrinsics, source=source)

    def first(self, num_frames: int) -> "CameraPath":
        """The beginning of the path; the source stays as it is."""
        assert 1 <= num_frames <= self.num_frames
        return CameraPath(
            c2w=self.c2w[:num_frames],
            intrinsics=None if self.intrinsics is None else self.intrinsics[:num_frames],
            fps=self.fps,
            source=self.source,
        )

    def __eq__(self, other: object) -> bool:
        """Two paths are equal when every number and the source are."""
        return isinstance(other, CameraPath) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        """Paths that are equal hash alike."""
        return hash((self.c2w.tobytes(), self.fps))

    def to_dict(self) -> dict[str, Any]:
        """Give the path as JSON values; float32 numbers survive the trip exactly."""
        return {
            "schema": SCHEMA,
            "convention": CONVENTION,
            "fps": self.fps,
            "frames": self.num_frames,
            "c2w": _shortest(self.c2w),
            "intrinsics": None if self.intrinsics is None else _shortest(self.intrinsics),
            "source": self.source,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build a path from `to_dict`'s values."""
        if not isinstance(values, dict) or values.get("schema") != SCHEMA:
            raise _problem(f"This is not a camera path of the schema {SCHEMA}.")
        try:
            intrinsics = values.get("intrinsics")
            return cls(
                c2w=np.asarray(values["c2w"], np.float32),
                intrinsics=None if intrinsics is None else np.asarray(intrinsics, np.float32),
                fps=values["fps"],
                source=dict(values.get("source", {})),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _problem("This camera path lacks poses or frames per second.") from error

    def to_npz(self) -> bytes:
        """The content of a `.npz`, the same bytes for the same path."""
        arrays: dict[str, NDArray[Any]] = {"c2w": self.c2w, "fps": np.array(self.fps)}
        if self.intrinsics is not None:
            arrays["intrinsics"] = self.intrinsics
        about = {"schema": SCHEMA, "convention": CONVENTION, "source": self.source}
        arrays["about"] = np.array(json.dumps(about))
        stream = BytesIO()
        np.savez_compressed(stream, allow_pickle=False, **arrays)
        return stream.getvalue()

    def save_npz(self, file: Path) -> None:
        """Write the path to a `.npz`."""
        Path(file).write_bytes(self.to_npz())

    @classmethod
    def load_npz(cls, file: Path) -> Self:
        """Read what `save_npz` wrote."""
        arrays = read_arrays(Path(file))
        try:
            about = json.loads(arrays["about"].item())
            values = {**about, "c2w": arrays["c2w"], "fps": arrays["fps"].item()}
        except (KeyError, TypeError, ValueError) as error:
            raise _problem(f"{Path(file).name} holds no saved camera path.") from error
        return cls.from_dict({**values, "intrinsics": arrays.get("intrinsics")})


def _shortest(numbers: NDArray[np.float32]) -> list[Any]:
    """The numbers as the shortest decimals that are the same float32."""
    values: list[Any] = numbers.astype(np.str_).astype(np.float64).tolist()
    return values


def _frozen(numbers: ArrayLike) -> NDArray[np.float32]:
    copy = np.array(numbers, np.float32)
    copy.setflags(write=False)
    return copy


def _rows(intrinsics: ArrayLike, num_frames: int) -> NDArray[np.float32]:
    return _frozen(parse_intrinsics(intrinsics, num_frames))


def _problem(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, field="camera")
