"""Decoding a video some frames at a time with the numbers of one whole pass.

diffusers' LTX-2 decoder pads every convolution in time with copies of the first frame it is given,
and of the last one where the decoder looks ahead; every upsampler drops its leading frames. That is
right only at the ends of a clip. Here each convolution is given its own last input frames instead.
One that looks ahead holds back its newest frame until the next one is there, and what is added to
its output later is held back as long. So a clip of any length is decoded in the memory of a few
frames.

Shape letters: B batch, C channels, F frames, H, W rows and columns.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import prod
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

Stage = tuple[Callable[[Tensor], Tensor], int]


class NotYetError(Exception):
    """No frame can be finished before later ones are there."""


class FrameMemory:
    """Takes over what in a decoder reaches over time."""

    def __init__(self, decoder: Any) -> None:
        self.frames: dict[str, Tensor] = {}
        self.causal = bool(decoder.is_causal)
        self._decoder = decoder
        self._ends = False
        methods: dict[str, Callable[..., Tensor]] = {
            "LTX2VideoCausalConv3d": self._convolve,
            "LTX2VideoUpsampler3d": self._upsample,
            "LTX2VideoResnetBlock3d": self._add_residual,
        }
        for name, module in decoder.named_modules():
            method = methods.get(type(module).__name__)
            if method is not None:
                module.forward = partial(method, name, module)

    def decode(
        self, latents_BCTHW: Tensor, frames: dict[str, Tensor] | None, *, ends: bool
    ) -> Iterator[Tensor]:
        """Video BCFHW of the next latents, in parts; a decoder that looks ahead may have none yet.

        It goes on after the `frames` that an earlier pass left, or begins a clip with None; `ends`
        says that nothing comes after this pass.
        """
        self.frames = dict(frames or {})
        yield from self._through(self._stages(), latents_BCTHW, 1, ends=ends)

    def take(self) -> dict[str, Tensor]:
        """What the last pass left, to go on after it; nothing of it is kept here."""
        frames, self.frames = self.frames, {}
        return frames

    def _stages(self) -> list[Stage]:
        """The decoder as what comes one after the other, each with the frames it makes of one."""
        decoder = self._decoder

        def tail(x_BCFHW: Tensor) -> Tensor:
            """To pixels: every cell holds the channels of a small square, columns first."""
            cells_BCFHW = decoder.conv_out(decoder.conv_act(decoder.norm_out(x_BCFHW)))
            patch = decoder.patch_size
            pattern = "b (c s q p) f h w -> b c (f s) (h p) (w q)"
            video_BCFHW: Tensor = rearrange(
                cells_BCFHW, pattern, s=decoder.patch_size_t, p=patch, q=patch
            )
            return video_BCFHW

        blocks: list[Stage] = [(block, _stride(block)) for block in decoder.up_blocks]
        return [(lambda x: decoder.mid_block(decoder.conv_in(x)), 1), *blocks, (tail, 1)]

    def _through(
        self, stages: Sequence[Stage], x_BCFHW: Tensor, at_once: int, *, ends: bool
    ) -> Iterator[Tensor]:
        """Each part through all stages before the next part, or late frames would come together."""
        if not stages:
            yield x_BCFHW
            return
        (stage, stride), *rest = stages
        parts = torch.split(x_BCFHW, at_once, dim=2)
        for number, part_BCFHW in enumerate(parts, start=1):
            self._ends = ends and number == len(parts)
            try:
                after_BCFHW = stage(part_BCFHW)
            except NotYetError:
                continue
            yield from self._through(rest, after_BCFHW, at_once * stride, ends=self._ends)

    def _convolve(self, name: str, layer: Any, x_BCFHW: Tensor, causal: bool = True) -> Tensor:
        """A convolution over the frames before and, where the decoder looks ahead, after."""
        reach = layer.kernel_size[0] - 1
        if reach == 0:
            convolved: Tensor = layer.conv(x_BCFHW)
            return convolved
        seen_BCFHW = self._with_past(name, x_BCFHW, reach if self.causal else reach // 2)
        if self._ends and not self.causal:
            last_BCFHW = seen_BCFHW[:, :, -1:].expand(-1, -1, reach // 2, -1, -1)
            seen_BCFHW = torch.cat((seen_BCFHW, last_BCFHW), dim=2)
        num_frames = seen_BCFHW.shape[2]
        self.frames[name] = seen_BCFHW[:, :, max(0, num_frames - reach) :].clone()
        if num_frames <= reach:
            raise NotYetError
        after: Tensor = layer.conv(seen_BCFHW)
        return after

    def _upsample(self, name: str, layer: Any, x_BCFHW: Tensor, causal: bool = True) -> Tensor:
        """Channels to frames, rows and columns; the shortcut repeats its channels to fit."""
        frames, rows, columns = layer.stride

        def unfold(x_BCFHW: Tensor) -> Tensor:
            pattern = "b (c s p q) f h w -> b c (f s) (h p) (w q)"
            return rearrange(x_BCFHW, pattern, s=frames, p=rows, q=columns)

        self._hold_back(name, x_BCFHW)
        convolved_BCFHW = layer.conv(x_BCFHW)
        shortcut_BCFHW = unfold(self._held_back(name, convolved_BCFHW.shape[2]))
        larger_BCFHW = unfold(convolved_BCFHW)
        if layer.residual:
            repeats = larger_BCFHW.shape[1] // shortcut_BCFHW.shape[1]
            larger_BCFHW = larger_BCFHW + shortcut_BCFHW.repeat(1, repeats, 1, 1, 1)
        return self._without_leading(f"{name} begun", larger_BCFHW, frames - 1)

    def _add_residual(
        self,
        name: str,
        block: Any,
        inputs_BCFHW: Tensor,
        temb: None = None,
        generator: None = None,
        causal: bool = True,
    ) -> Tensor:
        """Two convolutions, added to what went in; the public decoder has no noise and no time."""
        assert block.scale_shift_table is None
        assert block.per_channel_scale1 is None
        self._hold_back(name, inputs_BCFHW)
        x_BCFHW = block.conv1(block.nonlinearity(block.norm1(inputs_BCFHW)))
        x_BCFHW = block.conv2(block.nonlinearity(block.norm2(x_BCFHW)))
        shortcut_BCFHW = self._held_back(name, x_BCFHW.shape[2])
        if block.norm3 is not None:
            shortcut_BCFHW = block.norm3(shortcut_BCFHW.movedim(1, -1)).movedim(-1, 1)
        if block.conv_shortcut is not None:
            shortcut_BCFHW = block.conv_shortcut(shortcut_BCFHW)
        added: Tensor = x_BCFHW + shortcut_BCFHW
        return added

    def _with_past(self, name: str, x_BCFHW: Tensor, copies: int) -> Tensor:
        """The frames behind what an earlier pass left, or behind copies of a clip's first frame."""
        past_BCFHW = self.frames.get(name)
        if past_BCFHW is None and copies == 0:
            return x_BCFHW
        if past_BCFHW is None:
            past_BCFHW = x_BCFHW[:, :, :1].expand(-1, -1, copies, -1, -1)
        return torch.cat((past_BCFHW, x_BCFHW), dim=2)

    def _hold_back(self, name: str, x_BCFHW: Tensor) -> None:
        """Keep what is to be added to the output of convolutions that may be late."""
        self.frames[f"{name} waiting"] = self._with_past(f"{name} waiting", x_BCFHW, 0)

    def _held_back(self, name: str, count: int) -> Tensor:
        """The oldest `count` frames that were held back; the others wait on."""
        waiting_BCFHW = self.frames.pop(f"{name} waiting")
        if waiting_BCFHW.shape[2] > count:
            self.frames[f"{name} waiting"] = waiting_BCFHW[:, :, count:].clone()
        return waiting_BCFHW[:, :, :count]

    def _without_leading(self, name: str, x_BCFHW: Tensor, count: int) -> Tensor:
        """Frames without a clip's first `count`, which come out of the first frame twice."""
        if name in self.frames:
            return x_BCFHW
        self.frames[name] = x_BCFHW.new_empty(0)
        return x_BCFHW[:, :, count:]


def _stride(block: Any) -> int:
    """Frames that a block makes of one."""
    return prod(upsampler.stride[0] for upsampler in block.upsamplers or ())
