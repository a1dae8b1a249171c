"""`run.json`, schema wanderbook.run/1: a finished run beside its video, enough to rebuild its row.

A record holds every column that the row of a finished run has, except what belongs to one
database only (its revision, the click and the visitor it came from, and what people marked it with
later), and the assets it names.
Records may come from another computer: reading one checks every field it takes over.
"""

import json
import re
from pathlib import Path
from typing import Any

from storage.files import write_whole
from storage.tables import Asset, Run

SCHEMA = "wanderbook.run/1"
NAME = "run.json"
FIELDS: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "number": int,
    "attempt": int,
    "parent_id": (str, type(None)),
    "root_id": str,
    "relation": str,
    "start_frame": (int, type(None)),
    "created_at": float,
    "started_at": float,
    "ended_at": float,
    "prompt": str,
    "negative_prompt": str,
    "path_source": dict,
    "path_points": list,
    "num_frames": int,
    "fps": float,
    "width": int,
    "height": int,
    "seed": int,
    "num_inference_steps": int,
    "guidance_scale": float,
    "model": str,
    "model_revision": str,
    "timings": dict,
    "record": dict,
    "savings": dict,
    "stopped_at": (int, type(None)),
    "device": str,
    "plan": str,
    "check": dict,
}
# What decides a video, and which one it is.
DECIDING = (
    "id",
    "prompt",
    "negative_prompt",
    "seed",
    "num_frames",
    "num_inference_steps",
    "guidance_scale",
    "model",
    "image_sha256",
    "path_sha256",
)
RELATIONS = ("", "remix", "reseed", "repath", "extend", "check")
CHECK_FIELDS: dict[str, type | tuple[type, ...]] = {
    "of": int,
    "frames": int,
    "psnr": (float, int, type(None)),
    "worst": int,
    "differs": list,
}
POSITIVE = ("num_frames", "fps", "width", "height", "num_inference_steps")
# What older records lack, and what it means that they do.
DEFAULTS: dict[str, Any] = {
    "savings": {},
    "stopped_at": None,
    "device": "",
    "plan": "",
    "root_id": "",
    "relation": "",
    "start_frame": None,
    "check": {},
}
ASSET_FIELDS: dict[str, type] = {"sha256": str, "extension": str, "width": int, "height": int}


def write_record(folder: Path, run: Run, image: Asset, path: Asset) -> None:
    """Write the run's record into its folder, whole or not at all."""
    record = {"schema": SCHEMA} | {name: getattr(run, name) for name in FIELDS}
    record |= {"image": _asset_fields(image), "path": _asset_fields(path)}
    write_whole(folder / NAME, json.dumps(record, indent=1, ensure_ascii=False).encode())


def read_record(file: Path) -> tuple[Run, Asset, Asset]:
    """The row of a finished run, its first frame and its camera path; ValueError where broken."""
    record = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise ValueError(f"{file} is not a {SCHEMA} record")
    values = _checked(DEFAULTS | record, FIELDS, file)
    _check_meaning(values, file)
    image, path = (_read_asset(record.get(name), values, file) for name in ("image", "path"))
    run = Run(state="done", image_sha256=image.sha256, path_sha256=path.sha256, **values)
    return run, image, path


def _asset_fields(asset: Asset) -> dict[str, Any]:
    return {name: getattr(asset, name) for name in ASSET_FIELDS}


def _read_asset(fields: Any, run: dict[str, Any], file: Path) -> Asset:
    if not isinstance(fields, dict):
        raise ValueError(f"{file} names no first frame or no camera path")
    values = _checked(fields, ASSET_FIELDS, file)
    if not re.fullmatch(r"[0-9a-f]{64}\.(png|jpg|npz)", "{sha256}.{extension}".format(**values)):
        raise ValueError(f"{file} names a file that cannot be an asset")
    return Asset(created_at=run["created_at"], **values)


def _check_meaning(run: dict[str, Any], file: Path) -> None:
    """What pages count with must be fit to count with; ValueError where it is not."""
    seconds = [*run["timings"].values(), *run["savings"].values()]
    path = run["path_source"]
    words = [path.get(name, "") for name in ("kind", "preset", "actions", "file")]
    good = {
        "sizes": min(run[name] for name in POSITIVE) > 0,
        "times": all(isinstance(one, int | float) for one in seconds),
        "path": all(isinstance(word, str) for word in words),
        "preset": path.get("kind") != "preset" or "preset" in path,
        "relation": run["relation"] in RELATIONS,
        "start frame": (run["start_frame"] or 0) >= 0,
        "check": not run["check"] or _is_check(run["check"]),
        "points": all(_is_point(point) for point in run["path_points"]),
    }
    for name, is_good in good.items():
        if not is_good:
            raise ValueError(f"{file} has no good {name}")


def _is_check(check: dict[str, Any]) -> bool:
    """What a repetition found, as pages put it into words."""
    good = all(isinstance(check.get(name, ...), kind) for name, kind in CHECK_FIELDS.items())
    return (
        good
        and isinstance(check.get("identical"), bool)
        and all(isinstance(sentence, str) for sentence in check["differs"])
    )


def _is_point(point: Any) -> bool:
    four = isinstance(point, list) and len(point) == 4
    return four and all(isinstance(number, int | float) for number in point)


def _checked(fields: dict[str, Any], wanted: dict[str, Any], file: Path) -> dict[str, Any]:
    values = {}
    for name, kind in wanted.items():
        value = fields.get(name)
        if kind is float and isinstance(value, int):
            value = float(value)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{file} has no good {name!r}")
        values[name] = value
    return values
