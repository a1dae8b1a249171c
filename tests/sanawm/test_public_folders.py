"""Folders as the public repositories have them, opened as a person would who copied one."""

import json
import re
import shutil
from copy import deepcopy
from dataclasses import asdict, replace

import av
import numpy as np
import pytest
import torch
from PIL import Image
from public_folders import (
    CONFIG,
    SMALL_CARD,
    random_transformer,
    write_diffusers,
    write_original,
    write_streaming,
)
from test_transformer_diffusers import Case, inputs

from sanawm.camera.sources import actions_path
from sanawm.errors import ModelFilesMissingError
from sanawm.model_folder import check_model_folder
from sanawm.pipeline import SanaWMPipeline
from sanawm.public_cards import (
    DIFFUSERS_REPO,
    ORIGINAL_REPO,
    SANA_WM,
    SANA_WM_STREAMING,
)
from sanawm.request import GenerationRequest

LAYOUTS = {"diffusers": write_diffusers, "original": write_original, "streaming": write_streaming}
IN_EVERY_LAYOUT = pytest.mark.parametrize("layout", LAYOUTS)


@pytest.fixture(scope="module")
def transformer():
    return random_transformer()


@pytest.fixture(scope="module")
def folders(transformer, tiny_model_folder, tmp_path_factory):
    """One model in each public layout, without a card."""
    root = tmp_path_factory.mktemp("public")
    return {
        name: write(root / name, transformer, tiny_model_folder) for name, write in LAYOUTS.items()
    }


@pytest.fixture
def copied(folders, tmp_path):
    """A copy of a folder, to be changed."""

    def copy(layout, card=None):
        folder = shutil.copytree(folders[layout], tmp_path / "model")
        if card is not None:
            (folder / "wanderbook.json").write_text(json.dumps(card.to_dict()))
        return folder

    return copy


@IN_EVERY_LAYOUT
def test_a_folder_without_a_card_opens_as_the_public_model_it_is(folders, layout):
    expected = {
        "diffusers": SANA_WM,
        "original": replace(SANA_WM, source=ORIGINAL_REPO),
        "streaming": SANA_WM_STREAMING,
    }
    pipeline = SanaWMPipeline.from_pretrained(folders[layout])
    assert pipeline.card == expected[layout]
    config = pipeline.parts.transformer.config
    assert config.cam_rms_downscale == pipeline.card.cam_rms_downscale
    assert config.main_scale == pytest.approx(128**-0.5 if layout == "streaming" else 24**-0.5)


def test_every_layout_of_one_model_draws_the_very_same(copied, transformer):
    """Where a file places a tensor decides how sums over it round, so each is copied first."""
    case = Case(heads=2, head_dim=24, grid=(4, 2, 3), sizes=asdict(CONFIG))
    expected = transformer(*inputs(case))
    assert float(expected.std()) > 0.1
    for layout in LAYOUTS:
        folder = copied(layout, SMALL_CARD)
        opened = SanaWMPipeline.from_pretrained(folder).parts.transformer
        assert torch.equal(deepcopy(opened)(*inputs(case)), expected)
        torch.testing.assert_close(opened(*inputs(case)), expected, rtol=1e-5, atol=5e-6)
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("layout", "changes", "frames"),
    [
        ("diffusers", {"num_inference_steps": 2}, 9),
        ("streaming", {"lengths": (25, 49), "num_frames": 49}, 49),
    ],
)
def test_a_copied_folder_makes_a_video(copied, layout, changes, frames, tmp_path):
    """A card beside the files changes the sizes; everything else is as it is published."""
    public = SANA_WM if layout == "diffusers" else SANA_WM_STREAMING
    sizes = {name: getattr(SMALL_CARD, name) for name in ("height", "width", "text_length")}
    sizes |= {"lengths": SMALL_CARD.lengths, "num_frames": SMALL_CARD.num_frames}
    card = replace(public, chi_prompt=SMALL_CARD.chi_prompt, **sizes | changes)
    pipeline = SanaWMPipeline.from_pretrained(copied(layout, card))
    y, x = np.mgrid[0:64, 0:96]
    picture = np.stack((x * 2, y * 4, 255 - x), axis=-1).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "photo.png")
    request = GenerationRequest(
        image=tmp_path / "photo.png",
        prompt="a hall",
        camera_path=actions_path("w-4,d-2", frames, card),
        num_frames=frames,
        seed=3,
        num_inference_steps=card.num_inference_steps,
        guidance_scale=card.guidance_scale,
    )
    *_, finished = pipeline.generate(request, tmp_path / "clip.mp4")
    with av.open(str(finished.video)) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(shown) == frames
    assert finished.latents.shape == (1, 128, card.num_latent_frames(frames), 2, 3)
    assert np.asarray(shown, float).std() > 1
    assert finished.record["model"]["name"] == card.name


def remove(*names):
    def removed(folder):
        for name in names:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return removed


@pytest.mark.parametrize(
    ("layout", "damage", "lacking"),
    [
        ("diffusers", remove("model_index.json"), "model_index.json is missing"),
        ("diffusers", remove("transformer/config.json"), "transformer/config.json is missing"),
        ("diffusers", remove("text_encoder"), "text_encoder/config.json is missing"),
        ("original", remove("vae/config.json"), "vae/config.json is missing"),
        ("original", remove("dit/sana_wm_1600m_720p.safetensors"), "dit/ holds no .safetensors"),
        ("original", remove("text_encoder", "tokenizer"), "text_encoder/ is missing"),
        ("original", remove("tokenizer"), "tokenizer/ is missing"),
        ("streaming", remove("sana_dit/model.pt"), "sana_dit/ holds no .safetensors"),
        ("streaming", remove("ltx2_causal_vae"), "vae/config.json is missing"),
        ("streaming", remove("text_encoder"), "text_encoder/ is missing"),
    ],
)
def test_what_a_copied_folder_lacks_is_named(copied, layout, damage, lacking):
    folder = copied(layout)
    damage(folder)
    with pytest.raises(ModelFilesMissingError, match=re.escape(lacking)) as refused:
        SanaWMPipeline.from_pretrained(folder)
    remedies = {
        "diffusers": "",
        "original": "`python -m sanawm models fetch sana-wm` puts everything in place.",
        "streaming": "`python -m sanawm models fetch sana-wm-streaming` puts everything in place.",
    }
    assert str(refused.value).endswith(remedies[layout])


def test_the_autoencoder_may_call_itself_by_its_causal_name(copied):
    folder = copied("streaming")
    file = folder / "ltx2_causal_vae" / "config.json"
    config = json.loads(file.read_text()) | {"_class_name": "AutoencoderKLCausalLTX2Video"}
    file.write_text(json.dumps(config))
    autoencoder = SanaWMPipeline.from_pretrained(folder).parts.autoencoder
    frames, _ = autoencoder.decode_next(torch.zeros(1, 128, 2, 2, 3), None)
    assert frames.shape == (1, 3, 9, 64, 96)


@pytest.mark.parametrize(("layout", "part"), [("original", "dit"), ("streaming", "sana_dit")])
def test_other_weights_are_another_revision(folders, copied, layout, part):
    """Or results of the one would be taken for those of the other."""
    folder = copied(layout)
    before = SanaWMPipeline.from_pretrained(folder).parts
    (folder / part / "notes.txt").write_text("other weights")
    after = SanaWMPipeline.from_pretrained(folder).parts
    assert before.fingerprints["transformer"] != after.fingerprints["transformer"]
    assert before.fingerprints["vae"] == after.fingerprints["vae"]
    assert before.revision != after.revision


@IN_EVERY_LAYOUT
def test_a_whole_folder_lacks_nothing(folders, layout):
    check_model_folder(folders[layout])


def test_public_cards_are_what_was_published():
    assert (SANA_WM.name, SANA_WM.source, SANA_WM.streaming) == ("sana-wm", DIFFUSERS_REPO, False)
    assert SANA_WM_STREAMING.sigmas == (1.0, 0.96, 0.889, 0.727)
    assert SANA_WM_STREAMING.num_inference_steps == len(SANA_WM_STREAMING.sigmas)
    assert SANA_WM_STREAMING.num_latent_frames(241) == 31
    assert SANA_WM_STREAMING.chi_prompt == SANA_WM.chi_prompt
