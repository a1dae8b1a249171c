"""What is written down about a run: everything that decided its pixels, as JSON values.

The whole record goes into run.json. The mp4 carries it too, without the resolved poses where they
would make it longer than a file's metadata should be; the path's source is always there.
"""

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import torch

from sanawm.card import ModelCard
from sanawm.request import GenerationRequest
from sanawm.video import MAX_TAG_BYTES

SCHEMA = "wanderbook.run/1"


def make_record(
    request: GenerationRequest,
    card: ModelCard,
    revision: str,
    cached: list[str],
    stopped_at: int | None,
) -> dict[str, Any]:
    """The record of one run; `revision` is the hash of the model's files.

    `stopped_at` is the drawing step after which the run was ended and kept, None where all were
    made.

    A picture is known by its name and content: where it lay on someone's disk is nobody's business.
    """
    picture = {
        "image": request.image.name,
        "image_sha256": hashlib.sha256(Path(request.image).read_bytes()).hexdigest(),
    }
    return {
        "schema": SCHEMA,
        "request": request.to_dict() | picture,
        "model": {"name": card.name, "title": card.title, "revision": revision},
        "fps": card.fps,
        "native_size": [card.width, card.height],
        "device": "cpu",
        "precision": "float32",
        "threads": torch.get_num_threads(),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "from_cache": cached,
        "stopped_at": stopped_at,
    }


def tags_of(record: dict[str, Any]) -> dict[str, Any]:
    """The record as an mp4 carries it."""
    if len(json.dumps(record, ensure_ascii=False).encode()) <= MAX_TAG_BYTES:
        return record
    path = record["request"]["camera_path"] | {"c2w": None, "intrinsics": None}
    return record | {"request": record["request"] | {"camera_path": path}}
