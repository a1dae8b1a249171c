"""The figures by which a model is judged: the table of models/tiny/README.md.

Frames are judged at one second and at the end of a clip. Visible-region figures count the pixels
of a frame that frame 0 shows too, with one mask for the model and every baseline. A world is
informative at a frame if the truths along the true and the mirrored camera differ there and both
cameras stay out of walls and objects. A mean over no world is None.

Shape letters: B worlds, F frames, H, W rows and columns.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sanawm.card import ModelCard
from sanawm.training.metrics import (
    MIN_VISIBLE,
    psnr,
    rotated_first_frame,
    ssim,
    wilson_interval,
)
from sanawm.training.pose_search import PoseErrors, pose_errors
from sanawm.training.rollout import Rollout
from sanawm.training.truth import Truth

INFORMATIVE_PSNR = 22.0  # dB between two pictures, below which one can tell them apart
REACH = 0.3  # of the width: how far a picture may have moved sideways
Figures = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Footage:
    """What was filmed and drawn once for all figures; videos are (B, F, 3, H, W) in [-1, 1]."""

    card: ModelCard
    truth: Truth
    mirrored: Truth
    drawn: Tensor  # along the true camera
    drawn_mirrored: Tensor
    drawn_frozen: Tensor
    drawn_shuffled: Tensor  # each world along the next one's camera
    reconstructed: Tensor  # the truth through the autoencoder and back
    clear_B: Tensor  # whether true and mirrored camera stay out of walls and objects

    @property
    def judged(self) -> dict[str, int]:
        """The frames that are judged."""
        return {"1s": round(self.card.fps), "last": self.card.num_frames - 1}

    def informative(self, frame: int) -> Tensor:
        """Worlds (B,) in which a frame tells the true camera from the mirrored one."""
        true, other = self.truth.video_BFCHW[:, frame], self.mirrored.video_BFCHW[:, frame]
        return (psnr(true, other) < INFORMATIVE_PSNR) & self.clear_B


def mean(values_B: Tensor, chosen_B: Tensor | None = None) -> float | None:
    """Mean over some worlds; None if there are none."""
    values_B = values_B if chosen_B is None else values_B[chosen_B]
    return values_B.mean().item() if len(values_B) else None


def picture_figures(footage: Footage) -> Figures:
    """PSNR and SSIM of the model and every baseline against the truth, over two sets of worlds."""
    truth = footage.truth
    videos = {
        "model": footage.drawn,
        "copied first frame": truth.video_BFCHW[:, :1].expand_as(truth.video_BFCHW),
        "frozen camera": footage.drawn_frozen,
        "mirrored camera": footage.drawn_mirrored,
        "shuffled camera": footage.drawn_shuffled,
        "autoencoder": footage.reconstructed,
    }
    table: Figures = {}
    for when, frame in footage.judged.items():
        pictures = {name: video[:, frame] for name, video in videos.items()}
        pictures["homography"] = rotated_first_frame(
            truth.first_frames, truth.c2w_BF44[:, frame], truth.intrinsics_BF4[:, frame]
        )
        every_B = torch.ones(len(truth.seeds), dtype=torch.bool)
        table[when] = {
            "all": compare(pictures, truth, frame, every_B),
            "informative": compare(pictures, truth, frame, footage.informative(frame)),
        }
    return table


def compare(pictures: dict[str, Tensor], truth: Truth, frame: int, chosen_B: Tensor) -> Figures:
    """Means over the chosen worlds: the whole frame, and the region that frame 0 shows."""
    true_B3HW, visible_BHW = truth.video_BFCHW[:, frame], truth.visible(frame)
    share_B = visible_BHW.float().mean(dim=(1, 2))
    usable_B = chosen_B & (share_B >= MIN_VISIBLE)
    rows = {
        name: {
            "psnr": mean(psnr(picture, true_B3HW), chosen_B),
            "ssim": mean(ssim(picture, true_B3HW), chosen_B),
            "visible_psnr": mean(psnr(picture, true_B3HW, visible_BHW), usable_B),
            "visible_ssim": mean(ssim(picture, true_B3HW, visible_BHW), usable_B),
        }
        for name, picture in pictures.items()
    }
    return {"worlds": int(chosen_B.sum()), "visible": mean(share_B, chosen_B), "rows": rows}


def control_figures(footage: Footage) -> Figures:
    """Whether a clip's last frame is nearer to its own camera's truth than to the other's.

    True against mirrored camera: two decisions a world, one under each camera, in informative
    worlds. True against frozen camera: whether the clip along the true camera is nearer to the
    truth than the clip along a frozen one, in worlds whose picture has changed.
    """
    frame = footage.judged["last"]
    true, other = footage.truth.video_BFCHW[:, frame], footage.mirrored.video_BFCHW[:, frame]
    drawn, drawn_other = footage.drawn[:, frame], footage.drawn_mirrored[:, frame]
    hits_B = (psnr(drawn, true) > psnr(drawn, other)).float()
    hits_B += (psnr(drawn_other, other) > psnr(drawn_other, true)).float()
    has_changed_B = psnr(true, footage.truth.first_frames) < INFORMATIVE_PSNR
    beats_B = psnr(drawn, true) > psnr(footage.drawn_frozen[:, frame], true)
    return {
        "mirrored": share(hits_B / 2, footage.informative(frame)),
        "frozen": share(beats_B.float(), has_changed_B),
    }


def share(scores_B: Tensor, chosen_B: Tensor) -> Figures:
    """A mean score and its 95 % interval, in which a world counts as one trial."""
    worlds, value = int(chosen_B.sum()), mean(scores_B, chosen_B)
    low, high = wilson_interval(value or 0.0, worlds)
    return {"share": value, "worlds": worlds, "low": low, "high": high}


def still_figures(footage: Footage) -> Figures:
    """PSNR to the first frame under a camera that does not move; reconstruction is the ceiling."""
    first_B3HW = footage.truth.first_frames
    figures: Figures = {"autoencoder": mean(psnr(footage.reconstructed[:, 0], first_B3HW))}
    for when, frame in footage.judged.items():
        figures[when] = mean(psnr(footage.drawn_frozen[:, frame], first_B3HW))
    return figures


def loop_figures(model: Rollout, footage: Footage) -> Figures:
    """Out along the first half of the path and back: the last frame against the first.

    Worlds whose camera has moved at the turn count; "copied at the turn" is what a picture that
    stayed where the camera turned round would reach.
    """
    truth = footage.truth
    turn = footage.card.num_frames // 2
    out_BF44 = truth.c2w_BF44[:, : turn + 1]
    video = model.draw(truth.shots(torch.cat((out_BF44, out_BF44[:, :-1].flip(1)), dim=1)))
    moved_B = truth.has_moved(turn)
    return {
        "worlds": int(moved_B.sum()),
        "return": mean(psnr(video[:, -1], truth.first_frames), moved_B),
        "copied at the turn": mean(psnr(truth.video_BFCHW[:, turn], truth.first_frames), moved_B),
        "autoencoder": mean(psnr(footage.reconstructed[:, 0], truth.first_frames), moved_B),
    }


def turn_figures(model: Rollout, footage: Footage) -> Figures:
    """Pure turns to the left: the picture must move right; a homography knows the visible part."""
    truth, frame = footage.truth, footage.judged["1s"]
    path_F44 = left_turn(footage.card.num_frames, footage.card.rotation_degrees / 2)
    turned = truth.along(path_F44.expand_as(truth.c2w_BF44).contiguous())
    picture = model.draw(turned.shots(turned.c2w_BF44))[:, frame]
    visible_BHW = turned.visible(frame)
    warped = rotated_first_frame(
        turned.first_frames, turned.c2w_BF44[:, frame], turned.intrinsics_BF4[:, frame]
    )
    true = turned.video_BFCHW[:, frame]
    rightward_B = sideways_shift(turned.first_frames, picture) > 0
    return {
        "picture moves right": share(rightward_B.float(), torch.ones_like(rightward_B)),
        "visible_psnr": mean(psnr(picture, true, visible_BHW)),
        "homography visible_psnr": mean(psnr(warped, true, visible_BHW)),
    }


def left_turn(num_frames: int, degrees_per_frame: float) -> Tensor:
    """Poses (F, 4, 4) of a camera that stands and turns left."""
    angles_F = -torch.deg2rad(torch.arange(num_frames) * degrees_per_frame)
    poses_F44 = torch.eye(4).repeat(num_frames, 1, 1)
    poses_F44[:, 0, 0] = poses_F44[:, 2, 2] = angles_F.cos()
    poses_F44[:, 0, 2], poses_F44[:, 2, 0] = angles_F.sin(), -angles_F.sin()
    return poses_F44


def sideways_shift(first_B3HW: Tensor, later_B3HW: Tensor) -> Tensor:
    """By how many pixels to the right the later picture fits the first best, (B,)."""
    width = first_B3HW.shape[-1]
    reach = round(REACH * width)
    errors = []
    for shift in range(-reach, reach + 1):
        low, high = max(0, shift), min(width, width + shift)
        later, first = later_B3HW[..., low:high], first_B3HW[..., low - shift : high - shift]
        errors.append((later - first).square().mean(dim=(1, 2, 3)))
    return torch.stack(errors).argmin(dim=0) - reach


def pose_figures(footage: Footage) -> Figures:
    """Where the camera of a drawn frame is, found by rendering; the floor is reconstruction's.

    Worlds whose camera has moved count: in the others no scale can be told.
    """
    truth, frame = footage.truth, footage.judged["1s"]
    moved_B = truth.has_moved(frame)

    def errors(video_BFCHW: Tensor) -> Figures:
        found = pose_errors(
            lambda c2w_BK44: truth.along(c2w_BK44, supersample=1).video_BFCHW,
            video_BFCHW[:, frame],
            truth.c2w_BF44[:, frame],
        )
        return _summary(found, moved_B)

    return {
        "worlds": int(moved_B.sum()),
        **errors(footage.drawn),
        "floor": errors(footage.reconstructed),
    }


def _summary(found: PoseErrors, chosen_B: Tensor) -> Figures:
    if not chosen_B.any():
        return dict.fromkeys(("rotation_degrees", "translation_m", "scale"))
    return {
        "rotation_degrees": found.rotation_degrees[chosen_B].median().item(),
        "translation_m": found.translation_m[chosen_B].median().item(),
        "scale": found.scale[chosen_B].mean().item(),
    }
