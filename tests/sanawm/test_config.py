import pytest

from sanawm.config import TransformerConfig


def test_defaults_are_the_published_models_sizes():
    config = TransformerConfig()
    assert (config.hidden_size, config.num_layers, config.mlp_size) == (2240, 20, 6720)
    assert [block for block in range(20) if config.is_softmax(block)] == [3, 7, 11, 15, 19]


def test_a_diffusers_config_comes_back_the_same():
    config = TransformerConfig(hidden_size=64, num_attention_heads=2, linear_head_dim=32)
    assert TransformerConfig.from_diffusers(config.to_diffusers()) == config


def test_what_is_not_named_keeps_the_published_default():
    config = TransformerConfig.from_diffusers({"num_layers": 2, "image_size": 720})
    assert config == TransformerConfig(num_layers=2)


@pytest.mark.parametrize(
    ("head_dim", "padded"),
    [(16, 128), (24, 128), (32, 32), (64, 64), (112, 128), (128, 128), (136, 256), (320, 320)],
)
def test_the_camera_scale_is_that_of_a_padded_head(head_dim, padded):
    config = TransformerConfig(
        hidden_size=head_dim, num_attention_heads=1, linear_head_dim=head_dim
    )
    assert config.camera_scale == pytest.approx(padded**-0.5)
    assert config.main_scale == pytest.approx(head_dim**-0.5)


def test_a_negative_number_of_plucker_blocks_means_all():
    assert TransformerConfig(chunk_plucker_post_attn_blocks=-1).has_plucker(19)
    assert not TransformerConfig(chunk_plucker_post_attn_blocks=3).has_plucker(3)


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ({"linear_head_dim": 20}, "multiple of 8, got 20"),
        ({"hidden_size": 100}, "= 2240, got 100"),
    ],
)
def test_impossible_sizes_are_refused_at_once(sizes, sentence):
    with pytest.raises(ValueError, match=sentence):
        TransformerConfig(**sizes)


def test_a_network_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="needs pos_embed_type = wan_rope, got sincos"):
        TransformerConfig.from_diffusers({"pos_embed_type": "sincos"})
