"""One opened model: its card and its parts, checked to be of one model."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from sanawm.autoencoder import VideoAutoencoder, load_autoencoder
from sanawm.cache import content_key, folder_fingerprint
from sanawm.card import ModelCard
from sanawm.errors import ModelFilesMissingError, NotEnoughMemoryError
from sanawm.model_folder import check_model_folder
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
    revision: str  # one hash over all of them and the card

    @property
    def device(self) -> torch.device:
        """Where the transformer draws."""
        return self.transformer.x_embedder.matrix.device

    @property
    def dtype(self) -> torch.dtype:
        """The numbers it draws with."""
        return self.transformer.x_embedder.matrix.dtype

    @property
    def device_name(self) -> str:
        """The device in words: "cpu, 2 threads", or what the graphics card is called."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        threads = torch.get_num_threads()
        return f"{self.device.type}, {threads} {'thread' if threads == 1 else 'threads'}"


def open_model(folder: Path) -> ModelParts:
    """Read a model folder, in float32."""
    check_model_folder(folder)
    card = ModelCard.load(folder)
    fingerprints = {part: folder_fingerprint(folder / part) for part in PARTS}
    with memory_shortage_as_sentence(f"Not enough memory to open {card.title}."):
        parts = ModelParts(
            card=card,
            transformer=load_transformer(folder, card),
            autoencoder=load_autoencoder(folder),
            text_encoder=TextEncoder(
                folder, chi_prompt=card.chi_prompt, text_length=card.text_length
            ),
            fingerprints=fingerprints,
            revision=content_key(fingerprints | {"card": card.to_dict()}),
        )
    check_parts_fit(card, parts.autoencoder, parts.transformer)
    return parts


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
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise NotEnoughMemoryError(sentence) from error
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):  # how torch says it on a processor
            raise
        raise NotEnoughMemoryError(sentence) from error
