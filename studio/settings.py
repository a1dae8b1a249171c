"""Where things are, and who owns the notebook: read once from the environment, then passed on."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from sanawm.model_folder import place_of

PROJECT = Path(__file__).resolve().parent.parent
BUNDLED_MODELS = PROJECT / "models"
TINY_MODEL = BUNDLED_MODELS / "tiny"
PERSISTENT_DISK = Path("/data")  # of a Hugging Face Space; the rest of its disk is forgotten


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the environment decides."""

    data_folder: Path
    model_folder: Path = TINY_MODEL
    public_url: str = ""  # how others reach the page; empty: as the request says
    owner_key: str = ""  # empty: only a local user can be the owner

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read WANDERBOOK_DATA, WANDERBOOK_MODEL, WANDERBOOK_OWNER_KEY and PUBLIC_URL."""
        data, model = environment.get("WANDERBOOK_DATA"), environment.get("WANDERBOOK_MODEL")
        return cls(
            data_folder=Path(data).expanduser().resolve() if data else default_data_folder(),
            model_folder=place_of(model).resolve() if model else TINY_MODEL,
            public_url=environment.get("PUBLIC_URL", "").rstrip("/"),
            owner_key=environment.get("WANDERBOOK_OWNER_KEY", ""),
        )


def default_data_folder() -> Path:
    """The persistent disk of a Space where there is one, else the user's data folder."""
    if PERSISTENT_DISK.is_dir() and os.access(PERSISTENT_DISK, os.W_OK):
        return PERSISTENT_DISK / "wanderbook"
    return platformdirs.user_data_path("wanderbook", appauthor=False)
