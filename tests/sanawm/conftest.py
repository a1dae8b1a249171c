"""A whole model folder of random weights, so that pipeline and command line run end to end."""

import io
import json

import numpy as np
import pytest
import torch
from fake_hub import FakeHub, connect
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import Gemma2Config, Gemma2Model

from sanawm import hub_download
from sanawm.camera.sources import actions_path
from sanawm.card import ModelCard
from sanawm.config import TransformerConfig
from sanawm.request import GenerationRequest
from sanawm.tiny_autoencoder import TinyAutoencoderConfig, TinyVideoAutoencoder, config_to_dict
from sanawm.transformer import SanaWMTransformer

CARD = ModelCard(
    name="random",
    title="Random model",
    fps=8,
    height=32,
    width=48,
    lengths=(5, 9, 17),
    num_frames=9,
    num_inference_steps=3,
    guidance_scale=1.0,
    shift=3.0,
    spatial_stride=8,
    temporal_stride=4,
    latent_channels=8,
    translation_speed=0.1,
    rotation_degrees=2.0,
    distance_unit="m",
    chi_prompt="Draw: ",
    text_length=24,
)
TRANSFORMER = TransformerConfig(
    in_channels=8,
    num_layers=2,
    hidden_size=32,
    num_attention_heads=2,
    linear_head_dim=16,
    softmax_every_n=2,
    mlp_ratio=2.0,
    caption_channels=16,
    chunk_plucker_channels=24,
    chunk_plucker_post_attn_blocks=2,
)
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory):
    """Transformer, autoencoder, Gemma-2 and tokenizer in one folder with a card."""
    folder = tmp_path_factory.mktemp("random-model")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformer = SanaWMTransformer(TRANSFORMER)
        for name, parameter in transformer.named_parameters():
            if not name.endswith(("A_log", "dt_bias")):
                torch.nn.init.normal_(parameter, std=0.1)
        write_part(folder, "transformer", TRANSFORMER.to_diffusers(), transformer)
        sizes = TinyAutoencoderConfig(latent_channels=8, fine_channels=8, coarse_channels=8)
        write_part(folder, "vae", config_to_dict(sizes), TinyVideoAutoencoder(sizes))
        gemma = Gemma2Config(
            vocab_size=260,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
        )
        Gemma2Model(gemma).save_pretrained(folder / "text_encoder")
    (folder / "tokenizer").mkdir()
    byte_tokenizer().save(str(folder / "tokenizer" / "tokenizer.json"))
    write_json(folder / "wanderbook.json", CARD.to_dict())
    write_json(folder / "model_index.json", {"vae": ["sanawm", "TinyVideoAutoencoder"]})
    return folder


@pytest.fixture
def photo(tmp_path):
    """A picture of a colour wheel, wider than the model's frame."""
    y, x = np.mgrid[0:60, 0:120]
    channels = [x * 2, y * 4, 255 - x]
    path = tmp_path / "photo.png"
    Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def make_request(photo):
    """Requests for the random model; anything can be changed."""

    def make(**changes):
        values = {
            "image": photo,
            "prompt": "a room",
            "num_frames": 9,
            "seed": 7,
            "num_inference_steps": 3,
            "guidance_scale": 1.0,
        } | changes
        values.setdefault("camera_path", actions_path("w-3,d-1", values["num_frames"], CARD))
        return GenerationRequest(**values)

    return make


def byte_tokenizer():
    """One token for each byte, behind <bos>."""
    names = ["<pad>", "<eos>", "<bos>", "<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    vocabulary = {name: index for index, name in enumerate(names)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 2)]
    )
    return tokenizer


def write_part(folder, name, config, module):
    part = folder / name
    part.mkdir()
    write_json(part / "config.json", config)
    tensors = {key: value.contiguous() for key, value in module.state_dict().items()}
    save_file(tensors, part / WEIGHTS, metadata={"format": "pt"})


def write_json(file, content):
    file.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture(scope="module")
def running_hub():
    hub = FakeHub()
    yield hub
    hub.close()


@pytest.fixture
def hub(running_hub, tmp_path, monkeypatch):
    """An empty hub, an empty HF_HOME, and a client that asks the one and fills the other."""
    running_hub.forget()
    connect(monkeypatch, running_hub.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    monkeypatch.setattr(hub_download, "LARGE_BYTES", 1000)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return running_hub
