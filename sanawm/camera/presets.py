"""The twelve preset paths. Each goes as far as the model's own speeds carry it in the clip.

A preset that keys can express is an action string, so that the string and the preset are two
views of one path. The others, crane up and around, have no keys and resolve to poses directly.

A path that goes on from another one keeps the pitch it finds. Keys also take over its velocity,
which fades as inertia has it. A preset without keys begins and ends at once: what it finds moving
stands still from its first step on, and what follows it gets the turning of its last step (around)
or a camera at rest (crane up, since no key moves up).
Glyphs are SVG elements in a 20 × 20 box, drawn with a stroke.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sanawm.camera.actions import from_level, resolve_actions, yaw_pitch_rotation
from sanawm.camera.dialects import DEFAULT_DIALECT
from sanawm.camera.path import CameraPath
from sanawm.camera.start import kept_start, parse_start
from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError

Floats = NDArray[np.float64]

CRANE_SHARE = 0.5  # of the walking speed: a room is not as high as it is long
AROUND_SHARE = 2.0  # of the turning speed: twice as far round as a pan


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """A path with a name. `keys` are held in equal parts of the clip; none: poses, see below."""

    id: str
    title: str
    glyph: str
    keys: tuple[str, ...] = ()


def _arrow(points: str) -> str:
    return f'<path d="{points}"/>'


PRESETS = (
    Preset(id="hold", title="Hold", keys=("none",), glyph='<circle cx="10" cy="10" r="3"/>'),
    Preset(id="push-in", title="Push in", keys=("w",), glyph=_arrow("M10 16V4M12 6.7 10 4 8 6.7")),
    Preset(
        id="pull-out", title="Pull out", keys=("s",), glyph=_arrow("M10 4v12M8 13.3 10 16 12 13.3")
    ),
    Preset(
        id="truck-left", title="Truck left", keys=("j",), glyph=_arrow("M16 10H4M6.7 8 4 10 6.7 12")
    ),
    Preset(
        id="truck-right",
        title="Truck right",
        keys=("l",),
        glyph=_arrow("M4 10h12M13.3 12 16 10 13.3 8"),
    ),
    Preset(id="crane-up", title="Crane up", glyph=_arrow("M10 14V4M12 6.7 10 4 8 6.7M5 17h10")),
    Preset(
        id="pan-left",
        title="Pan left",
        keys=("a",),
        glyph=_arrow("M17.1 9.2A8 8 0 0 0 2.9 9.2M2.4 5.9 2.9 9.2 6 7.8")
        + '<circle cx="10" cy="13" r="1.1"/>',
    ),
    Preset(
        id="pan-right",
        title="Pan right",
        keys=("d",),
        glyph=_arrow("M2.9 9.2A8 8 0 0 1 17.1 9.2M14 7.8 17.1 9.2 17.6 5.9")
        + '<circle cx="10" cy="13" r="1.1"/>',
    ),
    Preset(
        id="around",
        title="Around",
        glyph=_arrow("M10 3.6A6.4 6.4 0 1 1 4 12.2M6.8 14.1 4 12.2 3 15.4")
        + '<circle cx="10" cy="10" r="1.1"/>',
    ),
    Preset(
        id="orbit-left",
        title="Orbit left",
        keys=("dj",),
        glyph=_arrow("M17.7 7.6A8 8 0 0 1 2.3 7.6M4.9 9.7 2.3 7.6 1 10.7")
        + '<circle cx="10" cy="5.5" r="1.6"/>',
    ),
    Preset(
        id="orbit-right",
        title="Orbit right",
        keys=("al",),
        glyph=_arrow("M2.3 7.6A8 8 0 0 0 17.7 7.6M19 10.7 17.7 7.6 15.1 9.7")
        + '<circle cx="10" cy="5.5" r="1.6"/>',
    ),
    Preset(
        id="walk",
        title="Walk",
        keys=("w", "dw"),
        glyph=_arrow("M8.8 15.4V10C8.8 8 9.8 6.2 11.2 4.6M10.9 8 11.2 4.6 7.9 5.3"),
    ),
)


def find_preset(preset_id: str) -> Preset:
    """The preset of this id, or a sentence."""
    for preset in PRESETS:
        if preset.id == preset_id:
            return preset
    raise InvalidRequestError(
        f'There is no preset called "{preset_id[:24]}". Choose one of the twelve.', field="camera"
    )


def preset_actions(preset_id: str, steps: int) -> str | None:
    """The preset as an action string of the default dialect; None where keys cannot express it."""
    keys = find_preset(preset_id).keys
    if not keys or steps < len(keys):
        return f"{keys[0]}-{steps}" if keys and steps else None
    share = steps // len(keys)
    counts = [share] * (len(keys) - 1) + [steps - share * (len(keys) - 1)]
    return ",".join(f"{held}-{count}" for held, count in zip(keys, counts, strict=True))


def preset_path(
    preset_id: str, num_frames: int, card: ModelCard, *, start: dict[str, Any] | None = None
) -> CameraPath:
    """The preset over a whole clip, at the speeds on the model's card."""
    steps, state = num_frames - 1, parse_start(start)
    actions = preset_actions(preset_id, steps)
    source: dict[str, Any] = {
        "kind": "preset",
        "preset": preset_id,
        "dialect": DEFAULT_DIALECT,
        "speeds": [card.translation_speed, card.rotation_degrees],
        "unit": card.distance_unit,
    }
    if start is not None:
        source["start"] = kept_start(start)
    if actions is None:
        c2w_F44 = _keyless_poses(preset_id, steps, card, state.pitch)
        return CameraPath.from_poses(c2w_F44, fps=card.fps, source=source)
    c2w_F44 = resolve_actions(
        actions,
        dialect=DEFAULT_DIALECT,
        translation_speed=card.translation_speed,
        rotation_degrees=card.rotation_degrees,
        pitch_limit_degrees=card.pitch_limit_degrees,
        start=state,
    )
    return CameraPath.from_poses(c2w_F44, fps=card.fps, source={**source, "actions": actions})


def _keyless_poses(preset_id: str, steps: int, card: ModelCard, pitch: float) -> Floats:
    """Straight up, or around on the spot."""
    step_F = np.arange(steps + 1.0)
    yaw_F = np.zeros(steps + 1)
    c2w_F44 = np.tile(np.eye(4), (steps + 1, 1, 1))
    if preset_id == "crane-up":
        c2w_F44[:, 1, 3] = -CRANE_SHARE * card.translation_speed * step_F  # y points down
    if preset_id == "around":
        degrees = min(360.0, AROUND_SHARE * card.rotation_degrees * steps)
        yaw_F = math.radians(degrees) * step_F / max(1, steps)
    c2w_F44[:, :3, :3] = yaw_pitch_rotation(yaw_F, np.full_like(yaw_F, pitch))
    return from_level(c2w_F44, pitch)
