"""A draft becomes a run: checked, its seed drawn, its camera path resolved and kept.

What the run's row holds after this decides every pixel; the worker resolves nothing again.
"""

import json
import re
import secrets
import time
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ulid import ULID

from sanawm.camera.actions import cut_actions
from sanawm.camera.path import CameraPath
from sanawm.camera.sources import resolve_source
from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError
from sanawm.request import GenerationRequest, check_length, check_request
from storage.database import Database
from storage.files import DataFolder
from storage.tables import Asset, Run
from studio.models import Model
from studio.views import Draft

# Relations that say what alone is different, and the columns that tell it.
ONLY = {
    "reseed": {"seed"},
    "repath": {"path_sha256", "path_source", "path_points"},
}
SHA256 = re.compile("[0-9a-f]{64}")
DRAWN_SEEDS = 1_000_000  # seeds we draw have at most six digits, so that people can say them


def resolve_path(
    source: dict[str, Any], num_frames: int, card: ModelCard, folder: DataFolder
) -> CameraPath:
    """The poses a path source stands for; InvalidRequestError names the segment that is wrong.

    {"kind": "poses", "poses": SHA-256} are poses that are kept among the assets.
    """
    check_length(num_frames, card)
    if source.get("kind") == "poses" and "poses" in source:
        return _kept_poses(source, num_frames, card, folder)
    return _resolved(json.dumps(source, sort_keys=True), num_frames, card)


def _kept_poses(
    source: dict[str, Any], num_frames: int, card: ModelCard, folder: DataFolder
) -> CameraPath:
    """The first poses of those that are kept, one for each frame of the clip."""
    sha256 = str(source["poses"])
    file = folder.asset(sha256, "npz")
    if not SHA256.fullmatch(sha256) or not file.is_file():
        raise InvalidRequestError("These poses are not kept here. Choose a path.", field="camera")
    kept = CameraPath.load_npz(file)
    if kept.num_frames < num_frames:
        raise InvalidRequestError(
            f"This path has {kept.num_frames} poses; {card.seconds(num_frames):.0f} s needs "
            f"{num_frames}.",
            field="camera",
        )
    first = kept.first(num_frames)
    # Without their own name: the same poses are the same content however often they go round.
    said = {name: value for name, value in source.items() if name in ("kind", "file")}
    return replace(first, fps=card.fps, source=said)


def kept_source(source: dict[str, Any], path_sha256: str) -> dict[str, Any]:
    """The source of a run's path, from which its poses can be had again: poses name their asset."""
    return source | {"poses": path_sha256} if source.get("kind") == "poses" else source


@lru_cache(maxsize=64)
def _resolved(source: str, num_frames: int, card: ModelCard) -> CameraPath:
    """The live check of a path and the press on Generate that follows it ask for the same poses."""
    return resolve_source(json.loads(source), num_frames, card)


@lru_cache(maxsize=64)
def _packed(source: str, num_frames: int, card: ModelCard) -> bytes:
    """The poses as they are kept among the assets."""
    return _resolved(source, num_frames, card).to_npz()


def _npz_of(path: CameraPath, source: dict[str, Any], card: ModelCard) -> bytes:
    if source.get("kind") == "poses":
        return path.to_npz()
    return _packed(json.dumps(source, sort_keys=True), path.num_frames, card)


def path_points(path: CameraPath) -> list[list[float]]:
    """The path from above, a frame each: x, z, and the x, z of the view direction."""
    points_F4 = path.level_c2w()[:, (0, 2, 0, 2), (3, 3, 2, 2)]
    return [[round(float(number), 4) for number in point] for point in points_F4]


def make_run(
    database: Database,
    model: Model,
    draft: Draft,
    parent: Run | None,
    client_key: str,
    visitor: str,
) -> Run:
    """A row that is ready to be queued; its camera path is already among the assets."""
    fields, run_id = deciding_fields(database, model, draft), str(ULID())
    return Run(
        id=run_id,
        client_key=client_key,
        visitor=visitor,
        parent_id=parent.id if parent else None,
        root_id=parent.root_id if parent else run_id,
        **relation_to(parent, fields),
        **fields,
    )


def relation_to(parent: Run | None, fields: dict[str, Any]) -> dict[str, Any]:
    """How a run came from its parent: its `relation`, and the `start_frame` it goes on from."""
    if parent is None:
        return {"relation": "", "start_frame": None}
    start = fields["path_source"].get("start", {})
    if start.get("run") == parent.id and start["frame"] < parent.num_frames:
        return {"relation": "extend", "start_frame": int(start["frame"])}
    changed = {name for name, value in fields.items() if getattr(parent, name) != value}
    changed -= {"model_revision"}  # nobody chose it
    for relation, only in ONLY.items():
        if changed and changed <= only:
            return {"relation": relation, "start_frame": None}
    return {"relation": "remix", "start_frame": None}


def deciding_fields(database: Database, model: Model, draft: Draft) -> dict[str, Any]:
    """Everything in a run's row that decides its pixels; raises where the draft asks for nonsense.

    The seed is drawn here, and the camera path resolved and kept among the assets.
    """
    with database.read() as session:
        image = session.get(Asset, draft.image_sha256)
        if image is None or image.extension == "npz":
            raise InvalidRequestError("Choose a first frame to begin.", field="image")
        request = _request(draft, model.card, image, database.folder)
        path = request.camera_path
        packed = _npz_of(path, draft.path_source, model.card)
    path_sha256 = keep_path(database, packed)
    return {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "image_sha256": image.sha256,
        "path_sha256": path_sha256,
        "path_source": kept_source(path.source, path_sha256),
        "path_points": path_points(path),
        "num_frames": request.num_frames,
        "fps": path.fps,
        "width": model.card.width,
        "height": model.card.height,
        "seed": request.seed,
        "num_inference_steps": request.num_inference_steps,
        "guidance_scale": request.guidance_scale,
        "model": model.card.name,
        "model_revision": model.revision,
    }


def keep_path(database: Database, packed: bytes) -> str:
    """Put a camera path among the assets; the hash that names it there."""
    path_sha256 = database.folder.store_asset(packed, "npz")
    with database.read() as session:
        is_known = session.get(Asset, path_sha256) is not None
    if not is_known:
        _add_path(database, path_sha256)
    return path_sha256


def drawn_seed() -> int:
    """A seed for a run that asks for none."""
    return secrets.randbelow(DRAWN_SEEDS)


def draft_of(run: Run) -> Draft:
    """The draft that would make a run once more, seed and all, as a child of it."""
    return Draft(
        image_sha256=run.image_sha256,
        prompt=run.prompt,
        negative_prompt=run.negative_prompt,
        path_source=kept_source(run.path_source, run.path_sha256),
        num_frames=run.num_frames,
        seed=run.seed,
        num_inference_steps=run.num_inference_steps,
        guidance_scale=run.guidance_scale,
        model=run.model,
        parent_id=run.id,
    )


def shortened(draft: Draft, num_frames: int) -> Draft:
    """The draft with fewer frames; of an action string the steps that fit are left."""
    source = dict(draft.path_source)
    if source.get("kind") == "actions":
        source["actions"] = cut_actions(str(source.get("actions", "")), num_frames - 1)
    return replace(draft, num_frames=num_frames, path_source=source)


def _request(draft: Draft, card: ModelCard, image: Asset, folder: DataFolder) -> GenerationRequest:
    """The draft as the model will get it, checked; the seed is drawn here."""
    request = GenerationRequest(
        image=folder.asset(image.sha256, image.extension),
        prompt=draft.prompt.strip(),
        negative_prompt=draft.negative_prompt.strip(),
        camera_path=resolve_path(draft.path_source, draft.num_frames, card, folder),
        num_frames=draft.num_frames,
        seed=drawn_seed() if draft.seed is None else draft.seed,
        num_inference_steps=draft.num_inference_steps,
        guidance_scale=draft.guidance_scale,
    )
    check_request(request, card)
    return request


def _add_path(database: Database, sha256: str) -> None:
    """Name the stored poses among the assets; another press may be doing the same."""
    now = time.time()
    with database.write() as session:
        session.merge(Asset(sha256=sha256, extension="npz", width=0, height=0, created_at=now))
