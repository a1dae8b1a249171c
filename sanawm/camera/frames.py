"""How many frames a model can make: one, and then whole strides of its autoencoder.

A streaming model works in chunks of three latent frames, so its stride is three times as long.
"""

from sanawm.card import ModelCard

STREAMING_CHUNK = 3  # latent frames drawn together by a streaming model


def clip_stride(card: ModelCard) -> int:
    """Frames by which clips of this model grow."""
    return card.temporal_stride * (STREAMING_CHUNK if card.streaming else 1)


def snap_frames(num_frames: int, stride: int, upper_bound: int | None = None) -> int:
    """The nearest stride·k + 1, the larger of two that are as near.

    A count rounded up past `upper_bound` (the poses there are) is rounded down instead; one that
    was whole already stays.
    """
    if num_frames <= 1:
        return 1
    below = num_frames - (num_frames - 1) % stride
    if below == num_frames:
        return num_frames
    above = below + stride
    rounds_up = above - num_frames <= num_frames - below
    if rounds_up and (upper_bound is None or above <= upper_bound):
        return above
    return below
