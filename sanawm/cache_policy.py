"""Which results of a run are kept for later runs, where, and how much of them. Light: no torch.

text      embeddings of a prompt
latents   the latent of a first frame
features  the rays of a camera path
stage1    the latents of a whole clip, before decoding: only where that is asked for

Limits are in bytes. A kind whose limit is 0 is neither looked up nor kept, and what
there is of it is forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

CacheKind = Literal["text", "latents", "features", "stage1"]
CACHE_KINDS: tuple[CacheKind, ...] = ("text", "latents", "features", "stage1")
MIB = 2**20
DEFAULT_LIMITS: dict[str, int] = {
    "text": 256 * MIB,
    "latents": 256 * MIB,
    "features": 256 * MIB,
    "stage1": 2048 * MIB,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class CachePolicy:
    """What one run may take from the caches and put into them; without a folder, nothing."""

    folder: Path | None = None
    limits: Mapping[str, int] = field(default_factory=lambda: dict(DEFAULT_LIMITS))
    keep_stage1: bool = False

    def keeps(self, kind: CacheKind) -> bool:
        """Whether results of this kind are looked up and kept."""
        is_wanted = kind != "stage1" or self.keep_stage1
        return is_wanted and self.folder is not None and self.limits.get(kind, 0) > 0


NO_CACHES = CachePolicy()
