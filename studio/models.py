"""The models on this computer: the one the program was started with, the bundled ones, any folder
under `models/` in the data folder, and those fetched by name. A model is known by the name on its
card.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sanawm.card import CARD_FILE, ModelCard
from sanawm.catalogue import CATALOGUE
from sanawm.errors import InvalidRequestError, ModelFilesMissingError
from sanawm.model_folder import (
    FoundModel,
    check_model_folder,
    fetched_folders,
    inspect_model,
    place_of,
    read_card,
)
from sanawm.model_list import ListedModel, list_models
from studio.settings import BUNDLED_MODELS, Settings

PARTS = (
    "transformer",
    "dit",
    "sana_dit",
    "vae",
    "ltx2_causal_vae",
    "text_encoder",
    "tokenizer",
    "scheduler",
    "refiner",
)
WHOLE_FILE_BYTES = 64 << 20  # larger files are known by size, beginning and end
END_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model folder and its card."""

    folder: Path
    card: ModelCard

    @property
    def revision(self) -> str:
        """A hash of the files that decide what the model draws; the same files, the same hash."""
        try:
            files = {*_stamps(self.folder), *_lora_stamps(self.folder, self.card)}
            return _revision(self.folder, tuple(sorted(files)))
        except FileNotFoundError:
            check_model_folder(self.folder)  # a link to nothing: says which, and what to type
            raise


class ModelShelf:
    """Finds models by name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def default(self) -> Model:
        """The model the program was started with; ModelFilesMissingError where it is not there."""
        folder = self._settings.model_folder
        return Model(folder=folder, card=read_card(folder))

    def all(self) -> list[Model]:
        """Every model whose card can be read, the default first; names are unique."""
        folders = [self._settings.model_folder]
        for shelf in (BUNDLED_MODELS, self._settings.data_folder / "models"):
            folders += sorted(card.parent for card in shelf.glob(f"*/{CARD_FILE}"))
        folders += [folder for folder in fetched_folders() if not inspect_model(folder).problem]
        models: dict[str, Model] = {}
        for folder in folders:
            try:
                card = ModelCard.load(folder)
            except ModelFilesMissingError:
                continue
            models.setdefault(card.name, Model(folder=folder, card=card))
        return list(models.values())

    def listed(self) -> list[ListedModel]:
        """All of them, the fetched ones that are not whole, and those that could be fetched."""
        found = [FoundModel(folder=model.folder, card=model.card) for model in self.all()]
        fetched = [inspect_model(folder) for folder in fetched_folders()]
        return list_models([*found, *(model for model in fetched if model.problem)])

    def find(self, name: str) -> Model:
        """The model of this name; the default where no name is given."""
        folder = self._settings.model_folder
        if not name:
            return self.default()
        if (folder / CARD_FILE).exists() and (model := self.default()).card.name == name:
            return model  # nearly always, and the others need not be read
        for model in self.all():
            if model.card.name == name:
                return model
        raise InvalidRequestError(_absent(name), field="model")


def _absent(name: str) -> str:
    if name not in CATALOGUE:
        return f"The model {name} is not on this computer. Choose another one."
    return inspect_model(place_of(name)).problem or f"The model {name} cannot be read."


Stamp = tuple[str, int, int]  # a file, its bytes, when it was changed


def _stamps(folder: Path) -> Iterator[Stamp]:
    """The model's files as they are now; asked at every press, so without a `Path` for each."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in ("model_index.json", CARD_FILE):
                yield _stamp(entry)
            elif entry.name in PARTS and entry.is_dir():
                yield from _stamps_below(entry.path)


def _stamps_below(folder: str) -> Iterator[Stamp]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _stamps_below(entry.path)
            else:
                yield _stamp(entry)


def _lora_stamps(folder: Path, card: ModelCard) -> Iterator[Stamp]:
    """The LoRA files a card names; one that is missing is told when the model is opened."""
    for lora in card.loras:
        file = folder / lora.file
        if file.is_file():
            status = file.stat()
            yield str(file), status.st_size, status.st_mtime_ns


def _stamp(file: os.DirEntry[str]) -> Stamp:
    status = file.stat()
    return file.path, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=16)
def _revision(folder: Path, stamps: tuple[Stamp, ...]) -> str:
    digest = hashlib.sha256()
    for name, size, _ in stamps:
        file = Path(name)
        digest.update(f"{file.relative_to(folder).as_posix()}\n{size}\n".encode())
        with file.open("rb") as stream:
            if size <= WHOLE_FILE_BYTES:
                digest.update(stream.read())
            else:
                digest.update(stream.read(END_BYTES))
                stream.seek(-END_BYTES, 2)
                digest.update(stream.read())
    return digest.hexdigest()[:16]
