"""One small random model, written as each of the public repositories lays its files out.

Channels of latents and rays, and strides, are the public ones, so that the built-in cards fit; the
rest is small. Text encoder and tokenizer are those of the random model in `conftest`.
"""

import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKLLTX2Video
from safetensors.torch import save_file
from test_public_layouts import original
from test_transformer_diffusers import randomise

from sanawm.card import ModelCard
from sanawm.config import TransformerConfig
from sanawm.transformer import SanaWMTransformer

DATA = Path(__file__).parents[1] / "data"
CONFIG = TransformerConfig(
    in_channels=128,
    num_layers=4,
    hidden_size=48,
    num_attention_heads=2,
    linear_head_dim=24,
    caption_channels=16,
    chunk_plucker_channels=48,
    chunk_plucker_post_attn_blocks=4,
)
SMALL_CARD = ModelCard(
    name="small",
    height=64,
    width=96,
    lengths=(9, 25),
    num_frames=25,
    chi_prompt="Draw: ",
    text_length=24,
)
WEIGHTS = "diffusion_pytorch_model.safetensors"
INDEX = {
    "_class_name": "SanaWMPipeline",
    "_diffusers_version": "0.42.1",
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "Gemma2Model"],
    "tokenizer": ["transformers", "GemmaTokenizerFast"],
    "transformer": ["diffusers", "SanaWMTransformer3DModel"],
    "vae": ["diffusers", "AutoencoderKLLTX2Video"],
}


def random_transformer(gain=0.7):
    return randomise(SanaWMTransformer(CONFIG), gain)


def random_autoencoder():
    """diffusers' class with the public strides and channels of latents, small in between."""
    sizes = json.loads((DATA / "vae_tiny.json").read_text()) | {"latent_channels": 128}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return AutoencoderKLLTX2Video(**sizes).eval()


def write_diffusers(folder, transformer, texts, card=None):
    part = _part(folder, "transformer")
    save_file(transformer.state_dict(), part / WEIGHTS, {"format": "pt"})
    (folder / "model_index.json").write_text(json.dumps(INDEX))
    random_autoencoder().save_pretrained(folder / "vae")
    return _finish(folder, texts, card)


def write_original(folder, transformer, texts, card=None):
    part = _part(folder, "dit")
    save_file(original(transformer), part / "sana_wm_1600m_720p.safetensors")
    (folder / "config.yaml").write_text("model:\n  model: SanaMSVideoCamCtrl_1600M_P1_D20\n")
    random_autoencoder().save_pretrained(folder / "vae")
    return _finish(folder, texts, card)


def write_streaming(folder, transformer, texts, card=None):
    part = _part(folder, "sana_dit")
    generator = {f"model.{name}": x for name, x in original(transformer).items()}
    torch.save({"generator": generator}, part / "model.pt")
    random_autoencoder().save_pretrained(folder / "ltx2_causal_vae")
    return _finish(folder, texts, card)


def _part(folder, name):
    """A transformer's folder; the original layouts are of the published sizes without a config."""
    (folder / name).mkdir(parents=True)
    (folder / name / "config.json").write_text(json.dumps(CONFIG.to_diffusers()))
    return folder / name


def _finish(folder, texts, card):
    for part in ("text_encoder", "tokenizer"):
        shutil.copytree(texts / part, folder / part)
    if card is not None:
        (folder / "wanderbook.json").write_text(json.dumps(card.to_dict()))
    return folder
