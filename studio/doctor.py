"""Everything that may be wrong with an installation: database, files, models, disk, secrets.

A finding is a sentence that says what to do. Nothing is changed, and no weight is read but for the
list of tensors at the beginning of its file.
"""

import json
import os
import shutil
import stat
import time
from pathlib import Path

from sanawm.card import CARD_FILE, ModelCard
from sanawm.errors import ModelFilesMissingError
from sanawm.model_folder import WEIGHT_PARTS, check_model_folder, fetched_folders
from storage.database import Database
from storage.disk_use import measure_below
from storage.files import leftovers
from storage.record_checks import examine_records
from storage.runs import attempts
from storage.upkeep import examine
from studio.owner_key import FILE as OWNER_KEY
from studio.settings import BUNDLED_MODELS, Settings

LEAST_FREE = 2 * 10**9  # bytes; a minute of video with its caches fits many times
MEDIA_KEY = "media.key"
LENGTH_BYTES = 8  # at the beginning of a .safetensors file: how long its list of tensors is
LONGEST_LIST = 100_000_000
AGAIN = "Get the model once more."


def diagnose(database: Database, settings: Settings) -> list[str]:
    """A sentence for everything that is wrong; empty when all is well."""
    return [
        *examine(database),
        *examine_records(database),
        *_models(settings),
        *_disk(database),
        *_secrets(database.folder.root),
    ]


def _models(settings: Settings) -> list[str]:
    folders = [settings.model_folder]
    for shelf in (BUNDLED_MODELS, settings.data_folder / "models"):
        folders += sorted(card.parent for card in shelf.glob(f"*/{CARD_FILE}"))
    folders += fetched_folders()
    return [finding for folder in dict.fromkeys(folders) for finding in _model(folder)]


def _model(folder: Path) -> list[str]:
    try:
        check_model_folder(folder)
        ModelCard.load(folder)
    except (ModelFilesMissingError, OSError) as error:
        return [f"{error} {AGAIN}"]
    weights = [file for part in WEIGHT_PARTS for file in (folder / part).glob("*.safetensors")]
    return [
        f"The weights {file} are {problem}. {AGAIN}"
        for file in sorted(weights)
        if (problem := _spoilt(file))
    ]


def _spoilt(weights: Path) -> str:
    """What is wrong with a .safetensors file, judged by its list of tensors and its size."""
    try:
        with weights.open("rb") as file:
            length = int.from_bytes(file.read(LENGTH_BYTES), "little")
            if not 2 <= length <= LONGEST_LIST:
                return "no .safetensors file"
            tensors = json.loads(file.read(length))
        ends = [one["data_offsets"][1] for name, one in tensors.items() if name != "__metadata__"]
        whole = LENGTH_BYTES + length + max(ends, default=0)
        return "" if weights.stat().st_size == whole else "cut short or grown"
    except OSError as error:
        return f"not readable ({error.strerror})"
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return "no .safetensors file"


def _disk(database: Database) -> list[str]:
    folder, findings = database.folder, []
    free = shutil.disk_usage(folder.root).free
    if free < LEAST_FREE:
        findings.append(
            f"Only {free / 10**9:.1f} GB are free on the disk of {folder.root}. Free some: the "
            "settings page shows what takes room and what may go."
        )
    if not os.access(folder.root, os.W_OK):
        findings.append(f"{folder.root} cannot be written to. Make it yours, or choose another.")
    with database.read() as session:
        current = attempts(session)
    old = leftovers(folder, current, time.time())
    if old:
        size = sum(measure_below(path).size for path in old)
        findings.append(
            f"Programs that were killed left {len(old)} files or folders behind, "
            f"{size / 10**6:.1f} MB. They go when Wanderbook starts."
        )
    return findings


def _secrets(root: Path) -> list[str]:
    """Keys that others on this computer can read; Windows keeps rights elsewhere."""
    if os.name == "nt":
        return []
    files = [root / name for name in (MEDIA_KEY, OWNER_KEY)]
    return [
        f"Others on this computer can read {file}. Run: chmod 600 '{file}'"
        for file in files
        if file.is_file() and stat.S_IMODE(file.stat().st_mode) & 0o077
    ]
