"""LoRA files in every format that is about; each change is checked against the formula."""

import json

import pytest
import torch
from safetensors.torch import save_file
from test_weights import CARD, CONFIG

from sanawm.checkpoints import CONFIG_FILE, WEIGHTS_FILE
from sanawm.errors import InvalidRequestError
from sanawm.lora import read_lora
from sanawm.transformer import SanaWMTransformer
from sanawm.weights import load_transformer

RANK = 3
TARGETS = {  # module: (out, in)
    "blocks.0.attn.qkv": (48, 16),
    "blocks.1.cross_attn.kv_linear": (32, 16),
    "blocks.1.mlp.inverted_conv.conv": (96, 16),
}


@pytest.fixture
def folder(tmp_path):
    transformer = SanaWMTransformer(CONFIG)
    transformer.init_weights(torch.Generator().manual_seed(0))
    part = tmp_path / "model" / "transformer"
    part.mkdir(parents=True)
    (part / CONFIG_FILE).write_text(json.dumps(CONFIG.to_diffusers()))
    save_file(transformer.state_dict(), part / WEIGHTS_FILE)
    return part.parent


def matrices(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        module: (
            torch.randn(RANK, columns, generator=generator),
            torch.randn(rows, RANK, generator=generator),
        )
        for module, (rows, columns) in TARGETS.items()
    }


def write(file, pairs, *, down="lora_A.weight", up="lora_B.weight", prefix="transformer.", **more):
    tensors = {}
    for module, (a, b) in pairs.items():
        as_conv = "conv" in module and more.get("convolutions")
        tensors[f"{prefix}{module}.{down}"] = a[:, :, None, None].clone() if as_conv else a
        tensors[f"{prefix}{module}.{up}"] = b[:, :, None, None].clone() if as_conv else b
        if "alpha" in more:
            tensors[f"{prefix}{module}.alpha"] = torch.tensor(float(more["alpha"]))
    save_file(tensors, file, metadata=more.get("metadata"))
    return file


def changed_by(folder, *loras):
    """What loading with these files adds to each matrix."""
    plain = load_transformer(folder, CARD).state_dict()
    loaded = load_transformer(folder, CARD, loras=loras).state_dict()
    return {
        name: loaded[name] - plain[name]
        for name in plain
        if not torch.equal(loaded[name], plain[name])
    }


FORMATS = [
    {},
    {"prefix": ""},
    {"prefix": "base_model.model."},
    {"prefix": "base_model.model.transformer."},
    {"prefix": "diffusion_model.", "down": "lora_down.weight", "up": "lora_up.weight"},
    {"convolutions": True},
]


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_every_format_adds_b_times_a(folder, tmp_path, form):
    pairs = matrices()
    file = write(tmp_path / "style.safetensors", pairs, **form)
    found = changed_by(folder, (file, 0.5))
    assert set(found) == {f"{module}.weight" for module in TARGETS}
    for module, (a, b) in pairs.items():
        expected = 0.5 * (b.double() @ a.double())
        torch.testing.assert_close(
            found[f"{module}.weight"].double().view(expected.shape), expected, rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize(
    "form",
    [
        {"alpha": 6},
        {"metadata": {"lora_adapter_metadata": '{"transformer.lora_alpha": 6, "r": 3}'}},
    ],
    ids=["beside the matrix", "in the metadata"],
)
def test_alpha_over_rank_scales_the_change(folder, tmp_path, form):
    plain = changed_by(folder, (write(tmp_path / "plain.safetensors", matrices()), 1))
    scaled = changed_by(folder, (write(tmp_path / "scaled.safetensors", matrices(), **form), 1))
    for name, delta in plain.items():
        torch.testing.assert_close(scaled[name], 2 * delta, rtol=1e-4, atol=1e-4)


def test_several_files_add_up_each_with_its_weight(folder, tmp_path):
    one = write(tmp_path / "one.safetensors", matrices(1))
    other = write(tmp_path / "other.safetensors", matrices(2))
    both = changed_by(folder, (one, 0.7), (other, -0.3))
    first, second = changed_by(folder, (one, 0.7)), changed_by(folder, (other, -0.3))
    for name, delta in both.items():
        torch.testing.assert_close(delta, first[name] + second[name], rtol=1e-4, atol=1e-4)


def test_a_weight_of_zero_changes_nothing(folder, tmp_path):
    assert changed_by(folder, (write(tmp_path / "style.safetensors", matrices()), 0)) == {}


def test_what_does_not_fit_is_refused_by_name(folder, tmp_path):
    file = tmp_path / "style.safetensors"
    unknown = {f"blocks.{n}.attn.to_q": matrices()["blocks.0.attn.qkv"] for n in range(7)}
    write(file, unknown)
    with pytest.raises(InvalidRequestError, match=r"has no blocks\.0\.attn\.to_q.* and 2 more"):
        load_transformer(folder, CARD, loras=[(file, 1)])
    write(file, {"blocks.0.attn.qkv": (torch.ones(2, 8), torch.ones(48, 2))})
    with pytest.raises(
        InvalidRequestError, match=r"blocks\.0\.attn\.qkv \(48 × 8 instead of 48 × 16\)"
    ):
        load_transformer(folder, CARD, loras=[(file, 1)])


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({"blocks.0.attn.qkv.lora_A.weight": torch.ones(2, 16)}, "half of blocks"),
        ({"blocks.0.attn.qkv.dora_scale": torch.ones(2)}, "DoRA"),
        ({"blocks.0.attn.qkv.weight": torch.ones(2, 2)}, "whole checkpoints"),
        (
            {
                "blocks.0.attn.qkv.lora_A.weight": torch.ones(2, 16),
                "blocks.0.attn.qkv.lora_B.weight": torch.ones(48, 4),
            },
            "ranks 2 and 4",
        ),
    ],
    ids=["half", "dora", "checkpoint", "ranks"],
)
def test_a_file_that_is_no_lora_says_why(tmp_path, tensors, sentence):
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(InvalidRequestError, match=sentence):
        read_lora(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("down", "up", "alpha"),
    [((16,), (48,), ()), ((0, 16), (48, 0), ()), ((2, 16), (48, 2), (3,))],
    ids=["no matrices", "of rank 0", "several alphas"],
)
def test_odd_shapes_are_refused_with_a_sentence(tmp_path, down, up, alpha):
    shapes = {"lora_down.weight": down, "lora_up.weight": up, "alpha": alpha}
    tensors = {f"blocks.0.attn.qkv.{name}": torch.ones(shape) for name, shape in shapes.items()}
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(InvalidRequestError, match=r"blocks\.0\.attn\.qkv is not of a LoRA"):
        read_lora(tmp_path / "x.safetensors")


def test_a_file_that_is_not_safetensors_says_so(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"\x80\x04nothing")
    for name in ("x.safetensors", "missing.safetensors"):
        with pytest.raises(InvalidRequestError, match="cannot be read as a LoRA file"):
            read_lora(tmp_path / name)
