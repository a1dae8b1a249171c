"""One opened model: its card and its parts, checked to be of one model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import torch

from sanawm.autoencoder import VideoAutoencoder, load_autoencoder
from sanawm.cache import content_key, folder_fingerprint
from sanawm.card import ModelCard
from sanawm.device import Device, processor
from sanawm.errors import ModelFilesMissingError, NotEnoughMemoryError
from sanawm.lora_apart import LorasApart
from sanawm.lora_use import LoraFiles, LoraInUse, LoraMode, in_use, lora_files
from sanawm.memory_plan import Job, best_plan, plans_for, usable_bytes
from sanawm.model_facts import ModelFacts, facts_of
from sanawm.model_folder import folder_of, model_folder_of, sources_of
from sanawm.text import TextEncoder
from sanawm.transformer import SanaWMTransformer
from sanawm.weights import load_transformer

PARTS = ("transformer", "vae", "text_encoder", "tokenizer")  # whose files decide the pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelParts:
    """A model ready to draw; the text encoder is read when it is first needed."""

    card: ModelCard
    transformer: SanaWMTransformer
    autoencoder: VideoAutoencoder
    text_encoder: TextEncoder
    fingerprints: dict[str, str]  # of the files of each part
    revision: str  # one hash over all of them, the card and the LoRA files
    sources: tuple[dict[str, str], ...] = ()  # of a fetched model: repositories and revisions
    facts: ModelFacts
    machine: Device
    loras: tuple[LoraInUse, ...] = ()
    apart: LorasApart | None = None  # where LoRAs stand beside the matrices

    def with_lora_weights(self, weights: Sequence[float]) -> Self:
        """The same model, drawing with other weights of its LoRAs from here on."""
        assert self.apart is not None, "merged LoRAs cannot be changed"
        self.apart.set(weights)
        pairs = zip(self.loras, weights, strict=True)
        loras = tuple(replace(lora, weight=float(weight)) for lora, weight in pairs)
        return replace(self, loras=loras, revision=_revision(self.fingerprints, self.card, loras))


def open_model(
    folder: Path,
    machine: Device | None = None,
    *,
    loras: LoraFiles = (),
    lora_mode: LoraMode = "merged",
) -> ModelParts:
    """Read a model folder onto the processor or another machine, in the numbers it computes with.

    A name this program knows stands for its folder. The LoRA files of its card are used, and those
    given. Where a card cannot hold all of the network, its blocks stay in the computer's memory.
    """
    folder, machine = model_folder_of(folder), machine or processor()
    card = ModelCard.load(folder)
    facts = facts_of(folder, card)
    fingerprints = {part: folder_fingerprint(folder_of(folder, part)) for part in PARTS}
    files = lora_files(folder, card, loras)
    used = in_use(files, lora_mode)
    is_apart = bool(files) and lora_mode == "apart"
    with memory_shortage_as_sentence(f"Not enough memory to open {card.title}."):
        transformer = load_transformer(
            folder,
            card,
            device=machine.device,
            dtype=machine.dtype,
            offloads=_too_large(facts, card, machine),
            loras=() if is_apart else files,
        )
        parts = ModelParts(
            card=card,
            transformer=transformer,
            autoencoder=load_autoencoder(folder, dtype=machine.dtype),
            text_encoder=TextEncoder(
                folder,
                chi_prompt=card.chi_prompt,
                text_length=card.text_length,
                dtype=machine.dtype,
            ),
            fingerprints=fingerprints,
            revision=_revision(fingerprints, card, used),
            sources=tuple(sources_of(folder)),
            facts=facts,
            machine=machine,
            loras=used,
            apart=LorasApart.from_files(transformer, files) if is_apart else None,
        )
    check_parts_fit(card, parts.autoencoder, parts.transformer)
    return parts


def _too_large(facts: ModelFacts, card: ModelCard, machine: Device) -> bool:
    """Whether not even the shortest clip can be drawn with the whole network on the card."""
    if not machine.on_card:
        return False
    shortest = Job(num_frames=card.lengths[0], guided=card.guidance_scale != 1)
    plans = plans_for(facts, card, shortest, precision=machine.precision, on_card=True)
    plan = best_plan(plans, usable_bytes(machine.memory_bytes, on_card=True))
    return plan is None or plan.offloads


def _revision(fingerprints: dict[str, str], card: ModelCard, loras: Sequence[LoraInUse]) -> str:
    """One hash; the LoRA files count by content and weight, wherever they were named."""
    rest = {name: value for name, value in card.to_dict().items() if name != "loras"}
    changes = {"loras": [lora.deciding() for lora in loras]} if loras else {}
    return content_key({**fingerprints, "card": rest, **changes})


def check_parts_fit(
    card: ModelCard, autoencoder: VideoAutoencoder, transformer: SanaWMTransformer
) -> None:
    """Raise ModelFilesMissingError where card and parts are not of one model."""
    config = transformer.config
    claims = (
        ("spatial_stride", card.spatial_stride, autoencoder.spatial_stride),
        ("temporal_stride", card.temporal_stride, autoencoder.temporal_stride),
        ("latent_channels", card.latent_channels, autoencoder.latent_channels),
        ("latent_channels", card.latent_channels, config.in_channels),
        ("Plücker channels", 6 * card.temporal_stride, config.chunk_plucker_channels),
    )
    for name, claimed, found in claims:
        if claimed != found:
            raise ModelFilesMissingError(
                f"The parts of {card.title} are not of one model: its card means {name} to be "
                f"{claimed}, and a part has {found}."
            )


@contextmanager
def memory_shortage_as_sentence(sentence: str) -> Iterator[None]:
    """Turn the several ways in which memory runs out into NotEnoughMemoryError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_memory_shortage(error):
            raise
        raise NotEnoughMemoryError(sentence) from error


def is_memory_shortage(error: BaseException) -> bool:
    """Whether this is one of the ways in which memory runs out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return "can't allocate memory" in str(error)  # how torch says it on a processor
