import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import Gemma2Config, Gemma2Model

from sanawm.errors import ModelFilesMissingError
from sanawm.text import TextEncoder, load_tokenizer, stack_texts, token_window

DATA = Path(__file__).parents[1] / "data"
RECORDED = json.loads((DATA / "text_chi.json").read_text())
TENSORS = load_file(DATA / "text_chi.safetensors")
CASES = {case["key"]: case for case in RECORDED["cases"]}
SHORT_CHI = RECORDED["chi_prompts"]["short_chi"]


def byte_tokenizer(merges=()):
    """One token per byte, <bos> in front: the tokenizer the recorded cases were made with."""
    names = ["<pad>", "<eos>", "<bos>", "<unk>", *RECORDED["byte_char_order"]]
    names += [left + right for left, right in merges]
    vocabulary = {name: index for index, name in enumerate(names)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=list(merges), unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 2)]
    )
    return tokenizer


@pytest.fixture(scope="module")
def text_folder(tmp_path_factory):
    """A tokenizer and a random two-layer Gemma-2."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "tokenizer").mkdir()
    byte_tokenizer().save(str(folder / "tokenizer" / "tokenizer.json"))
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=260,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        sliding_window=32,
    )
    Gemma2Model(config).save_pretrained(folder / "text_encoder")
    return folder


@pytest.mark.parametrize("key", CASES)
def test_selected_tokens_are_those_of_the_reference(key):
    case = CASES[key]
    merges = [("Ġ", "A")] if key.startswith("merging_tokenizer") else []
    window = token_window(
        byte_tokenizer(merges),
        case["prompt"],
        chi_prompt=RECORDED["chi_prompts"][case["chi"]],
        text_length=case["L"],
    )

    expected_ids = TENSORS[f"{key}/input_ids"][0]
    assert len(expected_ids) == case["padded_length"]
    padding = [0] * (len(expected_ids) - len(window.ids))
    assert window.ids + padding == expected_ids.tolist()
    if f"{key}/selected_positions" in TENSORS:
        is_text = TENSORS[f"{key}/selected_mask"][0].bool()
        assert window.positions == TENSORS[f"{key}/selected_positions"][is_text].tolist()


@pytest.mark.parametrize("key", [key for key in CASES if f"{key}/negative_ids" in TENSORS])
def test_the_negative_prompt_has_no_instruction(key):
    case = CASES[key]
    window = token_window(byte_tokenizer(), case["negative"], chi_prompt="", text_length=case["L"])
    is_text = TENSORS[f"{key}/negative_mask"][0].bool()
    assert window.ids == TENSORS[f"{key}/negative_ids"][0][is_text].tolist()
    assert window.positions == list(range(len(window.ids)))


@pytest.mark.parametrize("prompt", ["", "A cat.", "A long prompt, over the limit. " * 3])
@pytest.mark.parametrize("chi_prompt", ["", SHORT_CHI])
@torch.no_grad()
def test_leaving_out_padding_changes_no_embedding(text_folder, prompt, chi_prompt):
    length = 24
    encoder = TextEncoder(text_folder, chi_prompt=chi_prompt, text_length=length)
    got = encoder.encode(prompt)

    model = Gemma2Model.from_pretrained(text_folder / "text_encoder", attn_implementation="eager")
    tokenizer = byte_tokenizer()
    padded_length = len(tokenizer.encode(chi_prompt).ids) + length - 2 if chi_prompt else length
    tokenizer.enable_truncation(padded_length)
    tokenizer.enable_padding(length=padded_length, pad_id=0, pad_token="<pad>")
    encoded = tokenizer.encode(chi_prompt + prompt)
    mask = torch.tensor([encoded.attention_mask])
    padded = model(torch.tensor([encoded.ids]), attention_mask=mask).last_hidden_state
    selected = torch.tensor([0, *range(padded_length - length + 1, padded_length)])
    expected = padded[:, selected][:, mask[0, selected].bool()]
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


def test_the_instruction_changes_the_embeddings_but_not_those_of_a_negative_prompt(text_folder):
    plain = TextEncoder(text_folder, chi_prompt="", text_length=24)
    instructed = TextEncoder(text_folder, chi_prompt=SHORT_CHI, text_length=24)
    assert plain.encode("A cat.").shape[1] + 1 == instructed.encode("A cat.").shape[1]
    negative = instructed.encode("A cat.", negative=True)
    assert torch.equal(plain.encode("A cat."), negative)


def test_texts_of_different_length_become_one_batch_with_a_mask():
    short, long = torch.ones(1, 2, 3), torch.full((1, 5, 3), 2.0)
    text_BLD, mask_BL = stack_texts([short, long])
    assert mask_BL.tolist() == [[1, 1, 0, 0, 0], [1, 1, 1, 1, 1]]
    assert torch.equal(text_BLD[0, :2], short[0])
    assert torch.equal(text_BLD[1], long[0])
    assert text_BLD[0, 2:].abs().max() == 0


def test_padding_stored_with_a_tokenizer_is_switched_off(tmp_path):
    (tmp_path / "tokenizer").mkdir()
    tokenizer = byte_tokenizer()
    tokenizer.enable_padding(length=50, pad_id=0, pad_token="<pad>", direction="left")
    tokenizer.enable_truncation(3)
    tokenizer.save(str(tmp_path / "tokenizer" / "tokenizer.json"))
    assert len(load_tokenizer(tmp_path).encode("A cat.").ids) == 7


def test_missing_text_files_are_told_by_name(tmp_path, text_folder):
    with pytest.raises(ModelFilesMissingError, match=r"tokenizer\.json, is missing"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer").mkdir()
    byte_tokenizer().save(str(tmp_path / "tokenizer" / "tokenizer.json"))
    encoder = TextEncoder(tmp_path, chi_prompt="", text_length=8)
    with pytest.raises(ModelFilesMissingError, match=r"config\.json is missing"):
        encoder.encode("A cat.")
    (tmp_path / "text_encoder").mkdir()
    config = (text_folder / "text_encoder" / "config.json").read_text()
    (tmp_path / "text_encoder" / "config.json").write_text(config)
    with pytest.raises(ModelFilesMissingError, match=r"weights in .*text_encoder are missing"):
        encoder.encode("A cat.")
