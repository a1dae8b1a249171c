"""Writes a model folder in the diffusers layout: what training made, as the product loads it.

Weights are stored in bfloat16, half the size; they are computed with in float32 on a processor.
What is small and delicate stays in float32, so the latents are those that training saw.
"""

import copy
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from sanawm.card import ModelCard
from sanawm.tiny_autoencoder import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    TinyVideoAutoencoder,
    config_to_dict,
)
from sanawm.training.presets import TrainingPreset
from sanawm.training.tiny_text import save_text
from sanawm.training.train_world_model import WorldModel

FULL_PRECISION = ("latents_", "encoder_linear", "A_log", "dt_bias", "scale_shift_table")
MODEL_INDEX = {
    "_class_name": "SanaWMPipeline",
    "transformer": ["sanawm", "SanaWMTransformer"],
    "vae": ["sanawm", TinyVideoAutoencoder.__name__],
    "text_encoder": ["transformers", "Gemma2Model"],
    "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
}


def publish_model(
    preset: TrainingPreset, autoencoder: TinyVideoAutoencoder, model: WorldModel, folder: Path
) -> None:
    """Write every component, then the card and the index."""
    _write_component(folder / "vae", config_to_dict(autoencoder.config), autoencoder.state_dict())
    config = preset.transformer.to_diffusers()
    _write_component(folder / "transformer", config, model.transformer.state_dict())
    save_text(model.tokenizer, copy.deepcopy(model.text_encoder).to(torch.bfloat16), folder)
    scheduler = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": preset.shift}
    _write_json(folder / "scheduler" / "scheduler_config.json", scheduler)
    _write_json(folder / "wanderbook.json", make_card(preset).to_dict())
    _write_json(folder / "model_index.json", MODEL_INDEX)


def make_card(preset: TrainingPreset) -> ModelCard:
    """The card of a tiny model trained with this preset."""
    strides, streaming = preset.autoencoder, bool(preset.sigmas)
    name = "tiny-streaming" if streaming else "tiny"
    plays = "Plays while it is drawn, up to half a minute. " if streaming else ""
    return ModelCard(
        name=name,
        title="Tiny streaming model" if streaming else "Tiny world model",
        note=f"{plays}Learned from drawn rooms. Photographs come out soft.",
        fps=preset.fps,
        height=preset.height,
        width=preset.width,
        lengths=preset.offered or preset.lengths,
        num_frames=preset.num_frames,
        num_inference_steps=len(preset.sigmas) or preset.num_inference_steps,
        guidance_scale=preset.guidance_scale,
        shift=preset.shift,
        spatial_stride=strides.spatial_stride,
        temporal_stride=strides.temporal_stride,
        latent_channels=strides.latent_channels,
        dialect="wm-2026-07",
        translation_speed=preset.translation_speed,
        rotation_degrees=preset.rotation_degrees,
        pitch_limit_degrees=25.0,
        fov_degrees=60.0,
        distance_unit="m",
        chi_prompt="",
        text_length=preset.text.max_tokens,
        softmax_scale_main=None,
        softmax_scale_camera=None,
        cam_rms_downscale="all",
        streaming=streaming,
        sigmas=preset.sigmas,
        license="Apache-2.0",
        source=(
            f"Trained by this project on its own procedural worlds; see models/{name}/README.md."
        ),
    )


def _write_component(folder: Path, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stored = {
        name: value.contiguous() if _is_delicate(name, value) else value.bfloat16().contiguous()
        for name, value in weights.items()
    }
    save_file(stored, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    _write_json(folder / CONFIG_FILE, config)


def _is_delicate(name: str, value: Tensor) -> bool:
    return not value.is_floating_point() or any(part in name for part in FULL_PRECISION)


def _write_json(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
