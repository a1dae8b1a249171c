"""Rows that are whole enough for the database's constraints."""

import itertools

from ulid import ULID

from storage.tables import Asset, Run

IMAGE, PATH = "1" * 64, "2" * 64


def add_assets(database):
    with database.write() as session:
        session.add(Asset(sha256=IMAGE, extension="png", width=8, height=6, created_at=1.0))
        session.add(Asset(sha256=PATH, extension="npz", width=0, height=0, created_at=1.0))


_numbers = itertools.count()


def make_run(**changes):
    fields = {
        "id": str(ULID()),
        "client_key": f"click-{next(_numbers)}",
        "prompt": "a lamp",
        "negative_prompt": "",
        "image_sha256": IMAGE,
        "path_sha256": PATH,
        "path_source": {"kind": "preset", "preset": "push-in"},
        "path_points": [[0.0, 0.0, 0.0, 1.0]],
        "num_frames": 17,
        "fps": 8.0,
        "width": 80,
        "height": 48,
        "seed": 7,
        "num_inference_steps": 4,
        "guidance_scale": 2.0,
        "model": "tiny",
        "model_revision": "abc",
    }
    return Run(**({"root_id": (fields | changes)["id"]} | fields | changes))
