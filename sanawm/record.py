"""What is written down about a run: everything that decided its pixels, as JSON values.

The whole record goes into run.json. The mp4 carries it too, without the resolved poses where they
would make it longer than a file's metadata may be, which a minute of them does not; the path's
source is always there.
"""

import json
import platform
import time
from typing import Any

from sanawm.cache_keys import numerics
from sanawm.model_parts import ModelParts
from sanawm.request import GenerationRequest
from sanawm.run_log import RunLog
from sanawm.video import MAX_TAG_BYTES

SCHEMA = "wanderbook.run/1"


def make_record(
    request: GenerationRequest,
    parts: ModelParts,
    *,
    image_sha256: str,
    caches: dict[str, dict[str, Any]],
    log: RunLog,
) -> dict[str, Any]:
    """The record of one run.

    `caches` says for each kind of kept results that was asked whether all was there, and the
    seconds saved. `stopped_at` is the drawing step after which the run was ended and kept; None
    where all steps were made. A fetched model tells the repositories it is from. A picture is known
    by its name and content: where it lay on someone's disk is nobody's business.
    """
    card, plan = parts.card, log.plan.words
    computing = numerics(parts)
    model: dict[str, Any] = {
        "name": card.name,
        "title": card.title,
        "revision": parts.revision,
        "loras": [lora.to_dict() for lora in parts.loras],
    }
    if parts.sources:
        model["source"] = list(parts.sources)
    picture = {"image": request.image.name, "image_sha256": image_sha256}
    return {
        "schema": SCHEMA,
        "request": request.to_dict() | picture,
        "model": model,
        "made_at": time.time(),
        "fps": card.fps,
        "native_size": [card.width, card.height],
        "device": parts.machine.name,
        "precision": parts.machine.precision,
        "plan": plan if request.guidance_scale == 1 else f"{plan}, guided",
        "predicted_bytes": log.plan.peak_bytes,
        "peak_bytes": parts.machine.peak_bytes(),
        "threads": computing["threads"],
        "processor": " ".join(computing["processor"]),
        "versions": {
            "python": platform.python_version(),
            "torch": computing["torch"],
            **computing["libraries"],
        },
        "code": computing["code"],
        "caches": caches,
        "stopped_at": log.stopped_at,
    }


def tags_of(record: dict[str, Any]) -> dict[str, Any]:
    """The record as an mp4 carries it."""
    if len(json.dumps(record, ensure_ascii=False).encode()) <= MAX_TAG_BYTES:
        return record
    path = record["request"]["camera_path"] | {"c2w": None, "intrinsics": None}
    return record | {"request": record["request"] | {"camera_path": path}}
