import json
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKLLTX2Video
from safetensors.torch import load_file, save_file

from sanawm.autoencoder import LTX2VideoAutoencoder, load_autoencoder
from sanawm.errors import ModelFilesMissingError
from sanawm.tiny_autoencoder import TinyAutoencoderConfig, TinyVideoAutoencoder, config_to_dict

DATA = Path(__file__).parents[1] / "data"
CONFIG = json.loads((DATA / "vae_tiny.json").read_text())
RECORDED = load_file(DATA / "vae_tiny.safetensors")
VIDEO = RECORDED["video_u8"][None] / 127.5 - 1
TINY_SIZES = {"latent_channels": 4, "fine_channels": 8, "coarse_channels": 8}


def relative_error(got, expected):
    return float((got - expected).norm() / expected.norm())


def recorded_weights():
    prefix = "state_dict/"
    return {key[len(prefix) :]: x for key, x in RECORDED.items() if key.startswith(prefix)}


def untouched_model(**changes):
    model = AutoencoderKLLTX2Video(**(CONFIG | changes))
    model.load_state_dict(recorded_weights())
    return model.eval()


@pytest.fixture(scope="module")
def autoencoder():
    return LTX2VideoAutoencoder(untouched_model())


@pytest.fixture
def model_folder(tmp_path):
    """A model folder with the recorded autoencoder."""
    (tmp_path / "vae").mkdir()
    index = {"_class_name": "SanaWMPipeline", "vae": ["diffusers", "AutoencoderKLLTX2Video"]}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    config = {"_class_name": "AutoencoderKLLTX2Video", **CONFIG}
    (tmp_path / "vae" / "config.json").write_text(json.dumps(config))
    weights_file = tmp_path / "vae" / "diffusion_pytorch_model.safetensors"
    save_file(recorded_weights(), weights_file, {"format": "pt"})
    return tmp_path


@torch.no_grad()
def test_latents_are_those_of_the_reference(autoencoder):
    latents = autoencoder.encode(VIDEO)
    assert relative_error(latents, RECORDED["latents_normalised"]) < 1e-5
    first = autoencoder.encode(VIDEO[:, :, :1])
    assert relative_error(first, RECORDED["latents_normalised"][:, :, :1]) < 1e-5


@torch.no_grad()
def test_the_decoded_video_is_that_of_the_reference(autoencoder):
    video = autoencoder.decode(RECORDED["latents_normalised"])
    assert video.shape == (1, 3, 25, 64, 64)
    assert relative_error(video[:, :, ::4], RECORDED["decoded_every_4th"]) < 2e-5


@torch.no_grad()
@pytest.mark.parametrize("parts", [(1, 1, 1, 1), (2, 2), (1, 3)])
def test_a_clip_decoded_in_parts_is_the_clip_decoded_whole(autoencoder, parts):
    latents = RECORDED["latents_normalised"]
    whole = untouched_model().decode(RECORDED["latents_mode"]).sample
    state, groups = None, []
    for part in latents.split(parts, dim=2):
        frames, state = autoencoder.decode_next(part, state)
        groups.append(frames)
    assert [group.shape[2] for group in groups] == [1 + 8 * (parts[0] - 1)] + [
        8 * part for part in parts[1:]
    ]
    torch.testing.assert_close(torch.cat(groups, dim=2), whole, rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_stream_starts_anew_each_time(autoencoder):
    latents = RECORDED["latents_normalised"]
    once = torch.cat(list(autoencoder.decode_stream(latents)), dim=2)
    stopped = autoencoder.decode_stream(latents)
    next(stopped)
    again = torch.cat(list(autoencoder.decode_stream(latents)), dim=2)
    assert torch.equal(once, again)


@torch.no_grad()
@pytest.mark.parametrize("num_latent_frames", [1, 2, 4])
def test_a_decoder_that_looks_ahead_tells_the_frames_of_the_whole_some_later(num_latent_frames):
    ahead = LTX2VideoAutoencoder(untouched_model(decoder_causal=False))
    latents = RECORDED["latents_normalised"][:, :, :num_latent_frames]
    parts = list(ahead.decode_stream(latents))
    raw = RECORDED["latents_mode"][:, :, :num_latent_frames]
    expected = untouched_model(decoder_causal=False).decode(raw).sample
    torch.testing.assert_close(torch.cat(parts, dim=2), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(ahead.decode(latents), expected, rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="looks ahead"):
        ahead.decode_next(latents, None)


@torch.no_grad()
@pytest.mark.parametrize("causal", [True, False])
def test_what_a_decoder_remembers_does_not_grow_with_the_clip(causal):
    autoencoder = LTX2VideoAutoencoder(untouched_model(decoder_causal=causal))
    latents = torch.randn(1, 16, 40, 2, 2)
    sizes, lengths = [], []
    for video in autoencoder.decode_stream(latents):
        sizes.append(sum(x.nbytes for x in autoencoder._memory.frames.values()))
        lengths.append(video.shape[2])
    assert sum(lengths) == 1 + 8 * 39
    assert max(sizes) <= 1.1 * sizes[len(sizes) // 2]
    assert max(lengths) <= 24


@torch.no_grad()
def test_nothing_is_remembered_when_a_clip_has_ended_or_was_given_up(autoencoder):
    latents = RECORDED["latents_normalised"]
    for _ in autoencoder.decode_stream(latents):
        assert autoencoder._memory.frames
    assert not autoencoder._memory.frames
    given_up = autoencoder.decode_stream(latents)
    next(given_up)
    given_up.close()
    assert not autoencoder._memory.frames
    wrong = torch.cat((latents, latents), dim=1)
    with pytest.raises(RuntimeError):
        autoencoder.decode_next(wrong, None)
    _, state = autoencoder.decode_next(latents, None)
    assert state
    assert not autoencoder._memory.frames


@torch.no_grad()
def test_an_upsampler_in_time_alone_and_without_shortcut_streams_too():
    torch.manual_seed(0)
    changes = {
        "block_out_channels": (16, 32),
        "down_block_types": ("LTX2VideoDownBlock3D",) * 2,
        "layers_per_block": (1, 1, 1),
        "downsample_type": ("temporal", "spatiotemporal"),
        "spatio_temporal_scaling": (True, True),
        "decoder_block_out_channels": (8, 16),
        "decoder_layers_per_block": (1, 1, 1),
        "decoder_spatio_temporal_scaling": (True, True),
        "upsample_type": ("spatiotemporal", "temporal"),
        "upsample_factor": (1, 2),
        "upsample_residual": (True, False),
        "decoder_inject_noise": (False,) * 3,
        "spatial_compression_ratio": 8,
        "temporal_compression_ratio": 4,
    }
    model = AutoencoderKLLTX2Video(**(CONFIG | changes)).eval()
    latents = torch.randn(1, 16, 3, 4, 5)
    whole = model.decode(latents).sample
    streamed = torch.cat(list(LTX2VideoAutoencoder(model).decode_stream(latents)), dim=2)
    assert streamed.shape == (1, 3, 9, 32, 40)
    torch.testing.assert_close(streamed, whole, rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_folder_gives_the_autoencoder_its_index_names(model_folder):
    autoencoder = load_autoencoder(model_folder)
    strides = autoencoder.spatial_stride, autoencoder.temporal_stride, autoencoder.latent_channels
    assert strides == (32, 8, 16)
    assert relative_error(autoencoder.encode(VIDEO), RECORDED["latents_normalised"]) < 1e-5


@torch.no_grad()
def test_the_tiny_autoencoder_is_found_by_its_name(tmp_path):
    config = TinyAutoencoderConfig(**TINY_SIZES)
    made = TinyVideoAutoencoder(config)
    (tmp_path / "vae").mkdir()
    (tmp_path / "model_index.json").write_text('{"vae": ["sanawm", "TinyVideoAutoencoder"]}')
    (tmp_path / "vae" / "config.json").write_text(json.dumps(config_to_dict(config)))
    save_file(made.state_dict(), tmp_path / "vae" / "diffusion_pytorch_model.safetensors")

    autoencoder = load_autoencoder(tmp_path)

    latents = torch.randn(1, 4, 3, 4, 6)
    parts = torch.cat(list(autoencoder.decode_stream(latents)), dim=2)
    torch.testing.assert_close(parts, autoencoder.decode(latents), rtol=0, atol=1e-5)
    assert parts.shape == (1, 3, 9, 32, 48)


def test_missing_and_unknown_parts_are_told_by_name(model_folder):
    weights = model_folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights.unlink()
    with pytest.raises(ModelFilesMissingError, match=r"weights in .*vae are missing"):
        load_autoencoder(model_folder)
    config = {key: value for key, value in CONFIG.items() if key != "temporal_compression_ratio"}
    (model_folder / "vae" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFilesMissingError, match="temporal_compression_ratio"):
        load_autoencoder(model_folder)
    (model_folder / "vae" / "config.json").unlink()
    with pytest.raises(ModelFilesMissingError, match=r"config\.json is missing"):
        load_autoencoder(model_folder)
    (model_folder / "model_index.json").write_text('{"vae": ["diffusers", "AutoencoderKLWan"]}')
    with pytest.raises(ModelFilesMissingError, match="“AutoencoderKLWan”"):
        load_autoencoder(model_folder)
    (model_folder / "model_index.json").write_text("{}")
    with pytest.raises(ModelFilesMissingError, match="which autoencoder"):
        load_autoencoder(model_folder)
    (model_folder / "model_index.json").unlink()
    with pytest.raises(ModelFilesMissingError, match=r"model_index\.json, is missing"):
        load_autoencoder(model_folder)
