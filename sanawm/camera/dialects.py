"""The three ways in which released programs read action strings.

One letter means different motions in them, and the speeds differ; the letters w, s, i and k
(forward, back, look up, look down) are the same everywhere.
Units: distance per step in scene units, degrees per step.
"""

from dataclasses import dataclass

from sanawm.errors import InvalidRequestError


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """What the letters do and how a held key becomes motion. A pair is (left, right)."""

    name: str
    strafe_keys: tuple[str, str]
    turn_keys: tuple[str, str]
    strafe_turns: float = 0.0  # a strafe also turns, by this share of the rotation speed
    norm_floor: float = 0.0  # added to the length a direction is divided by
    refuses_steep: bool = True  # a step past the pitch limit is refused whole, not cut short
    has_inertia: bool = False  # velocity follows held keys with a delay, and coasts on release
    translation_speed: float
    streaming_translation_speed: float
    rotation_degrees: float
    pitch_limit_degrees: float


DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            name="wm-2026-07",
            strafe_keys=("j", "l"),
            turn_keys=("a", "d"),
            norm_floor=1e-6,
            refuses_steep=False,
            has_inertia=True,
            translation_speed=0.025,
            streaming_translation_speed=0.025,
            rotation_degrees=0.6,
            pitch_limit_degrees=60,
        ),
        Dialect(
            name="diffusers-0.42",
            strafe_keys=("a", "d"),
            turn_keys=("j", "l"),
            translation_speed=0.05,
            streaming_translation_speed=0.05,
            rotation_degrees=1.2,
            pitch_limit_degrees=85,
        ),
        Dialect(
            name="wm-2026-05",
            strafe_keys=("a", "d"),
            turn_keys=("j", "l"),
            strafe_turns=0.4,
            norm_floor=1e-6,
            translation_speed=0.05,
            streaming_translation_speed=0.04,
            rotation_degrees=1.2,
            pitch_limit_degrees=85,
        ),
    )
}
DEFAULT_DIALECT = "wm-2026-07"


def dialect_named(name: str) -> Dialect:
    """The dialect of this name, or a sentence with the names there are."""
    if name not in DIALECTS:
        *most, last = DIALECTS
        raise InvalidRequestError(
            f'"{name}" is not a way to read actions. There are {", ".join(most)} and {last}.',
            field="camera",
        )
    return DIALECTS[name]
