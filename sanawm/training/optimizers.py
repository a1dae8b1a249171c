"""Optimisers and the moving average of weights.

Muon (Jordan et al. 2024): momentum made orthogonal by a Newton-Schulz iteration, for matrices
inside the network; AdamW for everything else. torch.optim.Muon iterates in bfloat16, which is
many times slower than float32 on a processor without bfloat16 units, and one matrix at a time;
this one works in float32 there and takes all matrices of one shape together.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # Jordan's quintic coefficients
NEWTON_SCHULZ_STEPS = 5
MOMENTUM = 0.95


def orthogonalise(matrices_NRC: Tensor) -> Tensor:
    """Nearly orthogonal matrices of the same singular directions, (N, rows, columns)."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices_NRC.shape[1] > matrices_NRC.shape[2]
    x: Tensor = matrices_NRC.mT if tall else matrices_NRC
    x = x.bfloat16() if x.is_cuda else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices_NRC.dtype)


class Muon(torch.optim.Optimizer):
    """Muon over weights of two or more dimensions (kernels are flattened to rows)."""

    def __init__(self, params: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update; parameters without a gradient are left alone."""
        assert closure is None
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[tuple(parameter.flatten(1).shape)].append(parameter)
            for parameters in by_shape.values():
                self._update(parameters, group)

    def _update(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        directions = torch.stack([self._direction(p) for p in parameters])
        updates = orthogonalise(directions)
        rows, columns = updates.shape[1:]
        rate = group["lr"] * max(1.0, rows / columns) ** 0.5
        for parameter, update in zip(parameters, updates, strict=True):
            parameter.add_(update.view_as(parameter), alpha=-rate)

    def _direction(self, parameter: nn.Parameter) -> Tensor:
        """The gradient with Nesterov momentum, as a matrix."""
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        assert parameter.grad is not None
        state["momentum"].lerp_(parameter.grad, 1 - MOMENTUM)
        return parameter.grad.lerp(state["momentum"], MOMENTUM).flatten(1)


@dataclass(frozen=True, kw_only=True, slots=True)
class ParameterGroup:
    """Parameters that share an optimiser and a peak learning rate."""

    parameters: list[nn.Parameter]
    rate: float
    is_muon: bool = False


class Optimizers:
    """Muon and AdamW groups, stepped and scaled together."""

    def __init__(self, groups: list[ParameterGroup]) -> None:
        self._members: list[torch.optim.Optimizer] = [
            Muon(group.parameters, group.rate)
            if group.is_muon
            else torch.optim.AdamW(
                group.parameters, group.rate, betas=(0.9, 0.99), weight_decay=0.0
            )
            for group in groups
        ]
        self._peaks = [[group["lr"] for group in m.param_groups] for m in self._members]

    def step(self, scale: float) -> None:
        """One update at `scale` times the peak learning rates; gradients are cleared."""
        for member, peaks in zip(self._members, self._peaks, strict=True):
            for group, peak in zip(member.param_groups, peaks, strict=True):
                group["lr"] = peak * scale
            member.step()
            member.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, Any]]:
        """State to resume from."""
        return [member.state_dict() for member in self._members]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Resume; the peak learning rates stay those given now."""
        for member, state in zip(self._members, states, strict=True):
            member.load_state_dict(state)


class MovingAverage:
    """Exponential moving average of a module's weights, ramped up from the start."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {k: v.detach().clone() for k, v in module.state_dict().items()}

    def load(self, weights: dict[str, Tensor]) -> None:
        """Go on from a saved average."""
        for name, value in weights.items():
            self.weights[name].copy_(value)

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move towards the module's present weights."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            average = self.weights[name]
            if average.is_floating_point():
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(value)
