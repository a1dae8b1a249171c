"""Triton form of the short convolution: one program for a block of one frame's channels.

The neighbouring frames come from cache, so that memory is read about once and written once.
Sums are float32. Each frame has limits of its own: the first frame it may see before it, and the
first after it that it may not see.
"""

from collections.abc import Sequence

import torch
import triton
import triton.language as tl


@triton.jit
def _short_conv_kernel(
    x_ptr,
    tap_ptr,
    limit_ptr,
    y_ptr,
    num_before,
    num_frames,
    frame_size,
    num_channels,
    TAPS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    frame = tl.program_id(1)
    clip = tl.program_id(2).to(tl.int64)
    begin = tl.load(limit_ptr + 2 * frame)
    end = tl.load(limit_ptr + 2 * frame + 1)
    here = num_before + frame  # among the frames that are read
    x_ptr += clip * (num_before + num_frames) * frame_size + place
    inside = place < frame_size
    tap_at = tap_ptr + place % num_channels
    total = tl.zeros([BLOCK], dtype=tl.float32)
    for distance in tl.static_range(TAPS):
        seen = tl.zeros([BLOCK], dtype=tl.float32)
        if here - distance >= begin:
            earlier = x_ptr + (here - distance).to(tl.int64) * frame_size
            seen += tl.load(earlier, mask=inside, other=0.0).to(tl.float32)
        if (distance > 0) & (here + distance < end):
            later = x_ptr + (here + distance).to(tl.int64) * frame_size
            seen += tl.load(later, mask=inside, other=0.0).to(tl.float32)
        tap = tl.load(tap_at + distance * num_channels, mask=inside, other=0.0)
        total += tap.to(tl.float32) * seen
    tl.store(y_ptr + (clip * num_frames + frame) * frame_size + place, total, mask=inside)


def convolve(
    x_BTSC: torch.Tensor,
    tap_JC: torch.Tensor,
    *,
    before: torch.Tensor | None = None,
    begins: Sequence[int] | None = None,
    ends: Sequence[int] | None = None,
) -> torch.Tensor:
    """Launch the kernel; tap j multiplies the frames j before and j after.

    For each frame, `begins` names the first frame it sees and `ends` the first after it that it
    does not see. Without them it sees all, those of `before` too.
    """
    batch, num_frames, num_tokens, num_channels = x_BTSC.shape
    num_before = 0 if before is None else before.shape[1]
    limits = torch.tensor(
        [
            (begin + num_before if begins else 0, end + num_before)
            for begin, end in zip(
                begins or [0] * num_frames, ends or [num_frames] * num_frames, strict=True
            )
        ],
        dtype=torch.int32,
    ).to(x_BTSC.device, non_blocking=True)
    y_BTSC = torch.empty_like(x_BTSC, memory_format=torch.contiguous_format)
    x_BTSC = x_BTSC.contiguous() if before is None else torch.cat((before, x_BTSC), dim=1)
    frame_size = num_tokens * num_channels
    block = min(triton.next_power_of_2(frame_size), 1024)
    grid = (triton.cdiv(frame_size, block), num_frames, batch)
    _short_conv_kernel[grid](
        x_BTSC,
        tap_JC.contiguous(),
        limits,
        y_BTSC,
        num_before,
        num_frames,
        frame_size,
        num_channels,
        TAPS=len(tap_JC),
        BLOCK=block,
    )
    return y_BTSC
