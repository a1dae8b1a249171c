"""What a person asks for: one generation, checked once, then trusted everywhere.

Everything that decides the pixels is in the request; where the video goes is not.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeGuard

from sanawm.camera.path import CameraPath
from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError

MAX_SEED = 2**32 - 1  # a browser, a database and every generator hold it exactly
MAX_STEPS = 100
MAX_GUIDANCE = 20
MAX_PROMPT_CHARACTERS = 2000  # far more than the 300 tokens a model sees


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationRequest:
    """Inputs of one generation, in the units a person thinks in."""

    image: Path
    prompt: str
    camera_path: CameraPath
    num_frames: int
    seed: int
    negative_prompt: str = ""
    num_inference_steps: int
    guidance_scale: float

    def to_dict(self) -> dict[str, Any]:
        """Give the request as JSON values."""
        return {
            "image": str(self.image),
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "camera_path": self.camera_path.to_dict(),
            "num_frames": self.num_frames,
            "seed": self.seed,
            "num_inference_steps": self.num_inference_steps,
            "guidance_scale": self.guidance_scale,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build a request from `to_dict`'s values."""
        camera_path = CameraPath.from_dict(values["camera_path"])
        return cls(**{**values, "image": Path(values["image"]), "camera_path": camera_path})


def check_request(request: GenerationRequest, card: ModelCard) -> None:
    """Raise `InvalidRequestError` with a sentence for the first field that cannot be run."""
    check_image(request.image)
    check_prompt(request.prompt)
    check_prompt(request.negative_prompt, "negative prompt")
    check_length(request.num_frames, card)
    check_camera(request.camera_path, request.num_frames)
    check_seed(request.seed)
    check_steps(request.num_inference_steps)
    check_guidance(request.guidance_scale)
    check_streaming(request, card)


def check_streaming(request: GenerationRequest, card: ModelCard) -> None:
    """A few-step model was trained for its own steps, and without guidance."""
    if not card.streaming:
        return
    if request.num_inference_steps != len(card.sigmas):
        raise InvalidRequestError(
            f"{card.title} draws each part in {len(card.sigmas)} steps; set that many.",
            field="steps",
        )
    if request.guidance_scale != 1:
        raise InvalidRequestError(
            f"{card.title} was made to draw without guidance; set it to 1.", field="guidance"
        )


def check_image(image: Path) -> None:
    """A first frame is a file; what is in it is `sanawm.image`'s to judge."""
    if str(image) in ("", "."):
        raise InvalidRequestError("Choose a first frame to begin.", field="image")
    if not Path(image).is_file():
        raise InvalidRequestError(
            f"There is no picture at {Path(image).name}. Choose a first frame.", field="image"
        )


def check_prompt(prompt: str, name: str = "prompt") -> None:
    """A prompt may be empty, but not a book, and must be text a file can hold."""
    if not isinstance(prompt, str):
        raise InvalidRequestError(f"The {name} must be text.", field="prompt")
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise InvalidRequestError(
            f"The {name} has {len(prompt):,} characters. Up to {MAX_PROMPT_CHARACTERS:,} work.",
            field="prompt",
        )
    if "\0" in prompt or any("\ud800" <= character <= "\udfff" for character in prompt):
        raise InvalidRequestError(
            f"The {name} holds a character that is not text. Type it again.", field="prompt"
        )


def check_length(num_frames: int, card: ModelCard) -> None:
    """Only the lengths on the card were tried; a streaming model may stop on the way to one."""
    if _is_whole(num_frames) and num_frames in card.lengths:
        return
    on_the_way = card.streaming and _is_whole(num_frames) and 1 < num_frames < card.lengths[-1]
    if not on_the_way or (num_frames - 1) % card.clip_stride:
        *most, last = map(str, card.lengths)
        offered = f"{', '.join(most)} or {last}" if most else last
        raise InvalidRequestError(
            f"{card.title} makes {offered} frames, not {_shown(num_frames)}.", field="length"
        )


def check_camera(camera_path: CameraPath, num_frames: int) -> None:
    """A path has one pose for every frame."""
    if camera_path.num_frames != num_frames:
        raise InvalidRequestError(
            f"The camera path has {camera_path.num_frames:,} poses and the clip {num_frames:,} "
            "frames. Choose a length that fits, or another path.",
            field="camera",
        )


def check_seed(seed: int) -> None:
    """A seed is a whole number a browser can hold exactly."""
    if not _is_whole(seed) or not 0 <= seed <= MAX_SEED:
        raise InvalidRequestError(
            f"The seed must be a whole number from 0 to {MAX_SEED:,}, not {_shown(seed)}.",
            field="seed",
        )


def check_steps(num_inference_steps: int) -> None:
    """At least one step, and not an evening."""
    if not _is_whole(num_inference_steps) or not 1 <= num_inference_steps <= MAX_STEPS:
        raise InvalidRequestError(
            f"The number of steps must be from 1 to {MAX_STEPS}, not "
            f"{_shown(num_inference_steps)}.",
            field="steps",
        )


def check_guidance(guidance_scale: float) -> None:
    """1 turns guidance off; far above it pictures burn out."""
    is_number = isinstance(guidance_scale, int | float) and not isinstance(guidance_scale, bool)
    if (
        not is_number
        or not math.isfinite(guidance_scale)
        or not 1 <= guidance_scale <= MAX_GUIDANCE
    ):
        raise InvalidRequestError(
            f"Guidance must be from 1, which is off, to {MAX_GUIDANCE}, not "
            f"{_shown(guidance_scale)}.",
            field="guidance",
        )


def _is_whole(number: object) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool)


def _shown(value: object) -> str:
    """A value as a sentence shows it: with thousands separators, and never a page long."""
    if _is_whole(value):
        return f"{value:,}" if abs(value) < 10**15 else "a number that large"
    text = str(value)
    return text if len(text) <= 24 else f"{text[:24]}…"
