"""Which LoRA files a model is opened with: those its card names, then those that are asked for.

They decide pixels, so each is known by its content and weight, and by whether it was added into
the matrices ("merged") or stands beside them ("apart"), which decides the last bits. Light: reads
no tensor.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Literal

from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError, ModelFilesMissingError

LoraMode = Literal["merged", "apart"]
LoraFiles = Sequence[tuple[Path, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraInUse:
    """One file, as a record of a run names it."""

    name: str  # of the file, without its ending
    sha256: str
    weight: float
    mode: LoraMode

    def to_dict(self) -> dict[str, object]:
        """As JSON values."""
        return asdict(self)

    def deciding(self) -> dict[str, object]:
        """What of it decides pixels: all but its name."""
        return {"sha256": self.sha256, "weight": self.weight, "mode": self.mode}


def lora_files(folder: Path, card: ModelCard, asked: LoraFiles) -> list[tuple[Path, float]]:
    """Files with their weights, checked to be there, none of them twice."""
    of_card = [(folder / lora.file, lora.weight) for lora in card.loras]
    for file, _ in of_card:
        if not file.is_file():
            raise ModelFilesMissingError(
                f"The model in {folder} is not whole: the LoRA file {file.name}, which its card "
                "names, is missing."
            )
    for file, _ in asked:
        if not file.is_file():
            raise InvalidRequestError(f"There is no LoRA file {file}.")
    files = [*of_card, *asked]
    places = [file.resolve() for file, _ in files]
    twice = next((file for file in places if places.count(file) > 1), None)
    if twice is not None:
        raise InvalidRequestError(
            f"The LoRA {twice.stem} is named twice. Name it once, with the weight of both together."
        )
    return files


def in_use(files: LoraFiles, mode: LoraMode) -> tuple[LoraInUse, ...]:
    """How a record and a cache know these files."""
    return tuple(
        LoraInUse(name=file.stem, sha256=_sha256(file), weight=float(weight), mode=mode)
        for file, weight in files
    )


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()
