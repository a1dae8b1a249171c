"""A transformer's folder loads whole or says in a sentence which file is at fault."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from sanawm.card import ModelCard
from sanawm.checkpoints import CONFIG_FILE, SHARDS_FILE, WEIGHTS_FILE
from sanawm.config import TransformerConfig
from sanawm.errors import ModelFilesMissingError
from sanawm.transformer import SanaWMTransformer
from sanawm.weights import load_transformer

CONFIG = TransformerConfig(
    in_channels=4,
    num_layers=2,
    hidden_size=16,
    num_attention_heads=2,
    linear_head_dim=8,
    softmax_every_n=2,
    caption_channels=6,
    chunk_plucker_channels=12,
)
CARD = ModelCard()


@pytest.fixture
def transformer():
    transformer = SanaWMTransformer(CONFIG)
    transformer.init_weights(torch.Generator().manual_seed(0))
    return transformer


@pytest.fixture
def part(tmp_path):
    part = tmp_path / "transformer"
    part.mkdir()
    (part / CONFIG_FILE).write_text(json.dumps(CONFIG.to_diffusers()))
    return part


def assert_same_weights(loaded, transformer):
    for (name, one), other in zip(
        loaded.state_dict().items(), transformer.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other), name


def test_a_single_file_loads(part, transformer):
    save_file(transformer.state_dict(), part / WEIGHTS_FILE)
    loaded = load_transformer(part.parent, CARD)
    assert_same_weights(loaded, transformer)
    assert loaded.config == CONFIG


def test_shards_load_as_their_index_says(part, transformer):
    weights, weight_map = transformer.state_dict(), {}
    for index in range(3):
        file = f"shard-{index}.safetensors"
        names = sorted(weights)[index::3]
        save_file({name: weights[name] for name in names}, part / file)
        weight_map |= dict.fromkeys(names, file)
    (part / SHARDS_FILE).write_text(json.dumps({"weight_map": weight_map}))
    assert_same_weights(load_transformer(part.parent, CARD), transformer)


@pytest.mark.parametrize(
    "weight_map", [None, [], {}, {"x": 3}, {"x": "../other.safetensors"}, {"x": "/etc/passwd"}]
)
def test_an_index_that_names_no_files_beside_it_is_refused(part, transformer, weight_map):
    (part / SHARDS_FILE).write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(ModelFilesMissingError, match="does not name the files"):
        load_transformer(part.parent, CARD)


@pytest.mark.parametrize("wanted", [torch.float32, torch.bfloat16])
def test_half_precision_files_load_in_the_numbers_of_the_machine(part, transformer, wanted):
    save_file(transformer.bfloat16().state_dict(), part / WEIGHTS_FILE)
    loaded = load_transformer(part.parent, CARD, dtype=wanted)
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {wanted}


def test_the_card_sets_what_implementations_differ_in(part, transformer):
    save_file(transformer.state_dict(), part / WEIGHTS_FILE)
    card = replace(
        CARD, softmax_scale_main=0.5, softmax_scale_camera=0.25, cam_rms_downscale="none"
    )
    config = load_transformer(part.parent, card).config
    assert (config.main_scale, config.camera_scale, config.cam_rms_downscale) == (0.5, 0.25, "none")


def test_a_loaded_transformer_is_not_trained(part, transformer):
    save_file(transformer.state_dict(), part / WEIGHTS_FILE)
    loaded = load_transformer(part.parent, CARD)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def without_config(part, weights):
    (part / CONFIG_FILE).unlink()


def broken_config(part, weights):
    (part / CONFIG_FILE).write_text("{")


def other_network(part, weights):
    (part / CONFIG_FILE).write_text(json.dumps({"patch_size": [1, 2, 2]}))


def without_weights(part, weights):
    (part / WEIGHTS_FILE).unlink()


def shard_not_copied(part, weights):
    (part / WEIGHTS_FILE).unlink()
    (part / SHARDS_FILE).write_text(json.dumps({"weight_map": {"a": "shard-0.safetensors"}}))


def cut_short(part, weights):
    (part / WEIGHTS_FILE).write_bytes((part / WEIGHTS_FILE).read_bytes()[:5000])


def tensor_missing(part, weights):
    del weights["x_embedder.proj.bias"]
    save_file(weights, part / WEIGHTS_FILE)


def tensor_unknown(part, weights):
    save_file(weights | {"pos_embedding": torch.zeros(1)}, part / WEIGHTS_FILE)


def tensor_of_other_shape(part, weights):
    save_file(weights | {"x_embedder.proj.bias": torch.zeros(3)}, part / WEIGHTS_FILE)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (without_config, r"config\.json is missing"),
        (broken_config, r"config\.json is not JSON"),
        (other_network, r"needs patch_size = \(1, 1, 1\), got \(1, 2, 2\)"),
        (without_weights, "holds neither"),
        (shard_not_copied, r"shard-0\.safetensors is missing"),
        (cut_short, "was not copied whole"),
        (tensor_missing, r"Missing: x_embedder\.proj\.bias\."),
        (tensor_unknown, r"Unknown: pos_embedding\."),
        (tensor_of_other_shape, r"x_embedder\.proj\.bias is \(3,\) and \(16,\) is needed"),
    ],
)
def test_what_is_wrong_with_the_files_is_a_sentence(part, transformer, damage, sentence):
    weights = transformer.state_dict()
    save_file(weights, part / WEIGHTS_FILE)
    damage(part, dict(weights))
    with pytest.raises(ModelFilesMissingError, match=sentence):
        load_transformer(part.parent, CARD)
