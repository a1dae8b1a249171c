"""Wall-clock budgets: every schedule runs on the time a stage may take, not on a step count.

A run cut short therefore still ends with a decayed learning rate, on any machine. The clock
counts training time only and goes on where a resumed run had stopped.
"""

import math
import re
import time

from sanawm.errors import InvalidRequestError

WARMUP_STEPS = 50
FINAL_FRACTION = 0.02  # of the peak learning rate, at the end of the budget
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Seconds of "90s", "25m", "1.5h" or "1h30m"."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", text.strip().lower())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip().lower():
        raise InvalidRequestError(f'"{text}" is not a duration. Write 90s, 25m or 1h30m.')
    return sum(float(number) * UNITS[unit] for number, unit in parts)


class Budget:
    """Seconds a stage may use, and how many it has used, also before a resume."""

    def __init__(self, total_s: float, spent_s: float = 0.0) -> None:
        self.total_s = total_s
        self._spent_before = spent_s
        self._started = time.monotonic()

    @property
    def spent_s(self) -> float:
        """Seconds used so far."""
        return self._spent_before + time.monotonic() - self._started

    @property
    def fraction(self) -> float:
        """Share of the budget used, from 0 to 1."""
        return min(1.0, self.spent_s / self.total_s) if self.total_s > 0 else 1.0

    @property
    def is_over(self) -> bool:
        """Whether the time is used up."""
        return self.fraction >= 1.0

    def learning_rate_scale(self, step: int) -> float:
        """Warm-up by steps, then half a cosine over the time left."""
        warmup = min(1.0, (step + 1) / WARMUP_STEPS)
        cosine = 0.5 * (1 + math.cos(math.pi * self.fraction))
        return warmup * (FINAL_FRACTION + (1 - FINAL_FRACTION) * cosine)
