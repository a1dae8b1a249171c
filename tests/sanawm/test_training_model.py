"""The world model in training is the world model in the product: same inputs, same numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from sanawm.camera.path import CameraPath
from sanawm.camera.sources import actions_path
from sanawm.config import TransformerConfig
from sanawm.model_parts import open_model
from sanawm.pipeline import SanaWMPipeline
from sanawm.progress import Finished
from sanawm.rays import camera_inputs
from sanawm.request import GenerationRequest
from sanawm.sampling import TIMESTEPS, denoise, pin_first_frame, shifted_sigmas
from sanawm.text import TextEncoder
from sanawm.tiny_autoencoder import TinyAutoencoderConfig, TinyVideoAutoencoder
from sanawm.training import clip_pool, train_world_model
from sanawm.training.clip_pool import ClipPool
from sanawm.training.presets import PRESETS, TextConfig
from sanawm.training.publish import make_card, publish_model
from sanawm.training.rollout import Shots, open_rollout
from sanawm.training.tiny_text import train_tokenizer
from sanawm.training.train_autoencoder import start_from_principal_components
from sanawm.training.train_world_model import (
    LatentClips,
    WorldModel,
    channel_weights,
    encode_clips,
    flow_loss,
    make_optimizers,
    velocity_error,
)
from sanawm.worlds.captions import corpus
from sanawm.worlds.clips import camera_intrinsics

PRESET = replace(
    PRESETS["smoke"],
    height=24,
    width=40,
    num_frames=9,
    num_clips=6,
    autoencoder=TinyAutoencoderConfig(latent_channels=8, fine_channels=8, coarse_channels=16),
    text=TextConfig(vocabulary=400, hidden_size=16, num_heads=2, max_tokens=24),
    transformer=TransformerConfig(
        in_channels=8,
        hidden_size=32,
        num_attention_heads=2,
        linear_head_dim=16,
        num_layers=4,
        mlp_ratio=2.0,
        caption_channels=16,
        chunk_plucker_channels=24,
    ),
    num_inference_steps=3,
)
CAPTIONS = [
    "a room with red walls",
    "A Hall with WHITE walls, two blue spheres",
    "a café under the 月, 12 ½ lamps",
    "a corridor " + "with orange and black brick walls, " * 6,
    "",
]


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(corpus(300, seed=0), PRESET.text)


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Two shards of three clips."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clip_pool, "CLIPS_PER_SHARD", 3)
        pool = ClipPool(tmp_path_factory.mktemp("clips"), PRESET, "train", 6)
    list(pool.render_until(6))
    return pool


@pytest.fixture(scope="module")
def autoencoder(pool):
    torch.manual_seed(0)
    autoencoder = TinyVideoAutoencoder(PRESET.autoencoder).eval()
    torch.nn.init.normal_(autoencoder.decoder.conv_out.weight, std=0.02)
    start_from_principal_components(autoencoder, pool.first(6))
    return autoencoder


@pytest.fixture(scope="module")
def model(tokenizer):
    """Weights that bfloat16 holds, and none at zero: what is published can be compared exactly."""
    torch.manual_seed(0)
    model = WorldModel(PRESET, tokenizer).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 and "conv_k" not in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
            parameter.copy_(parameter.bfloat16().float())
    return model


@pytest.fixture(scope="module")
def folder(model, autoencoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    publish_model(PRESET, autoencoder, model, folder)
    return folder


def path_of(clips, row):
    c2w, intrinsics = clips.c2w_BF44[row].numpy(), clips.intrinsics_BF4[row].numpy()
    return CameraPath(c2w=c2w, intrinsics=intrinsics, fps=8)


@torch.no_grad()
def test_captions_are_read_in_training_as_prompts_are_by_the_product(model, folder):
    states, mask = model.embed(CAPTIONS)
    encoder = TextEncoder(folder, chi_prompt="", text_length=PRESET.text.max_tokens)
    lengths = []
    for caption, row, valid in zip(CAPTIONS, states, mask, strict=True):
        expected = encoder.encode(caption)[0]
        assert valid.tolist() == [1] * len(expected) + [0] * (len(valid) - len(expected))
        torch.testing.assert_close(row[: len(expected)], expected, rtol=0, atol=1e-5)
        lengths.append(len(expected))
    assert lengths[3] == 24  # cut
    assert lengths[4] == 1  # the mark of the beginning alone
    assert states.std() > 0.1


def test_tokens_begin_with_their_mark_ignore_case_and_hold_every_byte(tokenizer):
    assert tokenizer("a room").input_ids[0] == tokenizer.bos_token_id
    assert tokenizer("A RooM").input_ids == tokenizer("a room").input_ids
    for text in CAPTIONS[:3]:
        ids = tokenizer(text).input_ids
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids, skip_special_tokens=True) == text.lower()
    grammar = corpus(50, seed=3)
    tokens = sum(len(tokenizer(text).input_ids) for text in grammar)
    assert tokens < 0.5 * sum(len(text) for text in grammar)


def test_the_camera_is_packed_in_training_as_the_product_packs_it(model, pool):
    card = make_card(PRESET)
    path = actions_path("w-3,dw-3,a-2", 9, card)
    lens = camera_intrinsics(np.array([card.fov_degrees]), 9, 24, 40)
    clips = LatentClips(
        latents_BCTHW=torch.zeros(1, 8, 3, 3, 5),
        c2w_BF44=torch.tensor(path.c2w)[None],
        intrinsics_BF4=torch.tensor(lens, dtype=torch.float32),
        captions=[""],
    )
    # A photo twice as large, whose field of view nobody knows: the card's is taken.
    expected = camera_inputs(path, card, (80, 48))
    for got, want in zip(model.camera(clips), expected, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)
    # And a clip of a world, with the lens it was filmed with.
    clip = pool.clip(1)
    known = path_of(clip, 0)
    clips = replace(clips, c2w_BF44=clip.c2w_BF44, intrinsics_BF4=clip.intrinsics_BF4)
    for got, want in zip(model.camera(clips), camera_inputs(known, card, (40, 24)), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)


class Oracle:
    """Knows the clean latents, and answers with the velocity that the sampler needs."""

    def __init__(self, clean_BCTHW):
        self.clean = clean_BCTHW
        self.asked = []

    def __call__(self, noisy_BCTHW, timestep_BT, *conditions):
        self.asked.append((noisy_BCTHW, timestep_BT))
        sigma = timestep_BT[:, None, :, None, None] / TIMESTEPS
        return (noisy_BCTHW - self.clean) / sigma.clamp(min=1e-3)


def test_the_velocity_that_training_asks_for_is_the_one_that_leads_the_sampler_home(model, pool):
    generator = torch.Generator().manual_seed(0)
    clean = torch.randn(2, 8, 3, 3, 5, generator=generator)
    noise = torch.randn(2, 8, 3, 3, 5, generator=generator)
    first = pool.first(2)
    clips = LatentClips(
        latents_BCTHW=clean,
        c2w_BF44=first.c2w_BF44,
        intrinsics_BF4=first.intrinsics_BF4,
        captions=first.captions,
    )
    oracle = Oracle(clean)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model.transformer, "forward", oracle)
        sigma = torch.tensor([0.25, 0.8])
        error = velocity_error(model, clips, ["", ""], sigma, noise, torch.ones(8))
    assert error.item() < 1e-9
    noisy, timestep = oracle.asked[0]
    assert torch.equal(noisy[:, :, 0], clean[:, :, 0])
    expected = torch.tensor([[0.0, 250, 250], [0, 800, 800]])
    torch.testing.assert_close(timestep, expected)
    levels = sigma[:, None, None, None, None]
    blend = (1 - levels) * clean[:, :, 1:] + levels * noise[:, :, 1:]
    torch.testing.assert_close(noisy[:, :, 1:], blend)
    start = pin_first_frame(noise, clean[:, :, :1])
    *_, drawn = denoise(Oracle(clean), start, shifted_sigmas(4, PRESET.shift))
    torch.testing.assert_close(drawn, clean, rtol=0, atol=1e-5)


@torch.no_grad()
def test_only_drawn_frames_count_each_channel_by_its_weight(model, pool, autoencoder):
    clips = encode_clips(autoencoder, pool.first(2), "cpu")
    clean = clips.latents_BCTHW.float()
    noise = torch.zeros_like(clean)
    with pytest.MonkeyPatch.context() as patch:
        wrong = torch.zeros_like(clean)
        wrong[:, :, 0] = 100  # nobody looks there
        wrong[:, 3, 1:] = 2
        patch.setattr(
            model.transformer, "forward", lambda *_: wrong + Oracle(clean)(*model_input(clean))
        )
        weights = torch.arange(8.0)
        error = velocity_error(model, clips, clips.captions, torch.ones(2), noise, weights)
    assert error.item() == pytest.approx(4 * 3 / 8, rel=1e-4)


def model_input(clean):
    """Pure noise that is all zero, behind a clean first frame."""
    noisy = torch.zeros_like(clean)
    noisy[:, :, 0] = clean[:, :, 0]
    timestep = torch.full((len(clean), clean.shape[2]), 1000.0)
    timestep[:, 0] = 0
    return noisy, timestep


def test_weights_of_channels_are_their_sizes_in_pixels(autoencoder):
    weights = channel_weights(autoencoder)
    assert weights.mean().item() == pytest.approx(1)
    with torch.no_grad():
        still = torch.zeros(1, 8, 1, 1, 1)
        base = autoencoder.decoder_linear(still[:, :, 0])
        for channel in (0, 5):
            one = still.clone()
            one[:, channel] = 1
            size = (autoencoder.decoder_linear(one[:, :, 0]) - base).norm()
            ratio = size / (autoencoder.decoder_linear.weight.flatten(1).norm(dim=0).mean())
            assert weights[channel].item() == pytest.approx(ratio.item(), rel=1e-3)
    assert (weights.diff() <= 0).all()  # principal components, the largest first


def test_one_caption_in_ten_is_left_out_and_noise_levels_lean_to_the_high_ones(model, monkeypatch):
    told, levels = [], []

    def remember(model, clips, captions, sigma_B, *others):
        told.extend(captions)
        levels.append(sigma_B)
        return torch.zeros(())

    monkeypatch.setattr(train_world_model, "velocity_error", remember)
    clips = LatentClips(
        latents_BCTHW=torch.zeros(2000, 1, 2, 1, 1),
        c2w_BF44=torch.eye(4).expand(2000, 5, 4, 4),
        intrinsics_BF4=torch.ones(2000, 5, 4),
        captions=["a room"] * 2000,
    )
    flow_loss(model, clips, torch.ones(1), torch.Generator().manual_seed(0))
    assert set(told) == {"", "a room"}
    assert told.count("") / 2000 == pytest.approx(0.1, abs=0.02)
    levels = torch.cat(levels)
    assert 0 < levels.min() < 0.15
    assert 0.97 < levels.max() < 1
    shift = PRESET.training_shift  # the middle of the logit-normal levels, shifted
    assert levels.median().item() == pytest.approx(shift / (1 + shift), abs=0.02)


@torch.no_grad()
def test_latents_of_a_batch_are_the_autoencoders_with_the_clips_own_cameras(pool, autoencoder):
    clips = pool.sample(10, 5, torch.Generator().manual_seed(0))
    encoded = encode_clips(autoencoder, clips, "cpu")
    expected = autoencoder.encode(clips.video())
    torch.testing.assert_close(encoded.latents_BCTHW.float(), expected, rtol=1e-3, atol=1e-3)
    assert torch.equal(encoded.c2w_BF44, clips.c2w_BF44)
    assert torch.equal(encoded.intrinsics_BF4, clips.intrinsics_BF4)
    assert encoded.captions == clips.captions


@torch.no_grad()
def test_an_untrained_network_answers_with_half_of_its_input(tokenizer, pool, autoencoder):
    fresh = WorldModel(PRESET, tokenizer).eval()
    clips = encode_clips(autoencoder, pool.first(2), "cpu")
    noise = torch.randn(clips.latents_BCTHW.shape, generator=torch.Generator().manual_seed(0))
    answer = fresh.velocity(noise, torch.ones(2), clips)
    share = (answer * noise).sum() / (noise * noise).sum()
    assert share.item() == pytest.approx(train_world_model.COPIED_SHARE, abs=0.25)
    assert torch.nn.functional.cosine_similarity(answer.flatten(), noise.flatten(), dim=0) > 0.5


def test_every_weight_is_trained_once_and_muon_has_matrices_of_the_blocks_alone(model, monkeypatch):
    groups = []
    monkeypatch.setattr(train_world_model, "Optimizers", groups.extend)
    make_optimizers(model, PRESET)
    muon, adam = groups
    assert (muon.is_muon, muon.rate) == (True, PRESET.transformer_matrix_rate)
    assert (adam.is_muon, adam.rate) == (False, PRESET.transformer_other_rate)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert sorted(id(p) for p in muon.parameters + adam.parameters) == sorted(names)
    by_muon = [names[id(parameter)] for parameter in muon.parameters]
    assert all(name.startswith("transformer.blocks.") for name in by_muon)
    assert not [name for name in by_muon if name.endswith("bias") or "norm" in name]
    assert any("attn" in name for name in by_muon)
    assert any("mlp" in name for name in by_muon)


def test_a_published_folder_opens_as_the_model_that_was_trained(folder, model, autoencoder):
    parts = open_model(folder)
    assert parts.card == make_card(PRESET)
    opened, trained = parts.transformer.state_dict(), model.transformer.state_dict()
    assert opened.keys() == trained.keys()
    assert all(torch.equal(opened[name], trained[name]) for name in trained)
    video = torch.rand(1, 3, 9, 24, 40) * 2 - 1
    with torch.no_grad():
        assert torch.equal(parts.autoencoder.encode(video), autoencoder.encode(video))
        decoded = [
            part.decode(autoencoder.encode(video)) for part in (parts.autoencoder, autoencoder)
        ]
    assert (decoded[0] - decoded[1]).abs().mean() < 5e-3  # bfloat16
    assert parts.transformer.config.main_scale == model.transformer.config.main_scale
    assert parts.transformer.config.camera_scale == model.transformer.config.camera_scale


def test_publishing_changes_nothing_of_the_model_in_training(autoencoder, tokenizer, tmp_path):
    torch.manual_seed(0)
    fresh = WorldModel(PRESET, tokenizer)
    before = {name: tensor.clone() for name, tensor in fresh.state_dict().items()}
    publish_model(PRESET, autoencoder, fresh, tmp_path)
    after = fresh.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert fresh.text_encoder.dtype == torch.float32


def test_weights_take_two_bytes_each(folder, model):
    numbers = sum(tensor.numel() for tensor in model.transformer.state_dict().values())
    size = (folder / "transformer" / "diffusion_pytorch_model.safetensors").stat().st_size
    assert size < 2.2 * numbers + 60_000  # names, and what is delicate


def test_evaluation_draws_what_the_product_draws(folder, pool, tmp_path):
    clips = pool.first(3)
    model = open_rollout(folder)
    first = clips.video()[:, :, 0]
    drawn = model.draw(
        Shots(
            first_B3HW=first,
            c2w_BF44=clips.c2w_BF44,
            intrinsics_BF4=clips.intrinsics_BF4,
            captions=clips.captions,
        )
    )
    assert drawn.shape == (3, 9, 3, 24, 40)
    assert (drawn[0] - drawn[1]).abs().mean() > 0.01
    pipeline = SanaWMPipeline.from_pretrained(folder)
    for row in (0, 2):
        photo = tmp_path / f"{row}.png"
        Image.fromarray(clips.frames_BFHWC[row, 0].numpy()).save(photo)
        request = GenerationRequest(
            image=photo,
            prompt=clips.captions[row],
            camera_path=path_of(clips, row),
            num_frames=9,
            seed=row,
            num_inference_steps=3,
            guidance_scale=1.0,
        )
        finished = [
            event
            for event in pipeline.generate(request, tmp_path / f"{row}.mp4")
            if isinstance(event, Finished)
        ]
        with torch.no_grad():
            video = model.autoencoder.decode(finished[0].latents)
        torch.testing.assert_close(video[0].transpose(0, 1), drawn[row], rtol=0, atol=1e-4)
