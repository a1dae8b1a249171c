"""How well a model obeys: the table of models/tiny/README.md, on held-out worlds.

Every figure is about clips of worlds whose truth can be rendered along any camera. Visible-region
figures count the pixels of a frame that frame 0 shows too, with one mask for the model and every
baseline. Frames are judged at one second and at the end of the clip.

Shape letters: B worlds, F frames, H, W rows and columns.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sanawm.model_parts import open_model
from sanawm.text import stack_texts
from sanawm.training.metrics import (
    MIN_VISIBLE,
    psnr,
    rotated_first_frame,
    ssim,
    visible_from_first,
    wilson_interval,
)
from sanawm.training.pose_search import PoseErrors, pose_errors
from sanawm.training.rollout import Rollout
from sanawm.training.sheets import save_sheet
from sanawm.worlds.clips import Clips, render_along, sample_clips

INFORMATIVE_PSNR = 22.0  # mirrored and true camera must give pictures at least this different
MIRROR = torch.tensor([-1.0, 1.0, 1.0, 1.0])
SHEET_WORLDS = 8
SUPERSAMPLE = 2  # as in training
Report = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """Held-out worlds, filmed along a camera: what the model should have drawn."""

    seeds: list[int]
    video_BFCHW: Tensor
    depth_BFHW: Tensor
    c2w_BF44: Tensor
    intrinsics_BF4: Tensor
    captions: list[str]

    @property
    def first_frames(self) -> Tensor:
        """The frames the model is given, (B, 3, H, W)."""
        return self.video_BFCHW[:, 0]

    def along(self, c2w_BF44: Tensor) -> "Truth":
        """The same worlds from the same start along another camera."""
        height, width = self.video_BFCHW.shape[-2:]
        clips = render_along(
            self.seeds,
            c2w_BF44,
            height=height,
            width=width,
            split="held_out",
            supersample=SUPERSAMPLE,
        )
        return from_clips(self.seeds, clips)


def from_clips(seeds: list[int], clips: Clips) -> Truth:
    """Pixels to [-1, 1], channels before rows."""
    return Truth(
        seeds=seeds,
        video_BFCHW=clips.frames_BFHWC.permute(0, 1, 4, 2, 3).float() / 127.5 - 1,
        depth_BFHW=clips.depth_BFHW,
        c2w_BF44=clips.c2w_BF44,
        intrinsics_BF4=clips.intrinsics_BF4,
        captions=clips.captions,
    )


def evaluate(
    folder: Path, *, num_worlds: int, steps: int | None = None, out: Path | None = None
) -> Report:
    """Judge the model in `folder`; writes evaluation.json and sheets to `out` when given."""
    model = load_rollout(folder, steps)
    truth = held_out_worlds(model, num_worlds)
    report: Report = {
        "model": str(folder),
        "worlds": num_worlds,
        "steps": model.num_inference_steps,
        "size": [model.card.width, model.card.height],
        "frames": model.card.num_frames,
        "torch": torch.__version__,
    }
    drawn = draw(model, truth, truth.c2w_BF44)
    report["pictures"] = picture_table(model, truth, drawn)
    report["control"] = control_figures(model, truth, drawn)
    report["still"] = still_figures(model, truth)
    report["loop"] = loop_figures(model, truth)
    report["turn"] = turn_figures(model, truth)
    report["pose"] = pose_figures(model, truth, drawn)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report, indent=2) + "\n"
        (out / "evaluation.json").write_text(text, encoding="utf-8")
        save_comparison_sheet(truth, drawn, out / "sheet.png")
    return report


def load_rollout(folder: Path, steps: int | None) -> Rollout:
    """The parts of a model folder, loaded as the product loads them."""
    parts = open_model(folder)

    def embed(captions: list[str]) -> tuple[Tensor, Tensor]:
        return stack_texts([parts.text_encoder.encode(caption) for caption in captions])

    return Rollout(
        card=parts.card,
        transformer=parts.transformer,
        autoencoder=parts.autoencoder,
        embed=embed,
        num_inference_steps=steps or parts.card.num_inference_steps,
    )


def held_out_worlds(model: Rollout, num_worlds: int) -> Truth:
    """Held-out worlds at the model's default size and length."""
    card = model.card
    seeds = list(range(num_worlds))
    clips = sample_clips(
        seeds,
        num_frames=card.num_frames,
        height=card.height,
        width=card.width,
        split="held_out",
        supersample=SUPERSAMPLE,
    )
    return from_clips(seeds, clips)


def draw(model: Rollout, truth: Truth, c2w_BF44: Tensor) -> Tensor:
    """The model's video (B, F, 3, H, W) of these worlds along a camera."""
    video_BCFHW = model.draw(truth.first_frames, c2w_BF44, truth.intrinsics_BF4, truth.captions)
    return video_BCFHW.transpose(1, 2)


def mirrored(c2w_BF44: Tensor) -> Tensor:
    """The camera that turns and moves left where this one does so right."""
    return MIRROR[:, None] * c2w_BF44 * MIRROR


def judged_frames(model: Rollout) -> dict[str, int]:
    """The frames that the tables speak of."""
    return {"1s": round(model.card.fps), "last": model.card.num_frames - 1}


def picture_table(model: Rollout, truth: Truth, drawn_BFCHW: Tensor) -> Report:
    """PSNR and SSIM of the model and of every baseline, against the truth."""
    videos = {
        "model": drawn_BFCHW,
        "copied first frame": truth.video_BFCHW[:, :1].expand_as(truth.video_BFCHW),
        "frozen camera": draw(model, truth, torch.eye(4).expand_as(truth.c2w_BF44)),
        "mirrored camera": draw(model, truth, mirrored(truth.c2w_BF44)),
        "shuffled camera": draw(model, truth, truth.c2w_BF44.roll(1, dims=0)),
        "autoencoder": reconstruct(model, truth.video_BFCHW),
    }
    table: Report = {}
    for when, frame in judged_frames(model).items():
        visible_BHW = visible_mask(truth, frame)
        usable_B = visible_BHW.float().mean(dim=(1, 2)) >= MIN_VISIBLE
        rows = {name: video[:, frame] for name, video in videos.items()}
        rows["homography"], _ = rotated_first_frame(
            truth.first_frames, truth.c2w_BF44[:, frame], truth.intrinsics_BF4[:, frame]
        )
        table[when] = {
            name: compare(picture, truth.video_BFCHW[:, frame], visible_BHW, usable_B)
            for name, picture in rows.items()
        }
        table[when]["visible share"] = visible_BHW.float().mean().item()
    return table


def compare(picture: Tensor, true: Tensor, visible_BHW: Tensor, usable_B: Tensor) -> Report:
    """Means over worlds: the whole frame, and the region frame 0 shows."""
    return {
        "psnr": psnr(picture, true).mean().item(),
        "ssim": ssim(picture, true).mean().item(),
        "visible_psnr": psnr(picture, true, visible_BHW)[usable_B].mean().item(),
        "visible_ssim": ssim(picture, true, visible_BHW)[usable_B].mean().item(),
    }


def visible_mask(truth: Truth, frame: int) -> Tensor:
    """Pixels of a frame whose surface frame 0 shows."""
    return visible_from_first(
        truth.depth_BFHW[:, frame],
        truth.depth_BFHW[:, 0],
        truth.c2w_BF44[:, frame],
        truth.intrinsics_BF4[:, frame],
    )


@torch.no_grad()
def reconstruct(model: Rollout, video_BFCHW: Tensor) -> Tensor:
    """The video through the autoencoder and back: no model can do better in its latents."""
    parts = [
        model.autoencoder.decode(model.autoencoder.encode(video.transpose(1, 2))).transpose(1, 2)
        for video in torch.split(video_BFCHW, model.batch)
    ]
    return torch.cat(parts)


def control_figures(model: Rollout, truth: Truth, drawn_BFCHW: Tensor) -> Report:
    """Whether a drawn clip is nearer to its own camera's truth than to the mirrored one's.

    Two decisions a world, one under each camera, where both truths exist and differ enough to
    tell; and whether the true camera's clip is nearer to the truth than a frozen camera's.
    """
    other = truth.along(mirrored(truth.c2w_BF44))
    drawn_other = draw(model, truth, other.c2w_BF44)
    frozen = draw(model, truth, torch.eye(4).expand_as(truth.c2w_BF44))
    frame = judged_frames(model)["last"]
    true, false = truth.video_BFCHW[:, frame], other.video_BFCHW[:, frame]
    informative_B = psnr(true, false) < INFORMATIVE_PSNR
    hits_true = psnr(drawn_BFCHW[:, frame], true) > psnr(drawn_BFCHW[:, frame], false)
    hits_false = psnr(drawn_other[:, frame], false) > psnr(drawn_other[:, frame], true)
    hits = int(hits_true[informative_B].sum() + hits_false[informative_B].sum())
    moving_B = psnr(true, truth.video_BFCHW[:, 0]) < INFORMATIVE_PSNR
    beats = psnr(drawn_BFCHW[:, frame], true) > psnr(frozen[:, frame], true)
    return {
        "mirrored": share(hits, 2 * int(informative_B.sum())),
        "frozen": share(int(beats[moving_B].sum()), int(moving_B.sum())),
    }


def share(hits: int, trials: int) -> Report:
    """A share with its 95 % interval."""
    low, high = wilson_interval(hits, trials)
    return {
        "share": hits / max(1, trials),
        "hits": hits,
        "trials": trials,
        "low": low,
        "high": high,
    }


def still_figures(model: Rollout, truth: Truth) -> Report:
    """PSNR to the first frame under a camera that does not move; the ceiling is reconstruction."""
    video = draw(model, truth, torch.eye(4).expand_as(truth.c2w_BF44))
    ceiling = psnr(reconstruct(model, truth.video_BFCHW[:, :1])[:, 0], truth.first_frames)
    report: Report = {"autoencoder": ceiling.mean().item()}
    for when, frame in judged_frames(model).items():
        report[when] = psnr(video[:, frame], truth.first_frames).mean().item()
    return report


def loop_figures(model: Rollout, truth: Truth) -> Report:
    """Out along the first half of the path and back: the last frame against the first."""
    half = (truth.c2w_BF44.shape[1] + 1) // 2
    out_BF44 = truth.c2w_BF44[:, :half]
    video = draw(model, truth, torch.cat((out_BF44, out_BF44[:, :-1].flip(1)), dim=1))
    turning = psnr(truth.video_BFCHW[:, half - 1], truth.first_frames)
    return {
        "return": psnr(video[:, -1], truth.first_frames).mean().item(),
        "copied at the turn": turning.mean().item(),
    }


def turn_figures(model: Rollout, truth: Truth) -> Report:
    """Pure turns to the left: the picture must move right; a homography knows the visible part."""
    num_frames = truth.c2w_BF44.shape[1]
    angles_F = -torch.deg2rad(torch.arange(num_frames) * model.card.rotation_degrees / 2)
    turn_F44 = torch.eye(4).repeat(num_frames, 1, 1)
    turn_F44[:, 0, 0] = turn_F44[:, 2, 2] = angles_F.cos()
    turn_F44[:, 0, 2], turn_F44[:, 2, 0] = angles_F.sin(), -angles_F.sin()
    turned = truth.along(turn_F44.expand_as(truth.c2w_BF44).contiguous())
    video = draw(model, truth, turned.c2w_BF44)
    frame = judged_frames(model)["1s"]
    visible_BHW = visible_mask(turned, frame)
    warped, _ = rotated_first_frame(
        truth.first_frames, turned.c2w_BF44[:, frame], truth.intrinsics_BF4[:, frame]
    )
    true = turned.video_BFCHW[:, frame]
    rightward = sideways_shift(truth.first_frames, video[:, frame]) > 0
    return {
        "picture moves right": share(int(rightward.sum()), len(rightward)),
        "visible_psnr": psnr(video[:, frame], true, visible_BHW).mean().item(),
        "homography visible_psnr": psnr(warped, true, visible_BHW).mean().item(),
    }


def sideways_shift(first_BCHW: Tensor, later_BCHW: Tensor, reach: int = 24) -> Tensor:
    """By how many pixels to the right the later picture fits the first best, per world."""
    width = first_BCHW.shape[-1]
    errors = []
    for shift in range(-reach, reach + 1):
        low, high = max(0, shift), min(width, width + shift)
        moved, still = later_BCHW[..., low:high], first_BCHW[..., low - shift : high - shift]
        errors.append((moved - still).square().mean(dim=(1, 2, 3)))
    return torch.stack(errors).argmin(dim=0) - reach


def pose_figures(model: Rollout, truth: Truth, drawn_BFCHW: Tensor) -> Report:
    """Where the camera of a drawn frame is, found by rendering; the floor is reconstruction's."""
    frame = judged_frames(model)["1s"]

    height, width = truth.video_BFCHW.shape[-2:]

    def render(c2w_BK44: Tensor) -> Tensor:
        clips = render_along(truth.seeds, c2w_BK44, height=height, width=width, split="held_out")
        return clips.frames_BFHWC.permute(0, 1, 4, 2, 3).float() / 127.5 - 1

    def errors(video_BFCHW: Tensor) -> PoseErrors:
        return pose_errors(render, video_BFCHW[:, frame], truth.c2w_BF44, frame)

    found, floor = errors(drawn_BFCHW), errors(reconstruct(model, truth.video_BFCHW))
    return {
        "rotation_degrees": found.rotation_degrees.median().item(),
        "translation_m": found.translation_m.median().item(),
        "scale": found.scale.mean().item(),
        "floor": {
            "rotation_degrees": floor.rotation_degrees.median().item(),
            "translation_m": floor.translation_m.median().item(),
            "scale": floor.scale.mean().item(),
        },
    }


def save_comparison_sheet(truth: Truth, drawn_BFCHW: Tensor, file: Path) -> None:
    """Every second frame of some worlds: the truth, and below it the model's."""
    rows = []
    for true, drawn in zip(truth.video_BFCHW, drawn_BFCHW, strict=True):
        rows += [true[::2], drawn[::2]]
    save_sheet(rows[: 2 * SHEET_WORLDS], file)


def format_table(report: Report) -> str:
    """The report as Markdown."""
    lines = []
    for when, rows in report["pictures"].items():
        lines += [
            f"| {when}, {rows['visible share']:.0%} visible | PSNR | SSIM | visible PSNR "
            "| visible SSIM |",
            "|---|--:|--:|--:|--:|",
        ]
        for name, row in rows.items():
            if isinstance(row, dict):
                lines.append(
                    f"| {name} | {row['psnr']:.2f} | {row['ssim']:.3f} "
                    f"| {row['visible_psnr']:.2f} | {row['visible_ssim']:.3f} |"
                )
        lines.append("")
    return "\n".join(lines + format_figures(report))


def format_figures(report: Report) -> list[str]:
    """The single figures, a line each."""
    control, pose, turn = report["control"], report["pose"], report["turn"]

    def percent(part: Report) -> str:
        return f"{part['share']:.1%} of {part['trials']} ({part['low']:.1%} to {part['high']:.1%})"

    return [
        "| figure | value |",
        "|---|---|",
        f"| control-ID, true against mirrored camera | {percent(control['mirrored'])} |",
        f"| control-ID, true against frozen camera | {percent(control['frozen'])} |",
        f"| turning left moves the picture right | {percent(turn['picture moves right'])} |",
        f"| pure turn at 1 s, visible PSNR (homography) | {turn['visible_psnr']:.2f} "
        f"({turn['homography visible_psnr']:.2f}) dB |",
        f"| frozen camera, to first frame at 1 s / last (ceiling) | {report['still']['1s']:.2f} / "
        f"{report['still']['last']:.2f} ({report['still']['autoencoder']:.2f}) dB |",
        f"| loop, return to first frame (copied at the turn) | {report['loop']['return']:.2f} "
        f"({report['loop']['copied at the turn']:.2f}) dB |",
        f"| rotation error at 1 s, median (floor) | {pose['rotation_degrees']:.2f} "
        f"({pose['floor']['rotation_degrees']:.2f}) degrees |",
        f"| translation error at 1 s, median (floor) | {pose['translation_m']:.3f} "
        f"({pose['floor']['translation_m']:.3f}) m |",
        f"| trajectory scale (floor) | {pose['scale']:.2f} ({pose['floor']['scale']:.2f}) |",
    ]
