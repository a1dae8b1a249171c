from dataclasses import replace

import pytest
import torch

from sanawm.config import TransformerConfig
from sanawm.model_sizes import block_weights, transformer_weights, weights_outside_blocks
from sanawm.transformer import SanaWMTransformer

SMALL = TransformerConfig(
    in_channels=12,
    num_layers=5,
    hidden_size=48,
    num_attention_heads=3,
    linear_head_dim=16,
    softmax_every_n=2,
    mlp_ratio=2.5,
    caption_channels=20,
    chunk_plucker_channels=30,
    chunk_plucker_post_attn_blocks=3,
)


def counted(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    "config",
    [TransformerConfig(), SMALL, replace(SMALL, softmax_every_n=0), replace(SMALL, mlp_ratio=1.3)],
)
def test_every_block_and_the_rest_count_what_a_built_model_holds(config):
    with torch.device("meta"):
        model = SanaWMTransformer(config)
    blocks = [block_weights(config, index) for index in range(config.num_layers)]
    assert blocks == [counted(block) for block in model.blocks]
    assert weights_outside_blocks(config) == counted(model) - counted(model.blocks)
    assert transformer_weights(config) == counted(model)


def test_the_published_sizes_count_to_the_published_number():
    assert transformer_weights(TransformerConfig()) == 2_661_800_448
