"""Whether a draft fits into the memory of what it will run on, before it is queued.

What the worker runs on, and how much memory that has, the worker tells when it has opened a model.
Nothing is said of a computer that is not known yet, nor of runs that take a small part of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sanawm.errors import ModelFilesMissingError
from sanawm.memory_plan import GIB, Job, Plan, best_plan, plans_for, usable_bytes
from sanawm.model_facts import facts_of
from sanawm.speeds import estimated_seconds
from studio.models import Model
from studio.views import MemoryView

WORTH_A_WORD = 0.15  # of a computer's memory; of a card's, every byte is


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What the worker said it runs on."""

    device: str
    memory_bytes: int
    on_card: bool
    precision: str

    @classmethod
    def told_by(cls, worker: Mapping[str, Any]) -> "Machine | None":
        """From the worker's own words; None where it has not said enough."""
        machine = worker.get("machine") or {}
        if not machine.get("memory_bytes"):
            return None
        return cls(
            device=str(worker.get("device", "")),
            memory_bytes=int(machine["memory_bytes"]),
            on_card=bool(machine["on_card"]),
            precision=str(machine["precision"]),
        )

    @property
    def usable(self) -> int:
        """Bytes a plan may count on."""
        return usable_bytes(self.memory_bytes, on_card=self.on_card)


def memory_of(model: Model, job: Job, machine: Machine | None) -> MemoryView | None:
    """What a clip takes of what there is, and what would fit where it does not."""
    if machine is None:
        return None
    try:
        plans = _plans(model, job, machine)
    except ModelFilesMissingError:  # said elsewhere
        return None
    plan = best_plan(plans, machine.usable)
    if plan is None:
        needed = _gigabytes(plans[-1].peak_bytes)
        return MemoryView(
            words=f"Needs {needed} of memory; {_there(machine)} are there.",
            fits=False,
            nearest_frames=_nearest(model, job, machine),
        )
    small = plan.peak_bytes < WORTH_A_WORD * machine.memory_bytes
    if small and not machine.on_card:
        return None
    words = f"{_gigabytes(plan.peak_bytes)} of {_there(machine)}"
    return MemoryView(words=words, fits=True, nearest_frames=None)


def seconds_of(model: Model, job: Job, steps: int, machine: Machine | None) -> float | None:
    """Estimated seconds on a card whose speed is published."""
    if machine is None or not machine.on_card:
        return None
    try:
        facts = facts_of(model.folder, model.card)
    except ModelFilesMissingError:
        return None
    return estimated_seconds(facts, model.card, job, steps, machine.device)


def _plans(model: Model, job: Job, machine: Machine) -> tuple[Plan, ...]:
    facts = facts_of(model.folder, model.card)
    return plans_for(facts, model.card, job, precision=machine.precision, on_card=machine.on_card)


def _nearest(model: Model, job: Job, machine: Machine) -> int | None:
    """The longest clip that fits, of those the model offers."""
    shorter = [length for length in model.card.lengths if length < job.num_frames]
    for num_frames in reversed(shorter):
        plans = _plans(model, Job(num_frames=num_frames, guided=job.guided), machine)
        if best_plan(plans, machine.usable):
            return num_frames
    return None


def _gigabytes(count: int) -> str:
    """As makers of cards count them."""
    gigabytes = count / GIB
    return f"{gigabytes:.0f} GB" if gigabytes >= 2 else f"{gigabytes:.1f} GB"


def _there(machine: Machine) -> str:
    return _gigabytes(machine.memory_bytes)
