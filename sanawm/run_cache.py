"""The caches as one run uses them: what it took from them, and the seconds that saved.

No cache can fail a run. What cannot be read is computed, and what cannot be kept is not kept.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from sanawm.cache import TensorCache, content_key
from sanawm.cache_policy import CACHE_KINDS, CacheKind, CachePolicy

Tensors = dict[str, Tensor]

logger = logging.getLogger(__name__)


class RunCaches:
    """One run's way to the caches. `numerics` is part of every key."""

    def __init__(self, policy: CachePolicy, numerics: Mapping[str, Any]) -> None:
        self._policy = policy
        self._numerics = dict(numerics)
        self._asked: dict[CacheKind, list[bool]] = {}
        self._saved_s: dict[CacheKind, float] = {}

    def trim(self) -> None:
        """Bring every kind down to its limit, which may have been lowered since it was filled."""
        if self._policy.folder is None:
            return
        for kind in CACHE_KINDS:
            try:
                self._store(kind).trim()
            except OSError as error:
                logger.warning("results of the kind %s could not be forgotten: %s", kind, error)

    def recall(self, kind: CacheKind, deciding: Mapping[str, Any]) -> Tensors | None:
        """What was kept of this kind under everything that decides it."""
        if not self._policy.keeps(kind):
            return None
        began = time.perf_counter()
        entry = self._store(kind).get(self._key(kind, deciding))
        self._asked.setdefault(kind, []).append(entry is not None)
        if entry is None:
            logger.debug("nothing kept: %s", kind)
            return None
        saved_s = max(0.0, entry.seconds - (time.perf_counter() - began))
        self._saved_s[kind] = self._saved_s.get(kind, 0.0) + saved_s
        return entry.tensors

    def keep(
        self, kind: CacheKind, deciding: Mapping[str, Any], tensors: Tensors, seconds: float
    ) -> None:
        """Keep what took so long to compute, if that is wanted and possible."""
        if not self._policy.keeps(kind):
            return
        try:
            self._store(kind).put(self._key(kind, deciding), tensors, seconds)
        except (OSError, SafetensorError, MemoryError) as error:
            logger.warning("a result of the kind %s could not be kept: %s", kind, error)

    def through(
        self,
        kind: CacheKind,
        deciding: Mapping[str, Any],
        compute: Callable[[], Tensors],
        *,
        opening: Callable[[], None] = lambda: None,
    ) -> Tensors:
        """What was kept, else what is computed, which is then kept.

        `opening` makes ready what computes; its time does not count as the result's. Either way
        the tensors are contiguous copies, so that nothing after this can differ.
        """
        found = self.recall(kind, deciding)
        if found is not None:
            return found
        opening()
        began = time.perf_counter()
        computed = {
            name: tensor.clone(memory_format=torch.contiguous_format)
            for name, tensor in compute().items()
        }
        self.keep(kind, deciding, computed, time.perf_counter() - began)
        return computed

    def report(self) -> dict[str, dict[str, Any]]:
        """For every kind that was asked: whether all was there, and the seconds saved."""
        return {
            kind: {"hit": all(hits), "saved_s": round(self._saved_s.get(kind, 0.0), 4)}
            for kind, hits in self._asked.items()
        }

    @property
    def savings(self) -> dict[str, float]:
        """Seconds saved by each kind that had all it was asked for."""
        return {kind: use["saved_s"] for kind, use in self.report().items() if use["hit"]}

    def _key(self, kind: CacheKind, deciding: Mapping[str, Any]) -> str:
        return content_key({"kind": kind, "of": deciding, "numerics": self._numerics})

    def _store(self, kind: CacheKind) -> TensorCache:
        assert self._policy.folder is not None
        return TensorCache(self._policy.folder / kind, self._policy.limits.get(kind, 0))
