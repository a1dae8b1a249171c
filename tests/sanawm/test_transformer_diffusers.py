"""The transformer against diffusers' own class, on drawn sizes, shapes and weights.

diffusers computes softmax attention in bfloat16 even for a float32 model. Its source is read
here with that taken out, and once more with all of it in float64, so that the two
implementations can be compared to the last digits.
"""

import importlib.util
import sys
import types
from dataclasses import dataclass, field

import pytest
import torch

from sanawm.config import TransformerConfig
from sanawm.transformer import CameraInputs, SanaWMTransformer

IN_SINGLE = {".bfloat16()": ""}
IN_DOUBLE = IN_SINGLE | {
    ".float()": ".double()",
    "torch.float32": "torch.float64",
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One drawn model and what is put in."""

    heads: int
    head_dim: int
    grid: tuple[int, int, int]
    batch: int = 1
    text_lengths: tuple[int, ...] = (6,)
    has_camera: bool = True
    travel: float = 0.3  # distance between latent frames
    sizes: dict = field(default_factory=dict)

    def config(self):
        return TransformerConfig(
            **{
                "in_channels": 6,
                "num_layers": 4,
                "hidden_size": self.heads * self.head_dim,
                "num_attention_heads": self.heads,
                "linear_head_dim": self.head_dim,
                "caption_channels": 10,
                "chunk_plucker_channels": 24,
                "chunk_plucker_post_attn_blocks": 4,
            }
            | self.sizes
        )


CASES = {
    "published-head": Case(heads=2, head_dim=112, grid=(5, 3, 4)),
    "one-frame": Case(heads=2, head_dim=32, grid=(1, 4, 5)),
    "two-frames-odd-grid": Case(heads=3, head_dim=24, grid=(2, 3, 5), text_lengths=(1,)),
    "padded-texts": Case(heads=2, head_dim=16, grid=(3, 2, 3), batch=3, text_lengths=(2, 5, 7)),
    "no-camera": Case(heads=1, head_dim=56, grid=(7, 2, 2), has_camera=False),
    "far-travel": Case(heads=4, head_dim=8, grid=(9, 3, 3), batch=2, travel=20.0),
    "all-softmax": Case(heads=2, head_dim=64, grid=(4, 3, 3), sizes={"softmax_every_n": 1}),
    "all-delta": Case(
        heads=1,
        head_dim=40,
        grid=(6, 1, 5),
        sizes={
            "softmax_every_n": 0,
            "num_layers": 3,
            "mlp_ratio": 2.5,
            "chunk_plucker_post_attn_blocks": 1,
        },
    ),
}


def rewritten(name, replacements):
    """A module of diffusers, with these words replaced in its source."""
    spec = importlib.util.find_spec(f"diffusers.models.{name}")
    source = spec.loader.get_source(spec.name)
    for word, replacement in replacements.items():
        source = source.replace(word, replacement)
    module = types.ModuleType(f"{spec.name}_rewritten_{len(replacements)}")
    module.__package__, module.__file__ = spec.name.rpartition(".")[0], spec.origin
    sys.modules[module.__name__] = module
    exec(compile(source, spec.origin, "exec"), module.__dict__)
    return module


def diffusers_class(replacements):
    """SanaWMTransformer3DModel with these words replaced, in what it imports too."""
    module = rewritten("transformers.transformer_sana_wm", replacements)
    if replacements is IN_DOUBLE:
        embeddings = rewritten("embeddings", replacements)
        module.RMSNorm = rewritten("normalization", replacements).RMSNorm
        for name in ("Timesteps", "TimestepEmbedding", "get_1d_rotary_pos_embed"):
            setattr(module, name, getattr(embeddings, name))
    return module.SanaWMTransformer3DModel


@pytest.fixture(scope="module")
def in_single():
    return diffusers_class(IN_SINGLE)


@pytest.fixture(scope="module")
def in_double():
    return diffusers_class(IN_DOUBLE)


@pytest.fixture(scope="module")
def unmodified():
    return diffusers_class({})


def draw(generator, *shape):
    return torch.randn(*shape, generator=generator)


def randomise(transformer, gain):
    """Weights of trained size everywhere, also where a fresh model has zeros."""
    generator = torch.Generator().manual_seed(0)
    for name, parameter in transformer.named_parameters():
        noise = draw(generator, *parameter.shape)
        if "norm" in name:
            parameter.data = 1 + 0.2 * noise
        elif parameter.dim() >= 2:
            parameter.data = gain * noise / parameter[0].numel() ** 0.5
        else:
            parameter.data = 0.5 * noise
    return transformer.requires_grad_(False)


def camera_path(case, generator):
    """Cameras that turn and travel, each with its own lens."""
    num_frames = case.grid[0]
    angles = 0.3 * torch.cumsum(draw(generator, case.batch, num_frames), dim=1)
    c2w_BT44 = torch.eye(4).repeat(case.batch, num_frames, 1, 1)
    c2w_BT44[..., 0, 0] = c2w_BT44[..., 2, 2] = angles.cos()
    c2w_BT44[..., 0, 2] = angles.sin()
    c2w_BT44[..., 2, 0] = -angles.sin()
    steps = case.travel * draw(generator, case.batch, num_frames, 3)
    c2w_BT44[..., :3, 3] = torch.cumsum(steps, dim=1)
    lens_BT4 = torch.tensor([4.0, 4.4, 2.1, 1.4]) + 0.1 * draw(generator, case.batch, num_frames, 4)
    return torch.cat((c2w_BT44.flatten(2), lens_BT4), dim=-1)


def inputs(case):
    generator = torch.Generator().manual_seed(1)
    config = case.config()
    longest = max(case.text_lengths)
    lengths = torch.tensor(case.text_lengths).expand(case.batch)
    timestep_BT = 1000 * torch.rand(case.batch, case.grid[0], generator=generator)
    timestep_BT[:, 0] = 0
    camera = None
    if case.has_camera:
        plucker = draw(generator, case.batch, config.chunk_plucker_channels, *case.grid)
        camera = CameraInputs(camera_path(case, generator), plucker)
    return (
        draw(generator, case.batch, config.in_channels, *case.grid),
        timestep_BT,
        draw(generator, case.batch, longest + 2, config.caption_channels),
        (torch.arange(longest + 2) < lengths[:, None]).long(),
        camera,
    )


def ours_and_theirs(case, their_class, dtype, gain):
    ours = randomise(SanaWMTransformer(case.config()), gain)
    theirs = their_class(**{k: v for k, v in case.config().to_diffusers().items() if k[0] != "_"})
    theirs.load_state_dict(ours.state_dict())
    latents, timestep, text, mask, camera = inputs(case)
    latents, text = latents.to(dtype), text.to(dtype)
    camera = None if camera is None else CameraInputs(*(x.to(dtype) for x in camera))
    velocity = ours.to(dtype)(latents, timestep, text, mask, camera)
    with torch.no_grad():
        expected = theirs.to(dtype)(
            latents,
            timestep[:, None],
            text[:, None],
            encoder_attention_mask=mask,
            camera_conditions=None if camera is None else camera.raymap_BT20,
            chunk_plucker=None if camera is None else camera.plucker_BCTHW,
        ).sample
    return velocity, expected


def relative_error(case, their_class, dtype, gain=1.0):
    velocity, expected = ours_and_theirs(case, their_class, dtype, gain)
    return float((velocity - expected).norm() / expected.norm())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_single_precision_agrees(case, in_single):
    assert relative_error(case, in_single, torch.float32) <= 1e-5


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_double_precision_agrees(case, in_double):
    assert relative_error(case, in_double, torch.float64) <= 1e-12


@pytest.mark.parametrize("name", ["published-head", "no-camera", "padded-texts"])
def test_the_class_as_released_agrees_but_for_its_bfloat16(name, unmodified):
    assert relative_error(CASES[name], unmodified, torch.float32, gain=0.3) <= 1e-4
