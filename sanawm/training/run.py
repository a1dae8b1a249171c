"""A whole training run: worlds, autoencoder, tokenizer, transformer, model folder.

Every stage writes below `folder` and is skipped or continued when its files are there, so the
same command resumes a killed run. The time budget is shared out by the preset; what one stage
does not need is not passed on.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import PreTrainedTokenizerFast

from sanawm.tiny_autoencoder import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    TinyVideoAutoencoder,
    config_to_dict,
    load_tiny_autoencoder,
)
from sanawm.training.clip_pool import HELD_OUT_CLIPS, ClipBatch, ClipPool
from sanawm.training.journal import Journal
from sanawm.training.presets import TrainingPreset
from sanawm.training.publish import publish_model
from sanawm.training.sheets import save_reconstruction_sheet
from sanawm.training.stage import StageSettings
from sanawm.training.tiny_text import train_tokenizer
from sanawm.training.train_autoencoder import reconstruction_psnr, train_autoencoder
from sanawm.training.train_world_model import WorldModel, train_world_model
from sanawm.worlds.captions import corpus

CAPTIONS = 20_000
MIN_AUTOENCODER_PSNR = 26.0  # below this a transformer has nothing to learn from


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRun:
    """One run: what to train, where, and for how long."""

    preset: TrainingPreset
    folder: Path
    budget_s: float

    def stage(self, name: str, share: float, *, ema_decay: float) -> StageSettings:
        """Settings of one stage, which gets a share of the time."""
        return StageSettings(
            name=name, folder=self.folder, total_s=self.budget_s * share, ema_decay=ema_decay
        )


def train(run: TrainingRun) -> Path:
    """Train all stages; returns the model folder."""
    torch.set_num_threads(1)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    run.folder.mkdir(parents=True, exist_ok=True)
    pool, held_out = render_first_clips(run)
    pool.render_in_background()
    try:
        autoencoder = obtain_autoencoder(run, pool, held_out)
        tokenizer = obtain_tokenizer(run)
        model = train_world_model(
            autoencoder,
            tokenizer,
            pool,
            held_out,
            run.preset,
            run.stage("world_model", 1 - run.preset.autoencoder_share, ema_decay=0.999),
        )
    finally:
        pool.stop()
    return publish(run, autoencoder, model)


def render_first_clips(run: TrainingRun) -> tuple[ClipPool, ClipBatch]:
    """The training pool with its first clips, and the held-out clips."""
    journal = Journal(run.folder, "worlds")
    held_out = ClipPool(run.folder / "clips", run.preset, "held_out", HELD_OUT_CLIPS)
    for count in held_out.render_until(HELD_OUT_CLIPS):
        journal.show(0.0, f"{count} held-out clips")
    pool = ClipPool(run.folder / "clips", run.preset, "train", run.preset.num_clips)
    for count in pool.render_until(run.preset.first_clips):
        journal.show(min(1.0, count / run.preset.first_clips), f"{count} clips")
    pool.refresh()
    return pool, held_out.all()


def obtain_autoencoder(
    run: TrainingRun, pool: ClipPool, held_out: ClipBatch
) -> TinyVideoAutoencoder:
    """Train the autoencoder, or load the finished one: it is frozen once a model ships on it."""
    folder = run.folder / "vae"
    if (folder / CONFIG_FILE).exists():
        return load_tiny_autoencoder(folder)
    settings = run.stage("autoencoder", run.preset.autoencoder_share, ema_decay=0.998)
    autoencoder = train_autoencoder(pool, held_out, run.preset, settings).to("cpu")
    save_reconstruction_sheet(autoencoder, held_out, run.folder / "autoencoder-sheet.png")
    save_autoencoder(autoencoder, folder)
    quality = reconstruction_psnr(autoencoder, held_out, "cpu")["psnr"]
    if run.preset.name != "smoke" and quality < MIN_AUTOENCODER_PSNR:
        raise SystemExit(
            f"The autoencoder reached {quality:.1f} dB on held-out worlds and needs "
            f"{MIN_AUTOENCODER_PSNR:.0f}. Delete {folder} and give it a longer --budget."
        )
    return autoencoder


def save_autoencoder(autoencoder: TinyVideoAutoencoder, folder: Path) -> None:
    """Weights first, config last: the config says that the stage is done."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous() for name, value in autoencoder.state_dict().items()}
    save_file(weights, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    text = json.dumps(config_to_dict(autoencoder.config), indent=2)
    (folder / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")


def obtain_tokenizer(run: TrainingRun) -> Any:
    """Train the tokenizer on the caption grammar, or load it."""
    folder = run.folder / "tokenizer"
    if folder.exists():
        return PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer = train_tokenizer(corpus(CAPTIONS, seed=0), run.preset.text)
    tokenizer.save_pretrained(folder)
    return tokenizer


def publish(run: TrainingRun, autoencoder: TinyVideoAutoencoder, model: WorldModel) -> Path:
    """Write the model folder of what has been trained so far."""
    folder = run.folder / "model"
    publish_model(run.preset, autoencoder.cpu(), model.cpu(), folder)
    return folder
