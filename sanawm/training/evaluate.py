"""How well a model obeys, on held-out worlds: films, draws, measures, and writes the table.

Every figure is about clips of worlds whose truth can be rendered along any camera. The model
draws without guidance.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sanawm.errors import InvalidRequestError
from sanawm.training.figures import (
    Figures,
    Footage,
    control_figures,
    loop_figures,
    picture_figures,
    pose_figures,
    still_figures,
    turn_figures,
)
from sanawm.training.long_clips import long_figures, long_lines
from sanawm.training.rollout import Rollout, open_rollout
from sanawm.training.sheets import save_pairs
from sanawm.training.truth import held_out_worlds, mirrored_truth
from sanawm.worlds.paths import frozen, shuffled

SHEET_WORLDS = 8
MISSING = "–"


def evaluate(
    folder: Path, *, num_worlds: int, steps: int | None = None, out: Path | None = None
) -> Figures:
    """Judge the model in `folder`; writes evaluation.json and a sheet to `out` when given."""
    if num_worlds < 2:
        raise InvalidRequestError(
            "At least 2 worlds are needed: each is drawn along another's path."
        )
    model = open_rollout(folder, steps)
    footage = shoot(model, num_worlds)
    report: Figures = {
        "model": str(folder),
        "worlds": num_worlds,
        "first_seed": footage.truth.seeds[0],
        "steps": model.num_inference_steps,
        "guidance_scale": 1.0,
        "size": [model.card.width, model.card.height],
        "frames": model.card.num_frames,
        "torch": torch.__version__,
        "pictures": picture_figures(footage),
        "control": control_figures(footage),
        "still": still_figures(footage),
        "loop": loop_figures(model, footage),
        "turn": turn_figures(model, footage),
        "pose": pose_figures(footage),
    }
    if model.card.streaming:
        report["long"] = long_figures(model)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report, indent=2) + "\n"
        (out / "evaluation.json").write_text(text, encoding="utf-8")
        worlds = slice(SHEET_WORLDS)
        save_pairs(footage.truth.video_BFCHW[worlds], footage.drawn[worlds], out / "sheet.png")
    return report


def shoot(model: Rollout, num_worlds: int) -> Footage:
    """Film the worlds and let the model draw them along every camera that the figures need."""
    truth = held_out_worlds(model.card, num_worlds)
    other = mirrored_truth(truth)
    poses = truth.c2w_BF44.numpy()

    def draw(poses: np.ndarray[Any, Any]) -> torch.Tensor:
        return model.draw(truth.shots(torch.from_numpy(poses)))

    return Footage(
        card=model.card,
        truth=truth,
        mirrored=other,
        drawn=draw(poses),
        drawn_mirrored=draw(other.c2w_BF44.numpy()),
        drawn_frozen=draw(frozen(poses)),
        drawn_shuffled=draw(shuffled(poses)),
        reconstructed=model.reconstruct(truth.video_BFCHW),
        clear_B=truth.is_clear() & other.is_clear(),
    )


def format_table(report: Figures) -> str:
    """The report as Markdown."""
    lines = []
    for when, sets in report["pictures"].items():
        for name, table in sets.items():
            lines += [*_picture_lines(f"{when}, {name} worlds", table), ""]
    if "long" in report:
        lines += [*long_lines(report["long"]), ""]
    return "\n".join(lines + _figure_lines(report))


def _picture_lines(title: str, table: Figures) -> list[str]:
    visible = _number(table["visible"] and 100 * table["visible"], 0)
    lines = [
        f"| {title} ({table['worlds']}), {visible} % visible | PSNR | SSIM | visible PSNR "
        "| visible SSIM |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, row in table["rows"].items():
        lines.append(
            f"| {name} | {_number(row['psnr'], 2)} | {_number(row['ssim'], 3)} "
            f"| {_number(row['visible_psnr'], 2)} | {_number(row['visible_ssim'], 3)} |"
        )
    return lines


def _figure_lines(report: Figures) -> list[str]:
    """The single figures, a line each."""
    control, still, loop = report["control"], report["still"], report["loop"]
    turn, pose, floor = report["turn"], report["pose"], report["pose"]["floor"]
    homography = _number(turn["homography visible_psnr"], 2)
    return [
        "| figure | worlds | value |",
        "|---|--:|---|",
        _share_line("control-ID, true against mirrored camera", control["mirrored"]),
        _share_line("control-ID, true against frozen camera", control["frozen"]),
        _share_line("turning left moves the picture right", turn["picture moves right"]),
        f"| pure turn at 1 s, visible PSNR (homography) | {report['worlds']} "
        f"| {_number(turn['visible_psnr'], 2)} ({homography}) dB |",
        f"| frozen camera, to first frame at 1 s / last (autoencoder) | {report['worlds']} "
        f"| {_number(still['1s'], 2)} / {_number(still['last'], 2)} "
        f"({_number(still['autoencoder'], 2)}) dB |",
        f"| loop, return to first frame (copied at the turn, autoencoder) | {loop['worlds']} "
        f"| {_number(loop['return'], 2)} ({_number(loop['copied at the turn'], 2)}, "
        f"{_number(loop['autoencoder'], 2)}) dB |",
        f"| rotation error at 1 s, median (autoencoder) | {pose['worlds']} "
        f"| {_number(pose['rotation_degrees'], 2)} "
        f"({_number(floor['rotation_degrees'], 2)}) degrees |",
        f"| translation error at 1 s, median (autoencoder) | {pose['worlds']} "
        f"| {_number(pose['translation_m'], 3)} ({_number(floor['translation_m'], 3)}) m |",
        f"| motion scale at 1 s, mean (autoencoder) | {pose['worlds']} "
        f"| {_number(pose['scale'], 2)} ({_number(floor['scale'], 2)}) |",
    ]


def _share_line(title: str, figure: Figures) -> str:
    low, high = (_number(100 * figure[key], 1) for key in ("low", "high"))
    value = _number(None if figure["share"] is None else 100 * figure["share"], 1)
    return f"| {title} | {figure['worlds']} | {value} % ({low} to {high}) |"


def _number(value: float | None, digits: int) -> str:
    return MISSING if value is None else f"{value:.{digits}f}"
