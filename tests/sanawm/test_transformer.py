"""The transformer against recorded numbers of the released implementation, module by module."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sanawm.config import TransformerConfig
from sanawm.transformer import CameraInputs, SanaWMTransformer

DATA = Path(__file__).parents[1] / "data"
CONFIG = TransformerConfig.from_diffusers(
    json.loads((DATA / "oracle_tiny.json").read_text())["config"]
)
ORACLE = load_file(DATA / "oracle_tiny.safetensors")
WEIGHTS = {
    name.removeprefix("state_dict/"): tensor
    for name, tensor in ORACLE.items()
    if name.startswith("state_dict/")
}
MODULES = {  # as recorded: as named here
    "t_embedder": "t_embedder",
    "y_embedder": "y_embedder",
    **{f"block{index}": f"blocks.{index}" for index in range(4)},
    **{
        f"block{index}.{part}": f"blocks.{index}.{part}"
        for index in (0, 3)
        for part in ("attn", "cross_attn", "mlp")
    },
}


def relative_error(got, expected):
    return float((got - expected).norm() / expected.norm())


def build(config=CONFIG):
    transformer = SanaWMTransformer(config)
    transformer.load_state_dict(WEIGHTS)
    return transformer.requires_grad_(False)


def inputs(*, with_camera=True):
    camera = CameraInputs(ORACLE["camera_conditions"], ORACLE["chunk_plucker"])
    return (
        ORACLE["x"],
        ORACLE["timestep"].squeeze(1),
        ORACLE["y"].squeeze(1),
        ORACLE["mask"],
        camera if with_camera else None,
    )


def test_velocity_is_the_recorded_one():
    assert relative_error(build()(*inputs()), ORACLE["out_fp32_sdpa"]) <= 1e-5


@pytest.mark.parametrize("recorded", MODULES)
def test_every_module_hands_on_the_recorded_numbers(recorded):
    transformer, seen = build(), []
    module = transformer.get_submodule(MODULES[recorded])
    module.register_forward_hook(
        lambda _, __, output: seen.append(output[0] if isinstance(output, tuple) else output)
    )
    transformer(*inputs())
    expected = ORACLE[f"inter_fp32_sdpa/{recorded}"]
    if recorded == "y_embedder":  # padding is cut before it
        expected = expected[:, :, ORACLE["mask"][0].bool()]
    assert relative_error(seen[0].reshape(expected.shape), expected) <= 1e-5


def test_without_the_length_limit_the_recorded_variant_comes_out():
    transformer = build(replace(CONFIG, cam_rms_downscale="none"))
    expected = ORACLE["out_fp32_sdpa_no_rms_downscale"]
    assert relative_error(transformer(*inputs()), expected) <= 1e-5


def test_without_a_camera_its_branch_is_left_out():
    """The recorded numbers were made with softmax in bfloat16, hence the wider tolerance."""
    velocity = build()(*inputs(with_camera=False))
    assert relative_error(velocity, ORACLE["out_no_camera"]) <= 5e-5


def test_the_limit_can_be_kept_in_softmax_blocks_only():
    outputs = [
        build(replace(CONFIG, cam_rms_downscale=which))(*inputs())
        for which in ("all", "softmax_only", "none")
    ]
    assert len({float(output.sum()) for output in outputs}) == 3


@pytest.mark.parametrize("field", ["softmax_scale_main", "softmax_scale_camera"])
def test_softmax_scales_can_be_set(field):
    default = CONFIG.main_scale if field == "softmax_scale_main" else CONFIG.camera_scale
    same = build(replace(CONFIG, **{field: default}))(*inputs())
    other = build(replace(CONFIG, **{field: 2 * default}))(*inputs())
    torch.testing.assert_close(same, build()(*inputs()), rtol=0, atol=0)
    assert relative_error(other, same) > 1e-4


def test_the_timesteps_fraction_is_dropped():
    latents, timestep, *rest = inputs()
    transformer = build()
    torch.testing.assert_close(
        transformer(latents, timestep.floor() + 0.9, *rest),
        transformer(latents, timestep.floor(), *rest),
        rtol=0,
        atol=0,
    )


def test_steps_under_prepared_conditions_are_the_whole_forward():
    latents, timestep, text, mask, camera = inputs()
    transformer = build()
    conditions = transformer.prepare(text, mask, camera, (5, 4, 6))
    for scale in (1, 0.5):
        stepped = transformer.step(scale * latents, scale * timestep, conditions)
        whole = transformer(scale * latents, scale * timestep, text, mask, camera)
        torch.testing.assert_close(stepped, whole, rtol=0, atol=0)


def test_one_row_of_latents_serves_several_texts():
    latents, timestep, text, mask, camera = inputs()
    texts, masks = torch.cat((text, -text)), torch.cat((mask, mask.flip(1)))
    cameras = CameraInputs(*(x.repeat(2, *[1] * (x.dim() - 1)) for x in camera))
    transformer = build()
    conditions = transformer.prepare(texts, masks, cameras, (5, 4, 6))
    once = transformer.step(latents, timestep, conditions)
    twice = transformer.step(latents.repeat(2, 1, 1, 1, 1), timestep.repeat(2, 1), conditions)
    torch.testing.assert_close(once, twice, rtol=1e-5, atol=1e-5)
    assert relative_error(once[0], once[1]) > 1e-3


def test_the_published_sizes_give_the_published_parameters():
    with torch.device("meta"):
        transformer = SanaWMTransformer(TransformerConfig())
    assert len(transformer.state_dict()) == 870
    assert sum(parameter.numel() for parameter in transformer.parameters()) == 2_661_800_448


def test_half_precision_stays_near_single():
    transformer = build()
    exact = transformer(*inputs())
    half = transformer.bfloat16()(*inputs())
    assert half.dtype == torch.bfloat16
    assert relative_error(half.float(), exact) < 0.05


def test_training_reaches_every_parameter_but_those_without_use():
    transformer = SanaWMTransformer(CONFIG)
    transformer.init_weights(torch.Generator().manual_seed(0))
    torch.nn.init.normal_(transformer.final_layer.linear.weight)
    transformer(*inputs()).square().mean().backward()
    silent = {
        name
        for name, parameter in transformer.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    }
    unused_in_softmax = {"A_log", "dt_bias", "beta_proj", "gate_proj"}
    assert silent == {"raymap_embedder.proj.weight", "raymap_embedder.proj.bias"} | {
        name
        for name, _ in transformer.named_parameters()
        if name.startswith("blocks.3.attn") and name.split(".")[3] in unused_in_softmax
    }


def test_initial_weights_follow_the_generator_alone():
    first, second = SanaWMTransformer(CONFIG), SanaWMTransformer(CONFIG)
    first.init_weights(torch.Generator().manual_seed(3))
    second.init_weights(torch.Generator().manual_seed(3))
    for (name, one), other in zip(first.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other), name


def test_an_untrained_transformer_guesses_no_velocity():
    transformer = SanaWMTransformer(CONFIG)
    transformer.init_weights(torch.Generator().manual_seed(0))
    assert not transformer(*inputs()).any()
