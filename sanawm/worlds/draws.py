"""Random numbers of many worlds at once, each world's own and the same in any batch.

A counter-based generator: number n of world seed s is a hash of (stream, s, n), so a batch is
drawn with a few array operations and no world depends on its neighbours.
B is the number of worlds, K the numbers drawn for each.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix_bits(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the SplitMix64 finaliser of every value: all bits depend on all bits."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


class Draws:
    """A stream of random numbers for each of B seeds; every call moves all streams on alike."""

    def __init__(self, seeds: Sequence[int] | Indices, stream: int) -> None:
        keys = np.asarray(seeds, dtype=np.int64).astype(np.uint64)
        offset = mix_bits(np.array([stream], dtype=np.uint64) * GOLDEN + GOLDEN)
        self._keys = mix_bits(mix_bits(keys + GOLDEN) ^ offset)
        self._drawn = 0

    def uniform(self, low: float | Array = 0.0, high: float | Array = 1.0, size: int = 1) -> Array:
        """Return (B, K) numbers in [low, high); the bounds broadcast against (B, K)."""
        counters = np.arange(self._drawn + 1, self._drawn + size + 1, dtype=np.uint64)
        self._drawn += size
        bits = mix_bits(self._keys[:, None] + counters[None] * GOLDEN)
        unit = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return low + (high - low) * unit

    def normal(self, size: int = 1) -> Array:
        """Return (B, K) standard normal numbers."""
        radius = np.sqrt(-2.0 * np.log1p(-self.uniform(size=size)))
        return radius * np.cos(2.0 * np.pi * self.uniform(size=size))

    def choose(self, weights: Sequence[float] | Array, size: int = 1) -> Indices:
        """Return (B, K) indices with these weights, shared (N,) or per world (B, 1, N)."""
        table = np.asarray(weights, dtype=np.float64)
        edges = np.cumsum(table, axis=-1)
        edges = edges / edges[..., -1:]
        return np.asarray((self.uniform(size=size)[..., None] >= edges).sum(-1), dtype=np.int64)
