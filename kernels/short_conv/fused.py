"""Triton form of the short convolution: one program for a block of one frame's channels.

The neighbouring frames come from cache, so that memory is read about once and written once.
Sums are float32.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def _short_conv_kernel(
    x_ptr,
    tap_ptr,
    y_ptr,
    num_frames,
    frame_size,
    num_channels,
    TAPS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    frame = tl.program_id(1)
    clip = tl.program_id(2).to(tl.int64) * num_frames
    inside = place < frame_size
    tap_at = tap_ptr + place % num_channels
    total = tl.zeros([BLOCK], dtype=tl.float32)
    for distance in tl.static_range(TAPS):
        seen = tl.zeros([BLOCK], dtype=tl.float32)
        if frame >= distance:
            earlier = x_ptr + (clip + frame - distance) * frame_size + place
            seen += tl.load(earlier, mask=inside, other=0.0).to(tl.float32)
        if (distance > 0) & (frame + distance < num_frames):
            later = x_ptr + (clip + frame + distance) * frame_size + place
            seen += tl.load(later, mask=inside, other=0.0).to(tl.float32)
        tap = tl.load(tap_at + distance * num_channels, mask=inside, other=0.0)
        total += tap.to(tl.float32) * seen
    tl.store(y_ptr + (clip + frame) * frame_size + place, total, mask=inside)


def convolve(x_BTSC: torch.Tensor, tap_JC: torch.Tensor) -> torch.Tensor:
    """Launch the kernel; tap j multiplies the frames j before and j after."""
    batch, num_frames, num_tokens, num_channels = x_BTSC.shape
    frame_size = num_tokens * num_channels
    x_BTSC, tap_JC = x_BTSC.contiguous(), tap_JC.contiguous()
    y_BTSC = torch.empty_like(x_BTSC)
    block = min(triton.next_power_of_2(frame_size), 1024)
    grid = (triton.cdiv(frame_size, block), num_frames, batch)
    _short_conv_kernel[grid](
        x_BTSC, tap_JC, y_BTSC, num_frames, frame_size, num_channels, TAPS=len(tap_JC), BLOCK=block
    )
    return y_BTSC
