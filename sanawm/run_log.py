"""Where the time of one run goes, and where the run was ended early."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sanawm.memory_plan import Plan
from sanawm.progress import STAGES, Stage


@dataclass(kw_only=True, slots=True)
class RunLog:
    """Seconds spent in each stage so far, how it is drawn, and where it was ended early."""

    plan: Plan
    retried: bool = False  # with a smaller plan, because memory ran out
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    transformer_s: float = 0.0  # in the transformer alone
    stopped_at: int | None = None  # the drawing step after which the run was asked to end
    _since: float = field(default_factory=time.perf_counter)

    def finish(self, stage: Stage) -> None:
        """The time since a stage was last finished belongs to this one."""
        now = time.perf_counter()
        self.seconds[stage] += now - self._since
        self._since = now

    @contextmanager
    def in_transformer(self) -> Iterator[None]:
        """Count the block's time as the transformer's."""
        began = time.perf_counter()
        yield
        self.transformer_s += time.perf_counter() - began
