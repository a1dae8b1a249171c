"""Which folders hold a model, and whether every part is there. Light: reads no weight.

model_index.json   which class each part has
wanderbook.json    the model's card (public folders have none)
transformer/  vae/  text_encoder/  tokenizer/  scheduler/
"""

import os
from dataclasses import dataclass
from pathlib import Path

from sanawm.card import CARD_FILE, ModelCard
from sanawm.errors import ModelFilesMissingError

INDEX_FILE = "model_index.json"
WEIGHT_PARTS = ("transformer", "vae", "text_encoder")  # each with a config.json and weights
TOKENIZER_FILE = "tokenizer/tokenizer.json"
BUNDLED_MODELS = Path(__file__).resolve().parent.parent / "models"
DEFAULT_MODEL = BUNDLED_MODELS / "tiny"


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundModel:
    """A folder that says it is a model; `problem` is a sentence where it cannot be used."""

    folder: Path
    card: ModelCard | None
    problem: str = ""


def default_model_folder() -> Path:
    """WANDERBOOK_MODEL, else the bundled tiny model."""
    return Path(os.environ.get("WANDERBOOK_MODEL") or DEFAULT_MODEL).expanduser()


def check_model_folder(folder: Path) -> None:
    """Raise ModelFilesMissingError naming the first file that is not there."""
    if not folder.is_dir():
        raise ModelFilesMissingError(f"There is no model folder {folder}.")
    for name in (INDEX_FILE, *(f"{part}/config.json" for part in WEIGHT_PARTS), TOKENIZER_FILE):
        if not (folder / name).is_file():
            raise ModelFilesMissingError(f"The model in {folder} is not whole: {name} is missing.")
    for part in WEIGHT_PARTS:
        if not any((folder / part).glob("*.safetensors")):
            raise ModelFilesMissingError(
                f"The model in {folder} is not whole: {part}/ holds no .safetensors weights."
            )


def find_models() -> list[FoundModel]:
    """The default model, then the bundled ones, each with what keeps it from being used."""
    folders = [default_model_folder()]
    for name in (CARD_FILE, INDEX_FILE):
        folders += sorted(file.parent for file in BUNDLED_MODELS.glob(f"*/{name}"))
    return [_inspect(folder) for folder in dict.fromkeys(path.resolve() for path in folders)]


def _inspect(folder: Path) -> FoundModel:
    try:
        check_model_folder(folder)
        return FoundModel(folder=folder, card=ModelCard.load(folder))
    except ModelFilesMissingError as error:
        return FoundModel(folder=folder, card=None, problem=str(error))
