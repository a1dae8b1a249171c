"""From what a person wrote, chose or uploaded to a path that fits the clip."""

from pathlib import Path
from typing import Any

from sanawm.camera.actions import count_actions, resolve_actions
from sanawm.camera.path import CameraPath
from sanawm.camera.presets import preset_path
from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError


def resolve_source(source: dict[str, Any], num_frames: int, card: ModelCard) -> CameraPath:
    """Resolve {"kind": "actions", "actions": …} or {"kind": "preset", "preset": …}."""
    kind = source.get("kind")
    text = source.get(kind) if kind in ("actions", "preset") else None
    if not isinstance(text, str):
        raise InvalidRequestError("Choose a camera path to begin.", field="camera")
    if kind == "preset":
        return preset_path(text, num_frames, card)
    return actions_path(text, num_frames, card, dialect=str(source.get("dialect") or card.dialect))


def actions_path(
    text: str, num_frames: int, card: ModelCard, *, dialect: str | None = None
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
    )
    source = {
        "kind": "actions",
        "actions": text,
        "dialect": dialect,
        "speeds": [card.translation_speed, card.rotation_degrees],
        "unit": card.distance_unit,
    }
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
