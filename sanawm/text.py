"""Prompt to embeddings, in the layout the transformer was trained with.

The tokenizer is the model folder's `tokenizer/tokenizer.json`, the encoder the `Gemma2Model` in
`text_encoder/`. A model may put a fixed instruction (its "chi prompt") before every prompt. The
whole text is encoded, but the transformer sees only the first token and the last `text_length - 1`
of the padded sequence, which is the prompt with at most one token of the instruction. The negative
prompt gets no instruction.

Padding lies on the right. A token sees only what stands before it and the transformer masks
padding out, so padding changes nothing and is never computed.

Shape letters: B batch, L tokens, D channels.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as nnf

from sanawm.errors import ModelFilesMissingError

TOKENIZER_FILE = Path("tokenizer") / "tokenizer.json"
ENCODER_FOLDER = "text_encoder"


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenWindow:
    """The tokens of a text, cut at the padded length, and which of them the transformer sees."""

    ids: list[int]
    positions: list[int]


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a model folder, without any padding or cutting of its own."""
    path = folder / TOKENIZER_FILE
    if not path.is_file():
        raise ModelFilesMissingError(f"The model's tokenizer, {path}, is missing.")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except MemoryError:
        raise
    except Exception as error:  # the library has no narrower one
        raise ModelFilesMissingError(
            f"The model's tokenizer, {path}, is damaged: {error}. Copy the model's files again."
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def token_window(
    tokenizer: Tokenizer, prompt: str, *, chi_prompt: str, text_length: int
) -> TokenWindow:
    """Tokens of a prompt behind its instruction (none if empty), and the positions selected.

    The padded length counts the instruction encoded alone: inside the full text its trailing space
    may merge with the prompt's first word.
    """
    padded_length = text_length
    if chi_prompt:
        padded_length = len(tokenizer.encode(chi_prompt).ids) + text_length - 2
    ids = tokenizer.encode(chi_prompt + prompt).ids[:padded_length]
    window_start = padded_length - (text_length - 1)
    return TokenWindow(ids=ids, positions=[0, *range(max(window_start, 1), len(ids))])


class TextEncoder:
    """Tokenizer and Gemma-2 of one model folder; the encoder is loaded when first needed."""

    def __init__(
        self,
        folder: Path,
        *,
        chi_prompt: str,
        text_length: int,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.folder = folder
        self.chi_prompt = chi_prompt
        self.text_length = text_length
        self.tokenizer = load_tokenizer(folder)
        self._dtype = dtype
        self._device = torch.device("cpu")
        self._model: Any = None

    def open(self) -> None:
        """Read the encoder's weights, where that has not been done."""
        if self._model is None:
            self._model = load_text_encoder(self.folder, dtype=self._dtype)
        self._model.to(self._device)

    def move(self, device: torch.device) -> None:
        """Go to a device: away at once, there when it is needed."""
        self._device = device
        if self._model is not None and device.type == "cpu":
            self._model.to(device)

    def encode(self, prompt: str, *, negative: bool = False) -> Tensor:
        """Embeddings (1, L, D) of the tokens the transformer sees, all of them valid; float32."""
        window = token_window(
            self.tokenizer,
            prompt,
            chi_prompt="" if negative else self.chi_prompt,
            text_length=self.text_length,
        )
        return self.encode_window(window)

    @torch.no_grad()
    def encode_window(self, window: TokenWindow) -> Tensor:
        """Last hidden states (1, L, D) at the selected positions."""
        self.open()
        ids = torch.tensor([window.ids], device=self._model.device)
        states_BLD: Tensor = self._model(input_ids=ids, use_cache=False).last_hidden_state
        return states_BLD[:, window.positions].float().cpu()


def load_text_encoder(folder: Path, *, dtype: torch.dtype = torch.float32) -> Any:
    """The `Gemma2Model` of a model folder, on the processor.

    Attention is the plain one: only it has Gemma-2's soft cap on the logits.
    """
    path = folder / ENCODER_FOLDER
    if not (path / "config.json").is_file():
        raise ModelFilesMissingError(f"The text encoder's file {path / 'config.json'} is missing.")
    from transformers import Gemma2Model  # takes seconds to import

    try:
        model, report = Gemma2Model.from_pretrained(
            path,
            dtype=dtype,
            attn_implementation="eager",
            local_files_only=True,
            ignore_mismatched_sizes=True,  # reported below instead of raised in a table
            output_loading_info=True,
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelFilesMissingError(
            f"The text encoder's weights in {path} are missing or cannot be read. Copy the model's "
            "files again."
        ) from error
    lacking = sorted(report["missing_keys"]) + sorted(key for key, *_ in report["mismatched_keys"])
    if lacking:
        raise ModelFilesMissingError(
            f"The text encoder's weights in {path} do not fit its config.json: {lacking[0]} is "
            "missing or of another size. Copy the model's files again."
        )
    return model.eval().requires_grad_(False)


def stack_texts(texts: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Texts (1, L, D) of different lengths as one batch: embeddings (B, L, D), mask (B, L)."""
    longest = max(text.shape[1] for text in texts)
    padded = [nnf.pad(text, (0, 0, 0, longest - text.shape[1])) for text in texts]
    mask_BL = torch.zeros(len(texts), longest, dtype=torch.int64)
    for row, text in zip(mask_BL, texts, strict=True):
        row[: text.shape[1]] = 1
    return torch.cat(padded), mask_BL
