"""State of a stage on disk, so that a killed training run goes on where it was."""

from pathlib import Path
from typing import Any

import torch


def save_state(file: Path, **state: Any) -> None:
    """Write whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(file)


def load_state(file: Path) -> dict[str, Any] | None:
    """The state saved last, or None at the very start."""
    if not file.exists():
        return None
    state: dict[str, Any] = torch.load(file, weights_only=True)
    return state
