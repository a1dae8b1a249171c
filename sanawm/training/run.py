"""A whole training run: worlds, autoencoder, tokenizer, transformer, model folder.

Every stage writes below `folder` and is skipped or continued when its files are there, so the
same command resumes a killed run. The time budget is shared out by the preset; what one stage
does not need is not passed on.

    run.json                    which preset the folder belongs to
    clips/                      rendered clips
    <stage>.pt .csv .png        state, losses and their curve
    autoencoder-sheet.png       held-out clips, and their reconstructions below
    vae/  tokenizer/            finished, and frozen from then on
    streaming.pt .csv .png      the same of a streaming model, which has no stage before it
    model/                      the model folder, as the product opens it
    world_model-sheet.png       held-out clips, and below what the model makes of their first frames
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import Gemma2Model, PreTrainedTokenizerFast

from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError, SanaWMError
from sanawm.files import whole_file
from sanawm.model_folder import DEFAULT_MODEL, check_model_folder
from sanawm.tiny_autoencoder import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    TinyVideoAutoencoder,
    config_to_dict,
    load_tiny_autoencoder,
)
from sanawm.training.clip_pool import ClipBatch, ClipPool
from sanawm.training.journal import Journal
from sanawm.training.presets import TrainingPreset
from sanawm.training.publish import publish_model
from sanawm.training.rollout import Shots, open_rollout
from sanawm.training.sheets import save_pairs
from sanawm.training.stage import StageSettings
from sanawm.training.tiny_text import train_tokenizer
from sanawm.training.train_autoencoder import reconstruction_psnr, train_autoencoder
from sanawm.training.train_streaming import train_streaming
from sanawm.training.train_world_model import WorldModel, train_world_model
from sanawm.weights import load_transformer
from sanawm.worlds.captions import corpus

CAPTIONS = 20_000
SHEET_CLIPS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRun:
    """One run: what to train, where, and for how long."""

    preset: TrainingPreset
    folder: Path
    budget_s: float
    base: Path = DEFAULT_MODEL  # the model that a streaming one goes on from

    def stage(self, name: str, share: float, *, ema_decay: float) -> StageSettings:
        """Settings of one stage, which gets a share of the time."""
        return StageSettings(
            name=name, folder=self.folder, total_s=self.budget_s * share, ema_decay=ema_decay
        )


def train(run: TrainingRun) -> Path:
    """Train all stages; returns the model folder."""
    torch.set_num_threads(1)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    claim_folder(run)
    pool, held_out = render_first_clips(run)
    pool.render_in_background()
    folder = run.folder / "model"
    try:
        if run.preset.sigmas:
            autoencoder, model = teach_streaming(run, pool, held_out)
        else:
            autoencoder, model = train_whole_clips(run, pool, held_out)
    finally:
        pool.stop()
    publish_model(run.preset, autoencoder.cpu(), model.cpu(), folder)
    save_drawn_sheet(folder, held_out, run.folder / "world_model-sheet.png")
    return folder


def train_whole_clips(
    run: TrainingRun, pool: ClipPool, held_out: ClipBatch
) -> tuple[TinyVideoAutoencoder, WorldModel]:
    """Autoencoder, tokenizer and transformer, from nothing."""
    autoencoder = obtain_autoencoder(run, pool, held_out)
    tokenizer = obtain_tokenizer(run)
    share = 1 - run.preset.autoencoder_share
    settings = run.stage("world_model", share, ema_decay=0.999)
    model = train_world_model(autoencoder, tokenizer, pool, held_out, run.preset, settings)
    return autoencoder, model


def teach_streaming(
    run: TrainingRun, pool: ClipPool, held_out: ClipBatch
) -> tuple[TinyVideoAutoencoder, WorldModel]:
    """The base model's parts, of which transformer and text encoder go on learning."""
    check_model_folder(run.base)
    autoencoder = load_tiny_autoencoder(run.base / "vae").to(run.preset.device)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(run.base / "tokenizer")
    model = WorldModel(run.preset, tokenizer)
    transformer = load_transformer(run.base, ModelCard.load(run.base))
    model.transformer.load_state_dict(transformer.state_dict())
    text_encoder = Gemma2Model.from_pretrained(run.base / "text_encoder", dtype=torch.float32)
    model.text_encoder.load_state_dict(text_encoder.state_dict())
    train_streaming(
        model, autoencoder, pool, held_out, run.stage("streaming", 1.0, ema_decay=0.998)
    )
    return autoencoder, model


def claim_folder(run: TrainingRun) -> None:
    """Refuse to go on with a run of another preset: its weights would not fit."""
    file = run.folder / "run.json"
    if file.exists():
        name = json.loads(file.read_text(encoding="utf-8"))["preset"]
        if name != run.preset.name:
            raise InvalidRequestError(
                f"{run.folder} holds a run of the preset {name}. Choose another --out, or go on "
                f"with --preset {name}."
            )
        return
    with whole_file(file) as temporary:
        temporary.write_text(json.dumps({"preset": run.preset.name}) + "\n", encoding="utf-8")


def render_first_clips(run: TrainingRun) -> tuple[ClipPool, ClipBatch]:
    """The training pool with its first clips, and the held-out clips."""
    journal, preset = Journal(run.folder, "worlds"), run.preset
    held_out = ClipPool(run.folder / "clips", preset, "held_out", preset.held_out_clips)
    for count in held_out.render_until(preset.held_out_clips):
        journal.show_running(0.0, f"{count} held-out clips")
    pool = ClipPool(run.folder / "clips", preset, "train", preset.num_clips)
    for count in pool.render_until(preset.first_clips):
        journal.show_running(min(1.0, count / preset.first_clips), f"{count} clips")
    pool.refresh()
    journal.show(1.0, f"{len(pool)} clips to begin with")
    return pool, held_out.first(preset.held_out_clips)


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
    quality = reconstruction_psnr(autoencoder, held_out, "cpu")["psnr"]
    if quality < run.preset.autoencoder_psnr:
        raise SanaWMError(
            f"The autoencoder reached {quality:.1f} dB on held-out worlds and needs "
            f"{run.preset.autoencoder_psnr:g}. Run this again with a longer --budget: it goes on."
        )
    save_autoencoder(autoencoder, folder)
    return autoencoder


def save_autoencoder(autoencoder: TinyVideoAutoencoder, folder: Path) -> None:
    """Weights first, config last: the config says that the stage is done."""
    weights = {name: value.contiguous() for name, value in autoencoder.state_dict().items()}
    with whole_file(folder / WEIGHTS_FILE) as temporary:
        save_file(weights, temporary, metadata={"format": "pt"})
    text = json.dumps(config_to_dict(autoencoder.config), indent=2)
    with whole_file(folder / CONFIG_FILE) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def obtain_tokenizer(run: TrainingRun) -> Any:
    """Train the tokenizer on the caption grammar, or load it; its folder appears whole."""
    folder = run.folder / "tokenizer"
    if not folder.exists():
        unfinished = run.folder / "tokenizer.part"
        train_tokenizer(corpus(CAPTIONS, seed=0), run.preset.text).save_pretrained(unfinished)
        unfinished.rename(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)


@torch.no_grad()
def save_reconstruction_sheet(
    autoencoder: TinyVideoAutoencoder, held_out: ClipBatch, file: Path
) -> None:
    """Some held-out clips, and below them what the autoencoder makes of them."""
    video_BCFHW = held_out.rows(0, SHEET_CLIPS).video()
    decoded_BCFHW = autoencoder.decode(autoencoder.encode(video_BCFHW))
    save_pairs(video_BCFHW.transpose(1, 2), decoded_BCFHW.transpose(1, 2), file)


def save_drawn_sheet(model_folder: Path, held_out: ClipBatch, file: Path) -> None:
    """Some held-out clips, and below them what the model draws from their first frames."""
    clips = held_out.rows(0, SHEET_CLIPS)
    video_BFCHW = clips.video().transpose(1, 2)
    shots = Shots(
        first_B3HW=video_BFCHW[:, 0],
        c2w_BF44=clips.c2w_BF44,
        intrinsics_BF4=clips.intrinsics_BF4,
        captions=clips.captions,
    )
    save_pairs(video_BFCHW, open_rollout(model_folder).draw(shots), file)
