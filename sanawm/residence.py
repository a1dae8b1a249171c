"""Where a model's parts lie while a run goes on, as its plan says. On a processor nothing moves."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch

from sanawm.card import ModelCard
from sanawm.errors import NotEnoughMemoryError
from sanawm.memory_plan import GIB, Job, Plan, plans_for, usable_bytes
from sanawm.model_parts import ModelParts

PROCESSOR = torch.device("cpu")


class Part(Protocol):
    """What can go to a device."""

    def move(self, device: torch.device) -> None:
        """Go there."""
        ...


class Residence:
    """Keeps to one plan at a time."""

    def __init__(self, parts: ModelParts) -> None:
        self._parts = parts
        self._visits = False

    def plans(self, job: Job) -> tuple[Plan, ...]:
        """Ways to draw a clip that fit, quickest first; NotEnoughMemoryError where none does."""
        machine, card = self._parts.machine, self._parts.card
        plans = plans_for(
            self._parts.facts, card, job, precision=machine.precision, on_card=machine.on_card
        )
        usable = self.usable_bytes
        if not machine.memory_bytes:
            return plans
        fitting = tuple(plan for plan in plans if plan.peak_bytes <= usable)
        if not fitting:
            raise NotEnoughMemoryError(shortage(card, job, plans[-1], usable))
        return fitting

    @property
    def usable_bytes(self) -> int:
        """What a plan may count on now: others may have a part of a card's memory."""
        machine = self._parts.machine
        return usable_bytes(
            min(machine.memory_bytes, machine.free_bytes()), on_card=machine.on_card
        )

    def settle(self, plan: Plan) -> None:
        """Bring every part to where the plan wants it between its turns: first what leaves."""
        machine, transformer = self._parts.machine, self._parts.transformer
        if not machine.on_card:
            return
        self._visits = plan.visits
        others = self._parts.text_encoder, self._parts.autoencoder
        if plan.visits:
            self._move(others, PROCESSOR)
        self._tidy()
        if plan.offloads:
            transformer.offload(machine.device)
        else:
            transformer.settle(machine.device)
        self._tidy()
        if not plan.visits:
            self._move(others, machine.device)

    @contextmanager
    def at_work(self, part: Part) -> Iterator[None]:
        """Have a part on the device, for good or for the time it works."""
        if not self._parts.machine.on_card:
            yield
            return
        part.move(self._parts.machine.device)
        try:
            yield
        finally:
            if self._visits:
                part.move(PROCESSOR)
                self._tidy()

    @staticmethod
    def _move(parts: tuple[Part, ...], device: torch.device) -> None:
        for part in parts:
            part.move(device)

    def _tidy(self) -> None:
        """Give back what nothing uses, so that large pieces can be had again."""
        gc.collect()
        if self._parts.machine.on_card:
            torch.cuda.empty_cache()


def shortage(card: ModelCard, job: Job, plan: Plan, usable: int) -> str:
    """What to do where nothing fits."""
    needed, there = plan.peak_bytes / GIB, usable / GIB
    return (
        f"{card.title} needs {needed:.1f} GB of memory for {job.num_frames} frames, and "
        f"{there:.1f} GB can be used here. The prompt, the picture and the path are kept. Choose a "
        "shorter clip, or a smaller model."
    )
