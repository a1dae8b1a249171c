"""From what a person wrote, chose or uploaded to a path that fits the clip.

A source may hold "start": the run and frame it goes on from, with the state the camera is in there
(`sanawm.camera.start`). The path keeps it, so that the path alone tells what it follows.
"""

from pathlib import Path
from typing import Any

from sanawm.camera.actions import count_actions, resolve_actions
from sanawm.camera.path import CameraPath
from sanawm.camera.presets import preset_path
from sanawm.camera.start import kept_start, parse_start
from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError


def resolve_source(source: dict[str, Any], num_frames: int, card: ModelCard) -> CameraPath:
    """Resolve {"kind": "actions", "actions": …} or {"kind": "preset", "preset": …}."""
    kind = source.get("kind")
    text = source.get(kind) if kind in ("actions", "preset") else None
    if not isinstance(text, str):
        raise InvalidRequestError("Choose a camera path to begin.", field="camera")
    start = source.get("start")
    if kind == "preset":
        return preset_path(text, num_frames, card, start=start)
    dialect = str(source.get("dialect") or card.dialect)
    return actions_path(text, num_frames, card, dialect=dialect, start=start)


def actions_path(
    text: str,
    num_frames: int,
    card: ModelCard,
    *,
    dialect: str | None = None,
    start: dict[str, Any] | None = None,
) -> CameraPath:
    """An action string over a whole clip; a short one is followed by no keys at all."""
    dialect = dialect or card.dialect
    room, steps = num_frames - 1, count_actions(text)
    if steps > room:
        raise InvalidRequestError(
            f"This path has {steps:,} steps; {card.seconds(num_frames):.0f} s has room for {room}.",
            field="camera",
        )
    padded = f"{text},none-{room - steps}" if steps < room else text
    c2w_F44 = resolve_actions(
        padded,
        dialect=dialect,
        translation_speed=card.translation_speed,
        rotation_degrees=card.rotation_degrees,
        pitch_limit_degrees=card.pitch_limit_degrees,
        start=parse_start(start),
    )
    source: dict[str, Any] = {
        "kind": "actions",
        "actions": text,
        "dialect": dialect,
        "speeds": [card.translation_speed, card.rotation_degrees],
        "unit": card.distance_unit,
    }
    if start is not None:
        source["start"] = kept_start(start)
    return CameraPath.from_poses(c2w_F44, fps=card.fps, source=source)


def poses_path(file: Path, num_frames: int, card: ModelCard) -> CameraPath:
    """The first poses of a file, one for each frame of the clip, whatever fps it was written at."""
    path = CameraPath.from_file(file, fps=card.fps)
    if path.num_frames < num_frames:
        raise InvalidRequestError(
            f"{Path(file).name} has {path.num_frames} poses; {card.seconds(num_frames):.0f} s "
            f"needs {num_frames}.",
            field="camera",
        )
    return path.first(num_frames)
