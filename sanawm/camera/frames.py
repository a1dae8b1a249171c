"""How many frames a model can make: one, and then whole strides of its autoencoder.

`ModelCard.clip_stride` is the stride of a model.
"""


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
