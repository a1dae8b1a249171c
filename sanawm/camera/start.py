"""How a camera already moves when its path begins: the state another path is left in.

A path that goes on from a frame of another one starts with that frame's velocity and pitch, and
with the keys held there, so that the two play as one. Frame 0 of it is the identity all the same.
Units: velocity is (forward, right, yaw, pitch) per step, in scene units and radians; pitch in
radians, positive looks up.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from sanawm.errors import InvalidRequestError

HELD_KEYS = "wsadjlik"
FASTEST = 1000.0  # scene units a step
STEEPEST = math.pi / 2
MAX_FRAME = 100_000
MAX_RUN_CHARACTERS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class StartState:
    """What is carried from one path into the next; by default a level camera at rest."""

    velocity: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    pitch: float = 0.0
    held: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give the state as JSON values; the numbers survive the trip exactly."""
        return {**asdict(self), "velocity": list(self.velocity)}


AT_REST = StartState()


def parse_start(value: Any) -> StartState:
    """The state in a source's "start", which may come from anyone; None is a camera at rest."""
    if value is None:
        return AT_REST
    if not isinstance(value, dict):
        raise _problem()
    velocity, held = value.get("velocity"), value.get("held", "")
    if not isinstance(velocity, list | tuple) or len(velocity) != 4:
        raise _problem()
    if not isinstance(held, str) or len(held) > len(HELD_KEYS) or set(held) - set(HELD_KEYS):
        raise _problem()
    forward, right = (_number(speed, FASTEST) for speed in velocity[:2])
    yaw, pitch = (_number(speed, math.pi) for speed in velocity[2:])
    return StartState(
        velocity=(forward, right, yaw, pitch),
        pitch=_number(value.get("pitch"), STEEPEST),
        held=in_order(held),
    )


def kept_start(value: dict[str, Any]) -> dict[str, Any]:
    """What a path keeps of its start: the state, and the run and frame it was taken from."""
    run, frame = value.get("run", ""), value.get("frame", 0)
    if not isinstance(run, str) or len(run) > MAX_RUN_CHARACTERS:
        raise _problem()
    if not isinstance(frame, int) or isinstance(frame, bool) or not 0 <= frame <= MAX_FRAME:
        raise _problem()
    return {"run": run, "frame": frame, **parse_start(value).to_dict()}


def start_pitch(source: dict[str, Any]) -> float:
    """The pitch a path of this source begins with; 0 where it says nothing we could read."""
    try:
        return parse_start(source.get("start")).pitch
    except InvalidRequestError:
        return 0.0


def in_order(held: str | frozenset[str]) -> str:
    """Held keys, each once, always in the same order."""
    return "".join(key for key in HELD_KEYS if key in held)


def _number(value: Any, limit: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not abs(value) <= limit:  # so that NaN fails it too
        raise _problem()
    return float(value)


def _problem() -> InvalidRequestError:
    return InvalidRequestError(
        "What this path goes on from cannot be read. Start clean, or continue the run again.",
        field="camera",
    )
