"""Held-out worlds, filmed: what a model should draw, along any camera.

Shape letters: B worlds, F frames, H, W rows and columns.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sanawm.card import ModelCard
from sanawm.training.metrics import rotation_degrees, visible_from_first
from sanawm.training.rollout import Shots
from sanawm.worlds.clips import Clips, render_along, sample_clips, sample_worlds
from sanawm.worlds.paths import mirrored
from sanawm.worlds.scene import Split
from sanawm.worlds.starts import object_distances

FIRST_SEED = 1000  # the worlds before it are those that training watches
SPLIT: Split = "held_out"
SUPERSAMPLE = 2  # as in training
LEAST_TURN, LEAST_SHIFT = 2.0, 0.1  # degrees, metres: a camera that moved


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """Worlds along a camera; frames are (3, H, W) in [-1, 1], depth is z in metres."""

    seeds: list[int]
    video_BFCHW: Tensor
    depth_BFHW: Tensor
    c2w_BF44: Tensor
    intrinsics_BF4: Tensor
    captions: list[str]

    @property
    def first_frames(self) -> Tensor:
        """The pictures that the model is given, (B, 3, H, W)."""
        return self.video_BFCHW[:, 0]

    def shots(self, c2w_BF44: Tensor) -> Shots:
        """What to ask a model for, to see these worlds along a camera."""
        return Shots(
            first_B3HW=self.first_frames,
            c2w_BF44=c2w_BF44,
            intrinsics_BF4=self.intrinsics_BF4,
            captions=self.captions,
        )

    def along(self, c2w_BF44: Tensor, *, supersample: int = SUPERSAMPLE) -> "Truth":
        """The same worlds from the same start along another camera."""
        height, width = self.video_BFCHW.shape[-2:]
        clips = render_along(
            self.seeds,
            c2w_BF44,
            height=height,
            width=width,
            split=SPLIT,
            supersample=supersample,
        )
        return _from_clips(self.seeds, clips)

    def visible(self, frame: int) -> Tensor:
        """Pixels of a frame whose surface frame 0 shows too, (B, H, W)."""
        return visible_from_first(
            self.depth_BFHW[:, frame],
            self.depth_BFHW[:, 0],
            self.c2w_BF44[:, frame],
            self.intrinsics_BF4[:, frame],
        )

    def has_moved(self, frame: int) -> Tensor:
        """Whether the camera of a frame is somewhere else than that of frame 0, (B,)."""
        pose_B44 = self.c2w_BF44[:, frame]
        turn_B = rotation_degrees(pose_B44[:, :3, :3], torch.eye(3).expand(len(pose_B44), 3, 3))
        shift_B = pose_B44[:, :3, 3].norm(dim=1)
        has_moved_B: Tensor = (turn_B >= LEAST_TURN) | (shift_B >= LEAST_SHIFT)
        return has_moved_B

    def is_clear(self) -> Tensor:
        """Whether the camera stays out of walls and objects, (B,)."""
        scenes, starts = sample_worlds(self.seeds, SPLIT)
        place = (starts.matrices()[:, None] @ self.c2w_BF44.double().numpy())[..., :3, 3]
        is_inside = (np.abs(place[..., ::2]) < scenes.extent[:, None, :2]).all(axis=(1, 2))
        is_free = (object_distances(scenes, place) > 0).all(axis=(1, 2))
        return torch.from_numpy(is_inside & is_free)


def held_out_worlds(card: ModelCard, num_worlds: int) -> Truth:
    """Held-out worlds at a model's default size and length, along cameras of the training kind."""
    seeds = list(range(FIRST_SEED, FIRST_SEED + num_worlds))
    clips = sample_clips(
        seeds,
        num_frames=card.num_frames,
        height=card.height,
        width=card.width,
        split=SPLIT,
        supersample=SUPERSAMPLE,
    )
    return _from_clips(seeds, clips)


def mirrored_truth(truth: Truth) -> Truth:
    """The same worlds along a camera that turns and moves left where this one does so right."""
    return truth.along(torch.from_numpy(mirrored(truth.c2w_BF44.numpy())))


def _from_clips(seeds: list[int], clips: Clips) -> Truth:
    """Pixels to [-1, 1], channels before rows."""
    return Truth(
        seeds=seeds,
        video_BFCHW=clips.frames_BFHWC.permute(0, 1, 4, 2, 3).float() / 127.5 - 1,
        depth_BFHW=clips.depth_BFHW,
        c2w_BF44=clips.c2w_BF44,
        intrinsics_BF4=clips.intrinsics_BF4,
        captions=clips.captions,
    )
