"""A run that was ended early and is whole all the same: its row becomes that of the shorter clip.

A streaming model that is stopped finishes the part in hand. What is kept is the video that a run of
that length gives, so the row gets that length, and the beginning of its camera path.
"""

from typing import Any

from sanawm.camera.path import CameraPath
from storage.database import Database
from storage.tables import Run
from studio.submission import keep_path, kept_source, path_points


def shortened(database: Database, run: Run, num_frames: int) -> dict[str, Any]:
    """The columns of a run's row that change where it has fewer frames than were asked for."""
    if num_frames >= run.num_frames:
        return {}
    whole = CameraPath.load_npz(database.folder.asset(run.path_sha256, "npz"))
    path = whole.first(num_frames)
    path_sha256 = keep_path(database, path.to_npz())
    return {
        "num_frames": num_frames,
        "path_sha256": path_sha256,
        "path_source": kept_source(path.source, path_sha256),
        "path_points": path_points(path),
    }
