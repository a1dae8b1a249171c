"""One stage of training: the loop that both networks share.

A stage steps until its time is up, keeps a moving average of the weights, judges that average on
held-out clips now and then, and saves what is needed to go on after a kill, every other minute.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from sanawm.training.budget import Budget
from sanawm.training.checkpoint import load_state, save_state
from sanawm.training.journal import Journal
from sanawm.training.optimizers import MovingAverage, Optimizers

GRADIENT_CLIP = 1.0
JUDGE_EVERY = 200  # steps
SAVE_EVERY_S = 120.0
SMOOTHING = 0.98  # of the training loss in the journal

Figures = dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class StageSettings:
    """Where a stage writes, under which name, for how long, and how long its average remembers."""

    name: str
    folder: Path
    total_s: float
    ema_decay: float

    @property
    def file(self) -> Path:
        """The saved state; there is none before a stage has begun."""
        return self.folder / f"{self.name}.pt"


class Stage:
    """Training of one module; the same folder and name resume it."""

    def __init__(self, module: nn.Module, optimizers: Optimizers, settings: StageSettings) -> None:
        self.module = module
        self.optimizers = optimizers
        self.file = settings.file
        self.journal = Journal(settings.folder, settings.name)
        self.average = MovingAverage(module, settings.ema_decay)
        self.step = 0
        state = load_state(self.file)
        if state is not None:
            module.load_state_dict(state["weights"])
            optimizers.load_state_dict(state["optimizers"])
            self.average.load(state["average"])
            self.step = state["step"]
        self.budget = Budget(settings.total_s, state["spent_s"] if state else 0.0)
        self.generator = torch.Generator().manual_seed(1 + self.step)
        torch.manual_seed(1 + self.step)  # of noise drawn on the device
        self.smoothed_loss = 0.0
        self._saved_at = time.monotonic()

    def run(self, loss: Callable[[], Tensor], judge: Callable[[nn.Module], Figures]) -> None:
        """Train until the time is up, then leave the averaged weights in the module."""
        last_judged = self.step
        while not self.budget.is_over:
            self._train_step(loss())
            self.journal.show_running(self.budget.fraction, f"step {self.step}")
            if self.step % JUDGE_EVERY == 0:
                self._report(judge(self._averaged()))
                last_judged = self.step
            if time.monotonic() - self._saved_at > SAVE_EVERY_S:
                self._save()
        if last_judged != self.step:
            self._report(judge(self._averaged()))
        self._save()
        self.module.load_state_dict(self.average.weights)
        self.module.eval()

    def _train_step(self, loss: Tensor) -> None:
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), GRADIENT_CLIP)
        self.optimizers.step(self.budget.learning_rate_scale(self.step))
        self.average.update(self.module, self.step)
        share = SMOOTHING if self.smoothed_loss else 0.0
        self.smoothed_loss = share * self.smoothed_loss + (1 - share) * loss.item()
        self.step += 1

    def _averaged(self) -> nn.Module:
        judged = copy.deepcopy(self.module)
        judged.load_state_dict(self.average.weights)
        return judged.eval()

    def _report(self, figures: Figures) -> None:
        row = {"step": self.step, "seconds": self.budget.spent_s, "loss": self.smoothed_loss}
        self.journal.log({**row, **figures})
        self.journal.draw(list(figures))
        words = ", ".join(f"{name} {value:.3g}" for name, value in figures.items())
        self.journal.show(self.budget.fraction, f"step {self.step}, held out: {words}")

    def _save(self) -> None:
        save_state(
            self.file,
            weights=self.module.state_dict(),
            average=self.average.weights,
            optimizers=self.optimizers.state_dict(),
            step=self.step,
            spent_s=self.budget.spent_s,
        )
        self._saved_at = time.monotonic()
