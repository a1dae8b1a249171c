"""Every model this program knows, with facts about each: on this computer, not whole, or to fetch.

Sizes are bytes. Asks nothing of the network and changes nothing.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sanawm.card import ModelCard
from sanawm.catalogue import CATALOGUE, KnownModel
from sanawm.errors import ModelFilesMissingError
from sanawm.model_facts import facts_of
from sanawm.model_folder import FoundModel, fetched_models, known_model_at, sources_of
from sanawm.plan_table import CARD_GIGABYTES, planned
from sanawm.public_sizes import PUBLIC_FACTS


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedModel:
    """A model as a list shows it."""

    name: str
    folder: Path
    state: Literal["here", "broken", "missing"]
    card: ModelCard | None  # None where it cannot be read
    problem: str  # a sentence where the model cannot be used
    size: int  # about, where it is missing
    sources: list[dict[str, str]]  # of a fetched model: repository and revision
    license: str
    needs: str
    command: str  # fetches it; "" where nothing would be fetched

    @property
    def title(self) -> str:
        """What people call it."""
        return self.card.title if self.card else self.name


def list_models(found: Iterable[FoundModel]) -> list[ListedModel]:
    """The found models, then those that could be fetched."""
    here = [_listed(model) for model in found]
    known_here = {model.name for model in here if known_model_at(model.folder)}
    return [
        *here,
        *(_to_fetch(known) for known in CATALOGUE.values() if known.name not in known_here),
    ]


def size_of(folder: Path) -> int:
    """The bytes of a model's files; what is a link counts as what it leads to."""
    size = 0
    for file in folder.rglob("*"):
        with suppress(OSError):
            size += file.stat().st_size if file.is_file() else 0
    return size


def _listed(model: FoundModel) -> ListedModel:
    fetched = known_model_at(model.folder)
    card = model.card or (fetched.card if fetched else None)
    return ListedModel(
        name=card.name if card else model.folder.name,
        folder=model.folder,
        state="broken" if model.problem else "here",
        card=card,
        problem=model.problem,
        size=size_of(model.folder) if model.folder.is_dir() else 0,
        sources=sources_of(model.folder),
        license=_license(card, fetched),
        needs=_needs(card, model.folder) if card else "",
        command=fetched.command if fetched and model.problem else "",
    )


def _license(card: ModelCard | None, fetched: KnownModel | None) -> str:
    if fetched:
        return fetched.license
    return card.license if card else ""


def _to_fetch(known: KnownModel) -> ListedModel:
    return ListedModel(
        name=known.name,
        folder=fetched_models() / known.name,
        state="missing",
        card=known.card,
        problem="",
        size=known.size,
        sources=[],
        license=known.license,
        needs=_needs(known.card, None),
        command=known.command,
    )


def _needs(card: ModelCard, folder: Path | None) -> str:
    """What a computer needs to draw a model's shortest and its longest clip, in a sentence."""
    try:
        facts = PUBLIC_FACTS if folder is None else facts_of(folder, card)
    except ModelFilesMissingError:
        return ""
    if facts.small_decoder:
        return "Runs on the processor; needs no graphics card."
    clips = planned(facts, card, CARD_GIGABYTES, (card.lengths[-1],))
    least = next((clip.gigabytes for clip in clips if clip.plan), None)
    best = next((clip.gigabytes for clip in clips if clip.plan and not clip.plan.visits), None)
    return (
        f"For {card.lengths[-1]} frames a graphics card with {least} GB; at its quickest with "
        f"{best} GB. Counted, not measured."
    )
