"""State of a stage on disk, so that a killed training run goes on where it was."""

from pathlib import Path
from typing import Any

import torch

from sanawm.files import whole_file


def save_state(file: Path, **state: Any) -> None:
    """Write whole or not at all."""
    with whole_file(file) as temporary:
        torch.save(state, temporary)


def load_state(file: Path) -> dict[str, Any] | None:
    """The state saved last, in main memory, or None at the very start."""
    if not file.exists():
        return None
    state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    return state
