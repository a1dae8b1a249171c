import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sanawm.errors import ModelFilesMissingError
from sanawm.tiny_autoencoder import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    TinyAutoencoderConfig,
    TinyVideoAutoencoder,
    config_to_dict,
    latent_cells,
    load_tiny_autoencoder,
)
from sanawm.training.clip_pool import ClipBatch
from sanawm.training.run import save_autoencoder
from sanawm.training.train_autoencoder import start_from_principal_components

SIZES = TinyAutoencoderConfig(
    latent_channels=6, fine_channels=8, coarse_channels=12, decoder_blocks=2
)


@pytest.fixture
def autoencoder():
    """Every weight is random: nothing is hidden by what starts at zero."""
    torch.manual_seed(0)
    model = TinyVideoAutoencoder(SIZES).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    model.latents_mean.normal_()
    model.latents_std.uniform_(0.5, 2)
    return model


def smooth_clips(count=6, num_frames=9, height=16, width=24):
    """Bytes in which neighbours are alike, as in pictures, over a little noise."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.randn(count, 3, 3, 3, 4, generator=generator)
    size = (num_frames, height, width)
    smooth = torch.nn.functional.interpolate(coarse, size=size, mode="trilinear")
    noisy = smooth + 0.1 * torch.randn(smooth.shape, generator=generator)
    frames = (noisy * 50 + 128).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 4, 1)
    return ClipBatch(
        frames_BFHWC=frames,
        c2w_BF44=torch.eye(4).repeat(count, num_frames, 1, 1),
        intrinsics_BF4=torch.ones(count, num_frames, 4),
        captions=["a room"] * count,
    )


def random_latents(frames=5, batch=2):
    return torch.randn(batch, 6, frames, 2, 3, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize("parts", [(5,), (1, 1, 1, 1, 1), (1, 4), (4, 1), (2, 1, 2)])
def test_any_split_of_a_clip_decodes_to_the_frames_of_the_whole(autoencoder, parts):
    latents = random_latents()
    state, groups = None, []
    for part in latents.split(parts, dim=2):
        video, state = autoencoder.decode_next(part, state)
        groups.append(video)
    assert [group.shape[2] for group in groups] == [4 * parts[0] - 3, *(4 * n for n in parts[1:])]
    whole = autoencoder.decode(latents)
    torch.testing.assert_close(torch.cat(groups, dim=2), whole, rtol=0, atol=1e-6)


@torch.no_grad()
def test_a_stream_gives_the_first_frame_alone_and_then_four_at_a_time(autoencoder):
    latents = random_latents()
    groups = list(autoencoder.decode_stream(latents))
    assert [group.shape[2] for group in groups] == [1, 4, 4, 4, 4]
    whole = autoencoder.decode(latents)
    torch.testing.assert_close(torch.cat(groups, dim=2), whole, rtol=0, atol=1e-6)


@torch.no_grad()
def test_a_frame_sees_the_latent_frame_before_it_and_none_after_it(autoencoder):
    latents = random_latents()
    changed = latents.clone()
    changed[:, :, 2] += 1
    difference = (autoencoder.decode(changed) - autoencoder.decode(latents)).abs()
    difference = difference.amax(dim=(0, 1, 3, 4))
    assert difference[:5].max() == 0  # frames of latent frames 0 and 1
    assert (difference[5:13] > 1e-4).all()  # those of 2, and of 3, which sees it
    assert difference[13:].max() == 0


@torch.no_grad()
def test_the_first_frame_has_the_latent_it_has_alone(autoencoder):
    video = smooth_clips().video()
    latents = autoencoder.encode(video)
    assert latents.shape == (6, 6, 3, 2, 3)
    alone = autoencoder.encode(video[:, :, :1])
    torch.testing.assert_close(alone, latents[:, :, :1], rtol=0, atol=1e-5)
    assert autoencoder.decode(alone).shape == (6, 3, 1, 16, 24)


def test_pixels_of_a_cell_are_those_of_its_square_in_its_four_frames():
    video = torch.arange(3 * 9 * 16 * 24.0).reshape(1, 3, 9, 16, 24)
    cells = latent_cells(video, 4)
    assert cells.shape == (3, 768, 2, 3)
    expected = video[0, :, 5:9, 8:16, 16:24]  # the last latent frame's lowest right cell
    assert torch.equal(cells[2, :, 1, 2].sort().values, expected.flatten().sort().values)
    first = video[0, :, 0, :8, :8].repeat(4, 1, 1)  # four copies of the first frame
    assert torch.equal(cells[0, :, 0, 0].sort().values, first.flatten().sort().values)


@pytest.mark.parametrize("num_frames", [2, 4, 8, 16])
def test_another_number_of_frames_is_refused_in_a_sentence(autoencoder, num_frames):
    with pytest.raises(ValueError, match=f"multiple of 4 plus one, got {num_frames}"):
        autoencoder.encode(torch.zeros(1, 3, num_frames, 16, 24))


@torch.no_grad()
def test_encoding_is_linear_up_to_its_offset(autoencoder):
    one, two = (smooth_clips().video()[i : i + 1] for i in (0, 1))
    mixed = autoencoder.encode(1.7 * one - 0.7 * two)
    expected = 1.7 * autoencoder.encode(one) - 0.7 * autoencoder.encode(two)
    torch.testing.assert_close(mixed, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_start_is_the_best_linear_map_of_its_size():
    clips = smooth_clips()
    model = TinyVideoAutoencoder(SIZES)
    start_from_principal_components(model, clips)
    cells = latent_cells(clips.video(), 4)
    rows = cells.permute(0, 2, 3, 1).reshape(-1, 768).double().numpy()
    centred = rows - rows.mean(axis=0)
    optimum = (np.linalg.svd(centred, compute_uv=False)[6:] ** 2).sum()
    error = float((model.decoder_linear(model.encoder_linear(cells)) - cells).square().sum())
    assert error == pytest.approx(optimum, rel=1e-3)
    generator = np.random.default_rng(0)
    for _ in range(5):
        basis, _ = np.linalg.qr(generator.normal(size=(768, 6)))
        assert ((centred - centred @ basis @ basis.T) ** 2).sum() > error


@torch.no_grad()
def test_latents_start_with_unit_variance_and_no_correlation():
    clips = smooth_clips()
    model = TinyVideoAutoencoder(SIZES)
    start_from_principal_components(model, clips)
    latents = model.encode(clips.video()).transpose(0, 1).flatten(1)
    torch.testing.assert_close(latents.mean(dim=1), torch.zeros(6), rtol=0, atol=1e-3)
    covariance = latents @ latents.T / latents.shape[1]
    torch.testing.assert_close(covariance, torch.eye(6), rtol=0, atol=2e-3)


@torch.no_grad()
def test_the_untrained_decoder_adds_nothing_to_the_linear_map():
    clips = smooth_clips()
    model = TinyVideoAutoencoder(SIZES)
    start_from_principal_components(model, clips)
    video = clips.video()
    cells = latent_cells(video, 4)
    linear = model.decoder_linear(model.encoder_linear(cells))
    decoded, _ = model.decode_raw(model.encode_raw(video), None)
    expected = (linear - cells)[2::3].square().sum()  # the last latent frame of every clip
    assert float((decoded - video)[:, :, 5:].square().sum()) == pytest.approx(float(expected), 1e-4)


@torch.no_grad()
def test_what_was_saved_decodes_alike_when_loaded(autoencoder, tmp_path):
    save_autoencoder(autoencoder, tmp_path / "vae")
    loaded = load_tiny_autoencoder(tmp_path / "vae")
    assert not loaded.training
    video = smooth_clips().video()
    assert torch.equal(loaded.encode(video), autoencoder.encode(video))
    assert torch.equal(loaded.decode(random_latents()), autoencoder.decode(random_latents()))


def lose_config(folder):
    (folder / CONFIG_FILE).unlink()


def lose_weights(folder):
    (folder / WEIGHTS_FILE).unlink()


def cut_weights(folder):
    (folder / WEIGHTS_FILE).write_bytes((folder / WEIGHTS_FILE).read_bytes()[:200])


def misspell_setting(folder):
    (folder / CONFIG_FILE).write_text('{"latent_chanels": 6}')


def change_size(folder):
    sizes = TinyAutoencoderConfig(latent_channels=6, fine_channels=8, coarse_channels=16)
    (folder / CONFIG_FILE).write_text(json.dumps(config_to_dict(sizes)))


def drop_tensor(folder):
    weights = TinyVideoAutoencoder(SIZES).state_dict()
    del weights["decoder.up.weight"]
    save_file(
        {name: tensor.contiguous() for name, tensor in weights.items()}, folder / WEIGHTS_FILE
    )


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lose_config, "config.json is missing"),
        (lose_weights, "safetensors is missing"),
        (cut_weights, "is broken"),
        (misspell_setting, "latent_chanels"),
        (change_size, "do not fit"),
        (drop_tensor, "decoder.up.weight"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_damaged_folder_is_told_in_a_sentence(autoencoder, tmp_path, damage, words):
    save_autoencoder(autoencoder, tmp_path)
    damage(tmp_path)
    with pytest.raises(ModelFilesMissingError, match=words):
        load_tiny_autoencoder(tmp_path)
