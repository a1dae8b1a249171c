"""The small text side: a byte-fallback tokenizer for the caption grammar, and a small Gemma-2.

Both are saved in the layout of the public models (`tokenizer/`, `text_encoder/`), so the product
loads them with the code it loads those with. A word outside the grammar falls back to bytes.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, processors, trainers
from transformers import Gemma2Config, Gemma2Model, PreTrainedTokenizerFast

from sanawm.training.presets import TextConfig

SPECIAL_TOKENS = ["<pad>", "<eos>", "<bos>", "<unk>"]
SPACE = "▁"  # the mark SentencePiece, and so Gemma, writes for a space


def train_tokenizer(captions: Iterable[str], text: TextConfig) -> PreTrainedTokenizerFast:
    """Byte-pair tokenizer of these captions; all 256 bytes are in the vocabulary."""
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    learner = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    learner.normalizer = normalizers.Replace(" ", SPACE)
    learner.train_from_iterator(
        (caption.lower() for caption in captions),
        trainers.BpeTrainer(
            vocab_size=text.vocabulary,
            special_tokens=SPECIAL_TOKENS + bytes_,
            show_progress=False,
        ),
    )
    tokenizer = _without_special_bytes(learner)
    bos = SPECIAL_TOKENS.index("<bos>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", bos)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
        padding_side="right",
        model_max_length=text.max_tokens,
    )


def _without_special_bytes(learner: Tokenizer) -> Tokenizer:
    """The learned merges in a tokenizer where bytes are ordinary tokens, as fallback needs."""
    model = json.loads(learner.to_str())["model"]
    merges = [tuple(pair) for pair in model["merges"]]
    tokenizer = Tokenizer(
        models.BPE(vocab=model["vocab"], merges=merges, unk_token="<unk>", byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Lowercase(), normalizers.Replace(" ", SPACE)]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    return tokenizer


def make_text_encoder(text: TextConfig) -> Gemma2Model:
    """A Gemma-2 of small numbers, freshly initialised."""
    config = Gemma2Config(
        vocab_size=text.vocabulary,
        hidden_size=text.hidden_size,
        intermediate_size=text.hidden_size * 2,
        num_hidden_layers=text.num_layers,
        num_attention_heads=text.num_heads,
        num_key_value_heads=text.num_heads // 2,
        head_dim=text.hidden_size // text.num_heads,
        query_pre_attn_scalar=text.hidden_size // text.num_heads,
        max_position_embeddings=1024,
        pad_token_id=SPECIAL_TOKENS.index("<pad>"),
        eos_token_id=SPECIAL_TOKENS.index("<eos>"),
        bos_token_id=SPECIAL_TOKENS.index("<bos>"),
        attn_implementation="eager",
    )
    return Gemma2Model(config)


def save_text(tokenizer: PreTrainedTokenizerFast, encoder: Gemma2Model, folder: Path) -> None:
    """Write `tokenizer/` and `text_encoder/` of a model folder."""
    tokenizer.save_pretrained(folder / "tokenizer")
    encoder.save_pretrained(folder / "text_encoder")
