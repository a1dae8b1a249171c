"""The card of a model: what a page, a queue and a pipeline must know before any weight is read.

A model is a folder; its card is the file `wanderbook.json` in it. The defaults here are those of
the public 2.6 B model, so that a public folder, which has no card, gets the built-in one.
Units: pixels, frames per second, distance per action step in `distance_unit`, degrees.
"""

import json
from dataclasses import asdict, dataclass, fields
from math import isfinite
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal, Self

from sanawm.errors import ModelFilesMissingError

CARD_FILE = "wanderbook.json"
STREAMING_CHUNK = 3  # latent frames a streaming model draws together

# Published with the weights, and part of them: the model has seen every prompt behind these lines.
PUBLIC_CHI_PROMPT = "\n".join(
    (
        'Given a user prompt, generate an "Enhanced prompt" that provides detailed visual '
        "descriptions suitable for image generation. Evaluate the level of detail in the user "
        "prompt:",
        "- If the prompt is simple, focus on adding specifics about colors, shapes, sizes, "
        "textures, and spatial relationships to create vivid and concrete scenes.",
        "- If the prompt is already detailed, refine and enhance the existing details slightly "
        "without overcomplicating.",
        "Here are examples of how to transform or refine prompts:",
        "- User Prompt: A cat sleeping -> Enhanced: A small, fluffy white cat curled up in a round "
        "shape, sleeping peacefully on a warm sunny windowsill, surrounded by pots of blooming red "
        "flowers.",
        "- User Prompt: A busy city street -> Enhanced: A bustling city street scene at dusk, "
        "featuring glowing street lamps, a diverse crowd of people in colorful clothing, and a "
        "double-decker bus passing by towering glass skyscrapers.",
        "Please generate only the enhanced description for the prompt below and avoid including "
        "any additional commentary or evaluations:",
        "User Prompt: ",
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CardLora:
    """A LoRA file the model is always drawn with."""

    file: str  # in the model's folder, its parts divided by "/"
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a place outside the model's folder: a card may come from anywhere."""
        is_outside = PureWindowsPath(self.file).anchor or ".." in PureWindowsPath(self.file).parts
        if is_outside or not PurePosixPath(self.file).name:
            raise ValueError(f"a LoRA file lies in the model's folder, not at {self.file!r}")
        if not isfinite(self.weight):
            raise ValueError(f"the weight of {self.file} is no number")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCard:
    """What one model makes, how it likes to be driven, and where it came from."""

    name: str = "sana-wm"
    title: str = "SANA-WM"
    note: str = ""  # one calm sentence shown where the model is named

    fps: float = 16
    height: int = 704
    width: int = 1280
    lengths: tuple[int, ...] = (81, 161, 321)  # numbers of frames on offer, ascending
    num_frames: int = 161  # the default among them

    num_inference_steps: int = 60
    guidance_scale: float = 5.0
    shift: float = 9.8

    spatial_stride: int = 32
    temporal_stride: int = 8
    latent_channels: int = 128

    dialect: str = "wm-2026-07"
    translation_speed: float = 0.025
    rotation_degrees: float = 0.6
    pitch_limit_degrees: float = 60.0
    fov_degrees: float = 60.0  # horizontal, where the person gives no intrinsics
    distance_unit: Literal["m", "unit"] = "unit"

    chi_prompt: str = PUBLIC_CHI_PROMPT
    text_length: int = 300  # tokens the transformer sees of prompt and chi prompt
    softmax_scale_main: float | None = None  # None: 1 / sqrt(head width)
    softmax_scale_camera: float | None = None  # None: 1 / sqrt(head width, padded)
    cam_rms_downscale: Literal["all", "softmax_only", "none"] = "all"
    streaming: bool = False
    sigmas: tuple[float, ...] = ()  # noise levels of a few-step model, 0 left out; (): by shift

    loras: tuple[CardLora, ...] = ()  # in every video of this model

    license: str = "Apache-2.0"
    source: str = ""

    def __post_init__(self) -> None:
        """Refuse sizes no autoencoder could make."""
        for num_frames in (*self.lengths, self.num_frames):
            if num_frames < 1 or (num_frames - 1) % self.clip_stride:
                raise ValueError(
                    f"A length must be a multiple of {self.clip_stride} plus one, not {num_frames}."
                )
        if list(self.lengths) != sorted(set(self.lengths)) or self.num_frames not in self.lengths:
            raise ValueError(
                f"num_frames ({self.num_frames}) must be one of the lengths {self.lengths}, "
                "which go upwards."
            )
        if self.height % self.spatial_stride or self.width % self.spatial_stride:
            raise ValueError(
                f"{self.width}x{self.height} pixels is not a multiple of the autoencoder's "
                f"{self.spatial_stride}."
            )
        if not 0 < self.fov_degrees < 180 or not 0 <= self.pitch_limit_degrees < 90:
            raise ValueError(
                f"A field of view lies between 0 and 180 degrees and a pitch limit below 90, not "
                f"{self.fov_degrees:g} and {self.pitch_limit_degrees:g}."
            )

    @property
    def clip_stride(self) -> int:
        """Frames by which clips of this model grow."""
        return self.temporal_stride * (STREAMING_CHUNK if self.streaming else 1)

    @property
    def latent_size(self) -> tuple[int, int]:
        """Rows and columns of a latent frame."""
        return self.height // self.spatial_stride, self.width // self.spatial_stride

    def num_latent_frames(self, num_frames: int) -> int:
        """Latent frames of a clip: one for the first frame, one for every stride after it."""
        return (num_frames - 1) // self.temporal_stride + 1

    def seconds(self, num_frames: int) -> float:
        """How long a clip plays."""
        return num_frames / self.fps

    @classmethod
    def load(cls, folder: Path) -> "ModelCard":
        """Read a model folder's card; a public folder without one gets the built-in card."""
        file = Path(folder) / CARD_FILE
        if not file.exists():
            from sanawm.public_cards import public_card  # cards themselves

            if found := public_card(Path(folder)):
                return found
            raise ModelFilesMissingError(
                f"{folder} is not a model folder: neither {CARD_FILE} nor a SanaWMPipeline's "
                "model_index.json nor dit/ nor sana_dit/ is in it."
            )
        try:
            return cls.from_dict(json.loads(file.read_text("utf-8")))
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelFilesMissingError(f"{file} is not a model card: {error}") from error

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build a card from JSON values; a word it does not know is refused."""
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"a card has no {', '.join(unknown)}")
        lists: dict[str, Any] = {
            name: tuple(values[name]) for name in ("lengths", "sigmas") if name in values
        }
        if "loras" in values:
            lists["loras"] = tuple(CardLora(**lora) for lora in values["loras"])
        return cls(**{**values, **lists})

    def to_dict(self) -> dict[str, Any]:
        """Give the card as JSON values."""
        values = asdict(self)
        lists = {name: list(values[name]) for name in ("lengths", "sigmas", "loras")}
        return {**values, **lists}
