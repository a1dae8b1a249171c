"""Rendered clips on disk, in shards: rendered once, read by every stage and every resume.

A shard is one safetensors file with frames (N, F, H, W, 3) uint8, c2w (N, F, 4, 4) and
intrinsics (N, F, 4); captions lie in its metadata. A second process goes on rendering while the
first trains. Each clip counts twice: its mirror image with a mirrored camera is a clip as true.

Shape letters: N clips of a shard, B clips, F frames, H, W rows and columns.
"""

import json
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from sanawm.files import whole_file
from sanawm.training.presets import TrainingPreset
from sanawm.worlds.clips import sample_clips
from sanawm.worlds.scene import Split

CLIPS_PER_SHARD = 64  # fewer in a pool that is smaller
MIRROR = (-1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipBatch:
    """Clips of equal size, with their cameras."""

    frames_BFHWC: Tensor
    c2w_BF44: Tensor
    intrinsics_BF4: Tensor
    captions: list[str]

    def video(self, device: str = "cpu") -> Tensor:
        """Pixels in [-1, 1], (B, 3, F, H, W)."""
        frames_BCFHW = self.frames_BFHWC.to(device).permute(0, 4, 1, 2, 3)
        return (frames_BCFHW.float() / 127.5 - 1).contiguous()

    def rows(self, start: int, stop: int) -> "ClipBatch":
        """Some of the clips."""
        chosen = slice(start, stop)
        return ClipBatch(
            frames_BFHWC=self.frames_BFHWC[chosen],
            c2w_BF44=self.c2w_BF44[chosen],
            intrinsics_BF4=self.intrinsics_BF4[chosen],
            captions=self.captions[chosen],
        )


class ClipPool:
    """The clips of one split, of one size, in a folder."""

    def __init__(self, folder: Path, preset: TrainingPreset, split: Split, num_clips: int) -> None:
        size = f"{max(preset.lengths)}x{preset.height}x{preset.width}"
        self.folder = folder / f"{split}-{size}"
        self.preset = preset
        self.split = split
        self.num_clips = num_clips
        self.shard_size = min(CLIPS_PER_SHARD, num_clips)
        self.num_shards = -(-num_clips // self.shard_size)
        self.shards: list[ClipBatch] = []
        self._process: multiprocessing.process.BaseProcess | None = None

    def __len__(self) -> int:
        return sum(len(shard.captions) for shard in self.shards)

    def render_until(self, num_clips: int) -> Iterator[int]:
        """Render missing shards here and now; yields how many clips there are."""
        for index in range(min(self.num_shards, -(-num_clips // self.shard_size))):
            self.render_shard(index)
            self.refresh()
            yield len(self)

    def render_in_background(self) -> None:
        """Go on rendering in a process of its own, at low priority, until the pool is full."""
        if all(self._file(index).exists() for index in range(self.num_shards)):
            return
        settings = (self.folder.parent, self.preset, self.split, self.num_clips)
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_render_rest, args=settings, daemon=True)
        self._process.start()

    def stop(self) -> None:
        """End the rendering process; a shard in work is lost, whole ones stay."""
        if self._process is not None:
            self._process.terminate()
            self._process.join()
            self._process = None

    def refresh(self) -> None:
        """Read shards that have come since."""
        while len(self.shards) < self.num_shards:
            file = self._file(len(self.shards))
            if not file.exists():
                return
            self.shards.append(_read_shard(file))

    def clip(self, index: int) -> ClipBatch:
        """One clip as a batch of one; indices past the rendered ones are their mirror images."""
        is_mirrored, index = divmod(index, len(self))
        shard, row = divmod(index, self.shard_size)
        clip = self.shards[shard].rows(row, row + 1)
        return mirror(clip) if is_mirrored else clip

    def sample(self, batch: int, num_frames: int, generator: torch.Generator) -> ClipBatch:
        """Random windows of random clips and mirror images; poses start anew in each window."""
        indices = torch.randint(2 * len(self), (batch,), generator=generator).tolist()
        last = max(self.preset.lengths) - num_frames
        starts = torch.randint(last + 1, (batch,), generator=generator).tolist()
        return join(
            [
                window(self.clip(index), start, num_frames)
                for index, start in zip(indices, starts, strict=True)
            ]
        )

    def first(self, num_clips: int) -> ClipBatch:
        """The first so many clips, or as many as there are, in order."""
        return join(self.shards[: -(-num_clips // self.shard_size)]).rows(0, num_clips)

    def render_shard(self, index: int) -> None:
        """Render one shard, if it is not there."""
        if self._file(index).exists():
            return
        first = index * self.shard_size
        clips = sample_clips(
            range(first, first + self.shard_size),
            num_frames=max(self.preset.lengths),
            height=self.preset.height,
            width=self.preset.width,
            split=self.split,
            supersample=self.preset.supersample,
            device=self.preset.device,
        )
        tensors = {
            "frames": clips.frames_BFHWC.cpu().contiguous(),
            "c2w": clips.c2w_BF44.cpu().contiguous(),
            "intrinsics": clips.intrinsics_BF4.cpu().contiguous(),
        }
        with whole_file(self._file(index)) as temporary:
            save_file(tensors, temporary, metadata={"captions": json.dumps(clips.captions)})

    def _file(self, index: int) -> Path:
        return self.folder / f"{index:05d}.safetensors"


def _render_rest(folder: Path, preset: TrainingPreset, split: Split, num_clips: int) -> None:
    """What the second process does: every missing shard, for as long as the first one lives."""
    torch.set_num_threads(1)
    os.nice(10)
    pool = ClipPool(folder, preset, split, num_clips)
    parent = multiprocessing.parent_process()
    for index in range(pool.num_shards):
        if parent is not None and not parent.is_alive():
            return
        pool.render_shard(index)


def _read_shard(file: Path) -> ClipBatch:
    with safe_open(file, framework="pt") as shard:
        return ClipBatch(
            frames_BFHWC=shard.get_tensor("frames"),
            c2w_BF44=shard.get_tensor("c2w"),
            intrinsics_BF4=shard.get_tensor("intrinsics"),
            captions=json.loads(shard.metadata()["captions"]),
        )


def window(clip: ClipBatch, start: int, num_frames: int) -> ClipBatch:
    """Frames start..start+num_frames, with poses relative to the first of them."""
    chosen = slice(start, start + num_frames)
    c2w_BF44 = clip.c2w_BF44[:, chosen]
    relative_BF44 = torch.linalg.inv(c2w_BF44[:, :1].double()) @ c2w_BF44.double()
    return ClipBatch(
        frames_BFHWC=clip.frames_BFHWC[:, chosen],
        c2w_BF44=relative_BF44.float(),
        intrinsics_BF4=clip.intrinsics_BF4[:, chosen],
        captions=clip.captions,
    )


def mirror(clip: ClipBatch) -> ClipBatch:
    """Left and right exchanged, in the picture and in the camera."""
    flip = torch.tensor(MIRROR)
    intrinsics_BF4 = clip.intrinsics_BF4.clone()
    intrinsics_BF4[..., 2] = clip.frames_BFHWC.shape[3] - 1 - intrinsics_BF4[..., 2]
    return ClipBatch(
        frames_BFHWC=clip.frames_BFHWC.flip(3),
        c2w_BF44=flip[:, None] * clip.c2w_BF44 * flip,
        intrinsics_BF4=intrinsics_BF4,
        captions=clip.captions,
    )


def join(clips: list[ClipBatch]) -> ClipBatch:
    """One batch of many."""
    return ClipBatch(
        frames_BFHWC=torch.cat([clip.frames_BFHWC for clip in clips]),
        c2w_BF44=torch.cat([clip.c2w_BF44 for clip in clips]),
        intrinsics_BF4=torch.cat([clip.intrinsics_BF4 for clip in clips]),
        captions=[caption for clip in clips for caption in clip.captions],
    )
