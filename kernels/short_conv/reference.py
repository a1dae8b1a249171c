"""The definition of the short convolution over time: once forward, once backward, centre once.

    past[t]   = sum over j of tap[j] * x[t - j]        tap[j] is the weight's j-th from the end
    future[t] = sum over j of tap[j] * x[t + j]
    y = past + future - tap[0] * x

Frames outside the clip are zero. Shape letters: B batch, T frames, S tokens in a frame,
C channels, J taps.
"""

import torch
from torch import Tensor


def short_conv(x_BTSC: Tensor, weight_C1J: Tensor) -> Tensor:
    """Convolve every token's channels over time, (B, T, S, C)."""
    tap_JC = weight_C1J.squeeze(1).flip(-1).T
    num_frames = x_BTSC.shape[1]
    frames = []
    for t in range(num_frames):
        frame = tap_JC[0] * x_BTSC[:, t]
        for j, tap_C in enumerate(tap_JC[1:], start=1):
            if t - j >= 0:
                frame = frame + tap_C * x_BTSC[:, t - j]
            if t + j < num_frames:
                frame = frame + tap_C * x_BTSC[:, t + j]
        frames.append(frame)
    return torch.stack(frames, dim=1)
