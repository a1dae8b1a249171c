"""Which folders hold a model, and whether every part is there. Light: reads no weight.

model_index.json   which class each part has
wanderbook.json    the model's card (public folders have none)
transformer/  vae/  text_encoder/  tokenizer/  scheduler/
dit/ or sana_dit/  a transformer in one of NVIDIA's own layouts, in place of transformer/
ltx2_causal_vae/   the streaming repository's autoencoder, in place of vae/
fetched.json       of a fetched model: which state of which repositories it is

Fetched models lie in HF_HOME/wanderbook, each in a folder of its name.
"""

import json
import os
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import constants

from sanawm.card import CARD_FILE, ModelCard
from sanawm.catalogue import CATALOGUE, KnownModel
from sanawm.errors import ModelFilesMissingError
from sanawm.public_cards import public_card
from sanawm.sizes import size_words

INDEX_FILE = "model_index.json"
FETCHED_FILE = "fetched.json"
TRANSFORMER_PARTS = ("transformer", "dit", "sana_dit")  # the first one that is there
AUTOENCODER_PARTS = ("vae", "ltx2_causal_vae")  # the first one that is there
WEIGHT_PARTS = (*TRANSFORMER_PARTS, *AUTOENCODER_PARTS, "text_encoder")
LIGHT_PARTS = ("tokenizer", "scheduler")
TEXT_PARTS = ("text_encoder", "tokenizer")  # not in NVIDIA's own repositories
WEIGHT_SUFFIXES = (".safetensors", "/model.pt")
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
    """WANDERBOOK_MODEL, a folder or a name, else the bundled tiny model."""
    return place_of(os.environ.get("WANDERBOOK_MODEL") or DEFAULT_MODEL)


def fetched_models() -> Path:
    """The folder of the models that were fetched by name."""
    return Path(constants.HF_HOME).expanduser() / "wanderbook"


def known_model_at(folder: Path) -> KnownModel | None:
    """The model whose fetched files belong into this folder; None of any other folder."""
    is_shelf = folder.resolve().parent == fetched_models().resolve()
    return CATALOGUE.get(folder.name) if is_shelf else None


def place_of(name_or_path: str | Path) -> Path:
    """The folder of a model, whether it is there or not: a path, or a name this program knows."""
    name, path = str(name_or_path), Path(name_or_path).expanduser()
    if path.is_dir():
        return path
    if name in CATALOGUE:
        return fetched_models() / name
    bundled = BUNDLED_MODELS / name
    return bundled if path.name == name and bundled.is_dir() else path


def model_folder_of(name_or_path: str | Path) -> Path:
    """The whole model of this path or name; ModelFilesMissingError says what to do without it."""
    folder = place_of(name_or_path)
    check_model_folder(folder)
    return folder


def read_card(folder: Path) -> ModelCard:
    """A model's card, whether all of its weights are there or not."""
    if not folder.is_dir():
        check_model_folder(folder)  # says what to type for a model that can be fetched
    return ModelCard.load(folder)


def check_model_folder(folder: Path) -> None:
    """Raise ModelFilesMissingError naming the first file that is not there."""
    known = known_model_at(folder)
    if not folder.is_dir() and known:
        raise ModelFilesMissingError(
            f"{known.card.title} is not on this computer. To fetch it, about "
            f"{size_words(known.size)}: {known.command}"
        )
    if not folder.is_dir():
        raise ModelFilesMissingError(f"There is no model folder {folder}.")
    if missing := missing_part(files_in(folder)):
        again = f" To fetch what is missing: {known.command}" if known else _remedy(folder)
        raise ModelFilesMissingError(f"The model in {folder} is not whole: {missing}.{again}")


def files_in(folder: Path) -> frozenset[str]:
    """The files of a model folder, by their paths in it; a link to nothing is none."""
    parts = (folder, *(folder / part for part in (*WEIGHT_PARTS, *LIGHT_PARTS)))
    return frozenset(
        file.relative_to(folder).as_posix()
        for part in parts
        if part.is_dir()
        for file in part.iterdir()
        if file.is_file()
    )


def missing_part(files: Set[str]) -> str:
    """What a model of these files lacks, in words; "" where it is whole."""
    inside = {file.partition("/")[0] for file in files if "/" in file}
    transformer, autoencoder = (
        _first_of(names, inside) for names in (TRANSFORMER_PARTS, AUTOENCODER_PARTS)
    )
    needed = [f"{autoencoder}/config.json", "text_encoder/config.json", TOKENIZER_FILE]
    if transformer == TRANSFORMER_PARTS[0]:
        needed = [INDEX_FILE, f"{transformer}/config.json", *needed]
    else:
        for part in TEXT_PARTS:
            if part not in inside:
                return f"{part}/ is missing, which is published apart from this layout"
    for name in needed:
        if name not in files:
            return f"{name} is missing"
    for part in (transformer, autoencoder, "text_encoder"):
        if not any(file.startswith(f"{part}/") and _is_weights(file) for file in files):
            return f"{part}/ holds no .safetensors weights"
    return ""


def folder_of(folder: Path, part: str) -> Path:
    """Where a part's files are: transformer and autoencoder have one of several names."""
    names = {"transformer": TRANSFORMER_PARTS, "vae": AUTOENCODER_PARTS}.get(part, (part,))
    return folder / _first_of(names, {name for name in names if (folder / name).is_dir()})


def sources_of(folder: Path) -> list[dict[str, str]]:
    """The repository and revision of each part of a fetched model; none of any other."""
    try:
        fetched: Any = json.loads((folder / FETCHED_FILE).read_text("utf-8"))
        return [
            {key: str(source[key]) for key in ("repo", "revision")} for source in fetched["sources"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def find_models() -> list[FoundModel]:
    """The default model, the bundled ones, the fetched ones, each with what keeps it from use."""
    folders = [default_model_folder()]
    for name in (CARD_FILE, INDEX_FILE):
        folders += sorted(file.parent for file in BUNDLED_MODELS.glob(f"*/{name}"))
    folders += fetched_folders()
    return [inspect_model(folder) for folder in dict.fromkeys(path.resolve() for path in folders)]


def fetched_folders() -> list[Path]:
    """The folders of fetched models; what is only just being put together has no such name."""
    cards = fetched_models().glob(f"*/{CARD_FILE}")
    return sorted(card.parent for card in cards if not card.parent.name.startswith("."))


def inspect_model(folder: Path) -> FoundModel:
    """A model's card, or the sentence that says why it cannot be used."""
    try:
        check_model_folder(folder)
        return FoundModel(folder=folder, card=ModelCard.load(folder))
    except ModelFilesMissingError as error:
        return FoundModel(folder=folder, card=None, problem=str(error))


def _first_of(names: Sequence[str], there: Set[str]) -> str:
    return next((name for name in names if name in there), names[0])


def _remedy(folder: Path) -> str:
    """What to do where a public model was copied from a repository that lacks some of it."""
    card = public_card(folder)
    if card is None or (folder / TRANSFORMER_PARTS[0]).is_dir():
        return ""
    return f" `{CATALOGUE[card.name].command}` puts everything in place."


def _is_weights(file: str) -> bool:
    return file.endswith(WEIGHT_SUFFIXES)
