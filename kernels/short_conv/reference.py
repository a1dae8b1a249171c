"""The definition of the short convolution over time: once forward, once backward, centre once.

    past[t]   = sum over j of tap[j] * x[t - j]        tap[j] is the weight's j-th from the end
    future[t] = sum over j of tap[j] * x[t + j]
    y = past + future - tap[0] * x

Frames before the clip are `before`, or zero. No frame sees one of a later chunk.
Shape letters: B batch, T frames, S tokens in a frame, C channels, J taps.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def short_conv(
    x_BTSC: Tensor,
    weight_C1J: Tensor,
    chunks: Sequence[int] | None = None,
    before_BJSC: Tensor | None = None,
) -> Tensor:
    """Convolve every token's channels over time, (B, T, S, C)."""
    tap_JC = weight_C1J.squeeze(1).flip(-1).T
    num_before = 0 if before_BJSC is None else before_BJSC.shape[1]
    seen_BTSC = x_BTSC if before_BJSC is None else torch.cat((before_BJSC, x_BTSC), dim=1)
    frames: list[Tensor] = []
    for num_frames in chunks or (x_BTSC.shape[1],):
        end = num_before + len(frames) + num_frames
        for t in range(end - num_frames, end):
            frame = tap_JC[0] * seen_BTSC[:, t]
            for j, tap_C in enumerate(tap_JC[1:], start=1):
                if t - j >= 0:
                    frame = frame + tap_C * seen_BTSC[:, t - j]
                if t + j < end:
                    frame = frame + tap_C * seen_BTSC[:, t + j]
            frames.append(frame)
    return torch.stack(frames, dim=1)
