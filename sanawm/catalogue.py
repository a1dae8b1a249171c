"""The public models this program knows by name: where they are published, their terms, their cards.

Nothing here fetches anything; `sanawm.fetching` does, when it is asked to. Sizes are bytes, and
about right: what is published decides, and is asked before a download begins.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath

from sanawm.card import ModelCard
from sanawm.public_cards import DIFFUSERS_REPO, SANA_WM, SANA_WM_STREAMING, STREAMING_REPO

# Weights without code, settings, vocabularies. A repository's pickles are not fetched unless named.
SUFFIXES = (".json", ".safetensors", ".model", ".txt", ".jinja")

TRANSFORMER_BYTES = 5_320_000_000  # bf16, as are the next two
AUTOENCODER_BYTES = 2_440_000_000
TEXT_ENCODER_BYTES = 5_230_000_000
ALL_BYTES = TRANSFORMER_BYTES + AUTOENCODER_BYTES + TEXT_ENCODER_BYTES

GEMMA_TERMS = (
    "The text encoder, Gemma 2 2B: the Gemma Terms of Use with their policy of prohibited uses, "
    "https://ai.google.dev/gemma/terms."
)
LTX_TERMS = (
    "The video autoencoder derives from Lightricks' LTX-2: the LTX-2 Community License very "
    "probably applies. This was not verified."
)
CAUSAL_DECODER_INDEX: dict[str, object] = {
    "_class_name": "SanaWMPipeline",
    "transformer": ["sanawm", "SanaWMTransformer"],
    "vae": ["diffusers", "AutoencoderKLLTX2Video"],
    "text_encoder": ["transformers", "Gemma2Model"],
    "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A repository, and which of its files become which of a model folder's.

    `folders` pairs a folder there with one here, of which files with one of `SUFFIXES` are wanted;
    `files` are wanted besides, and keep their path.
    """

    repo: str
    folders: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()

    def place_of(self, path: str) -> str:
        """Where a file of the repository goes in a model folder; "" where it is not wanted."""
        if path in self.files:
            return path
        folder, _, name = path.rpartition("/")
        ours = dict(self.folders).get(folder, "")
        return f"{ours}/{name}" if ours and PurePosixPath(name).suffix in SUFFIXES else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownModel:
    """A model that can be fetched; the first source is the one a revision is chosen of."""

    card: ModelCard
    sources: tuple[Source, ...]
    size: int
    license: str  # in a few words
    terms: tuple[str, ...]  # sentences, to be agreed to before anything is fetched
    index: dict[str, object] | None = None  # the model_index.json, where no source has one

    @property
    def name(self) -> str:
        """What the model is called on the command line."""
        return self.card.name

    @property
    def command(self) -> str:
        """What a person types to fetch it."""
        return f"python -m sanawm models fetch {self.name}"


BIDIRECTIONAL = KnownModel(
    card=SANA_WM,
    sources=(
        Source(
            repo=DIFFUSERS_REPO,
            folders=tuple(
                (part, part)
                for part in ("transformer", "vae", "text_encoder", "tokenizer", "scheduler")
            ),
            files=("model_index.json",),
        ),
    ),
    size=ALL_BYTES,
    license="Apache-2.0, Gemma terms, probably LTX-2 Community License",
    terms=(
        "The transformer: Apache-2.0, as the model card of SANA-WM_bidirectional says.",
        GEMMA_TERMS,
        LTX_TERMS,
    ),
)
STREAMING = KnownModel(
    card=SANA_WM_STREAMING,
    sources=(
        Source(
            repo=STREAMING_REPO,
            folders=(("ltx2_causal_vae", "vae"),),
            files=("sana_dit/model.pt", "sana_dit/config.json"),
        ),
        Source(
            repo=DIFFUSERS_REPO,
            folders=(("text_encoder", "text_encoder"), ("tokenizer", "tokenizer")),
        ),
    ),
    size=ALL_BYTES,
    license="probably Apache-2.0, Gemma terms, probably LTX-2 Community License",
    terms=(
        "The transformer: its relatives are Apache-2.0; the terms of SANA-WM_streaming itself were "
        "not verified.",
        GEMMA_TERMS,
        LTX_TERMS,
    ),
    index=CAUSAL_DECODER_INDEX,
)
CATALOGUE: dict[str, KnownModel] = {model.name: model for model in (BIDIRECTIONAL, STREAMING)}
