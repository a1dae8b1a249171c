"""How much of a pass through the transformer is worked on at once. Light: no torch.

Everything at once is quickest; in portions the same numbers need less memory. A head's attention
does not depend on other heads, nor a frame's feed-forward, up to its convolution over time, on
other frames.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Portions:
    """None is everything at once."""

    heads: int | None = None  # of self-attention
    frames: int | None = None  # latent frames, of the feed-forward

    def of_heads(self, num_heads: int) -> list[slice]:
        """The heads that are worked on together."""
        size = self.heads or num_heads
        return [slice(begin, begin + size) for begin in range(0, num_heads, size)]


WHOLE = Portions()
