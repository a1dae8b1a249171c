"""Whole runs of the published pipeline: photo, camera, text and noise to final latents."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKLLTX2Video
from PIL import Image
from safetensors.torch import load_file

from sanawm.autoencoder import LTX2VideoAutoencoder
from sanawm.camera.path import CameraPath
from sanawm.card import ModelCard
from sanawm.config import TransformerConfig
from sanawm.picture import pixels_of
from sanawm.rays import camera_inputs
from sanawm.sampling import denoise, guided, pin_first_frame, shifted_sigmas
from sanawm.text import stack_texts
from sanawm.transformer import CameraInputs, SanaWMTransformer

DATA = Path(__file__).parents[1] / "data"
RUN = load_file(DATA / "sampler.safetensors")
CARD = ModelCard(height=128, width=192, lengths=(33,), num_frames=33, latent_channels=16)
INTRINSICS = (90.0, 92.0, 85.0, 50.0)
GRID = (5, 4, 6)


def relative_error(got, expected):
    return float((got - expected).norm() / expected.norm())


def weights_in(name):
    prefix = "state_dict/"
    tensors = load_file(DATA / f"{name}.safetensors")
    return {key.removeprefix(prefix): x for key, x in tensors.items() if key.startswith(prefix)}


@pytest.fixture(scope="module")
def transformer():
    config = json.loads((DATA / "oracle_tiny.json").read_text())["config"]
    model = SanaWMTransformer(TransformerConfig.from_diffusers(config))
    model.load_state_dict(weights_in("oracle_tiny"))
    return model.eval()


@pytest.fixture(scope="module")
def first_latent():
    model = AutoencoderKLLTX2Video(**json.loads((DATA / "vae_tiny.json").read_text()))
    model.load_state_dict(weights_in("vae_tiny"))
    photo = Image.fromarray(RUN["image_u8_hwc"].numpy())
    # `fit_to` resamples only what stays, which rounds one pixel in some thousands the other way.
    whole = photo.resize((218, 128), Image.Resampling.LANCZOS)
    with torch.no_grad():
        return LTX2VideoAutoencoder(model).encode(pixels_of(whole.crop((13, 0, 205, 128))))


@pytest.fixture(scope="module")
def camera():
    path = CameraPath.from_poses(RUN["c2w"].numpy(), intrinsics=INTRINSICS, fps=16)
    return CameraInputs(*camera_inputs(path, CARD, (170, 100)))


def texts(guidance):
    """Valid tokens only, as our text encoder hands them over."""
    names = ("negative", "prompt") if guidance != 1 else ("prompt",)
    return stack_texts([RUN[f"{n}_embeds"][:, 0, RUN[f"{n}_mask"][0].bool()] for n in names])


def test_the_picture_and_the_camera_are_those_of_the_reference(first_latent, camera):
    assert relative_error(first_latent, RUN["first_frame_latent"]) < 1e-5
    assert relative_error(camera.raymap_BT20, RUN["camera_conditions"]) < 1e-6
    assert relative_error(camera.plucker_BCTHW, RUN["chunk_plucker"]) < 1e-6


@pytest.mark.parametrize(
    ("run", "steps", "guidance"), [("n4_cfg5", 4, 5.0), ("n4_cfg1", 4, 1.0), ("n8_cfg5", 8, 5.0)]
)
@torch.no_grad()
def test_final_latents_are_those_of_the_reference(
    transformer, first_latent, camera, run, steps, guidance
):
    text_BLD, mask_BL = texts(guidance)
    both = CameraInputs(*(x.expand(len(text_BLD), *x.shape[1:]) for x in camera))
    conditions = transformer.prepare(text_BLD, mask_BL, both, GRID)

    def velocity(latents_BCTHW, timestep_BT):
        return transformer.step(latents_BCTHW, timestep_BT, conditions)

    start = pin_first_frame(RUN["initial_latents"], first_latent)
    sigmas = shifted_sigmas(steps, CARD.shift)
    *_, latents = denoise(velocity if guidance == 1 else guided(velocity, guidance), start, sigmas)
    assert relative_error(latents, RUN[f"{run}/final_latents"]) < 1e-5
