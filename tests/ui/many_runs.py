"""Finished runs in a fresh data folder, without making any: rows, and one clip linked for each."""

import io
import os
import time

import numpy as np
from PIL import Image
from sqlalchemy import insert
from ulid import ULID

from sanawm.stills import write_poster, write_thumbnail
from sanawm.video import write_mp4
from storage.database import Database
from storage.tables import Asset, Cell, Counter, Notebook, Run

PATH = "b" * 64
PRESETS = ("push-in", "orbit-left", "pan-right")
PROMPTS = ("A red room with a lamp", "A green plain, fog", "A hall of <b>stone</b> & glass")
DAY_S = 86_400


def fill(folder, count, *, visitor=""):
    """So many runs, four a day; number 1 is the oldest. Their ids, by number."""
    database = Database.open(folder)
    files = _clip(database.folder.root)
    image = _first_frame(database)
    rows = [
        _row(number, count, visitor) | {"image_sha256": image} for number in range(1, count + 1)
    ]
    for number in range(12, count + 1, 12):  # every twelfth is a child of the run before it
        child, parent = rows[number - 1], rows[number - 2]
        child |= {"parent_id": parent["id"], "root_id": parent["id"], "relation": "reseed"}
    for row in rows:
        _link(database, row, files)
    cells = [_cell(row) for row in rows]
    with database.write() as session:
        session.add(Asset(sha256=image, extension="png", width=160, height=96, created_at=1.0))
        session.add(Asset(sha256=PATH, extension="npz", width=0, height=0, created_at=1.0))
        session.flush()
        session.add(_notebook())
        session.execute(insert(Run), rows)
        session.execute(insert(Cell), cells)
        session.merge(Counter(name="number", value=count))
        session.merge(Counter(name="rev", value=3 * count))
    database.close()
    return {row["number"]: row["id"] for row in rows}


def _row(number, count, visitor):
    now = time.time()
    day = (count - number) // 4
    moment = now - day * DAY_S - (count - number) % 4
    run_id = str(ULID.from_timestamp(moment))
    return {
        "id": run_id, "number": number, "rev": number, "state": "done", "attempt": 1,
        "error": "", "client_key": f"many-{number}", "visitor": visitor, "parent_id": None,
        "root_id": run_id, "relation": "", "start_frame": None, "created_at": moment,
        "started_at": moment, "ended_at": moment + 3, "prompt": PROMPTS[number % 3],
        "negative_prompt": "", "path_sha256": PATH,
        "path_source": {"kind": "preset", "preset": PRESETS[number % 3]},
        "path_points": [[0.0, 0.0, 0.0, 1.0]], "num_frames": 17, "fps": 8.0, "width": 160,
        "height": 96, "seed": number, "num_inference_steps": 6, "guidance_scale": 2.0,
        "model": "painted", "model_revision": "abc", "rating": number % 6,
        "note": "", "tags": ["cave"] if number % 10 == 0 else [], "deleted_at": None,
        "check": {}, "timings": {"drawing": 2.0}, "savings": {}, "stopped_at": None,
        "device": "cpu", "plan": "", "record": {},
    }  # fmt: skip


def _cell(row):
    return {
        "id": str(ULID()), "notebook_id": "inbox", "kind": "run", "position": float(row["number"]),
        "run_id": row["id"], "content": {}, "collapsed": False, "created_at": row["created_at"],
        "rev": row["number"],
    }  # fmt: skip


def _notebook():
    return Notebook(
        id=str(ULID()),
        title="Slow turns",
        description="",
        newest_first=True,
        visitor="",
        created_at=1.0,
        rev=1,
    )


def _clip(root):
    folder = root / "clip"
    folder.mkdir()
    video = folder / "video.mp4"
    shades = np.linspace(40, 220, 17, dtype=np.uint8)
    frames = (np.full((96, 160, 3), (shade, 90, 60), np.uint8) for shade in shades)
    write_mp4(frames, video, 8.0, {"seed": 1})
    write_poster(video, folder / "poster.jpg")
    write_thumbnail(video, folder / "thumb.webp")
    return [video, folder / "poster.jpg", folder / "thumb.webp"]


def _first_frame(database):
    picture, stream = Image.new("RGB", (160, 96), (90, 60, 40)), io.BytesIO()
    picture.save(stream, "PNG")
    sha256 = database.folder.store_asset(stream.getvalue(), "png")
    picture.save(database.folder.assets / f"{sha256}.thumb.webp")
    return sha256


def _link(database, row, files):
    folder = database.folder.attempt(row["id"], row["attempt"])
    folder.mkdir(parents=True)
    for file in files:
        os.link(file, folder / file.name)
