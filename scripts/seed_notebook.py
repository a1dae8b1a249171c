"""Fill a data folder with made-up runs that look like somebody's work of many weeks.

    python scripts/seed_notebook.py --runs 200 --data FOLDER

Runs have families, ratings, tags and notes; some failed, some were cancelled, some lie in the
trash. From twenty runs on there are several notebooks with texts, comparisons and a sweep. Every
finished run has a video that plays: a few real ones, linked once for each run (`seed_clips`). No
run.json is written. The same number and seed give the same notebook, but for the hour.

The data folder must be fresh. Rows are inserted by the hundred, not through the queue.
"""

import argparse
import os
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seed_cells import FEW_RUNS, Pages
from seed_clips import Camera, Clip
from seed_words import CHECK, FAILURES, FLAVOURS, NOTES, TAGS
from sqlalchemy import insert
from ulid import ULID

from storage.database import Database
from storage.tables import Cell, Counter, Notebook, Run
from studio.models import ModelShelf
from studio.settings import Settings
from studio.submission import path_points

DAY_S = 86_400
MOST_CLIPS = 24
AT_ONCE = 500  # rows a statement
SWEEP = 9  # runs of the sweep: three seeds, three paths
MISHAPS = {"failed": (23, 5), "cancelled": (31, 7), "trash": (19, 11)}  # every so many, from
RELATIONS = (("", 45), ("reseed", 22), ("repath", 14), ("remix", 12), ("extend", 5), ("check", 2))
RATINGS = (0, 0, 0, 0, 0, 0, 1, 2, 3, 3, 4, 4, 5)

Row = dict[str, Any]


class Seeder:
    """Makes up rows, the oldest first."""

    def __init__(self, database: Database, clips: Sequence[Clip], seed: int) -> None:
        model = ModelShelf(Settings(data_folder=database.folder.root)).default()
        self._card, self._revision = model.card, model.revision
        self._clips = clips
        self._draw = random.Random(seed)
        self._now = time.time()
        self._has_mishaps = False
        self.rows: list[Row] = []
        self.clip_of: dict[str, Clip] = {}

    def make(self, count: int) -> None:
        """So many rows."""
        self._has_mishaps = count >= FEW_RUNS
        days = max(1.5, 3 * count**0.45)  # 200 runs are a month's, 10,000 half a year's
        ages = sorted(
            (self._draw.random() ** 1.5 * days * DAY_S for _ in range(count)), reverse=True
        )
        sweep_from = count - 2 * SWEEP if count >= 4 * SWEEP else count
        for index, age in enumerate(ages):
            if sweep_from <= index < sweep_from + SWEEP:
                self._sweep_row(index - sweep_from, self._now - age)
            else:
                self._add(index, self._now - age)

    def sweep(self) -> list[Row]:
        """The runs of the sweep; none in a small notebook."""
        return [row for row in self.rows if row["tags"] == ["sweep"]]

    def _add(self, index: int, moment: float) -> None:
        recent = [row for row in self.rows[-24:] if row["state"] == "done"]
        relation = self._pick(RELATIONS) if len(recent) > 1 else ""
        if not relation:
            clip = self._clips[index % len(self._clips)]
            row = self._row(moment, clip, prompt=self._prompt(clip))
        else:
            row = self._child(moment, self._draw.choice(recent), relation)
        self._end(row)
        self._mark(row)

    def _child(self, moment: float, parent: Row, relation: str) -> Row:
        clip = self.clip_of[parent["id"]]
        if relation == "extend" and clip.extension is None:
            relation = "reseed"
        kept = {name: parent[name] for name in ("prompt", "seed", "num_inference_steps")}
        if relation == "reseed":
            kept["seed"] = self._draw.randrange(1_000_000)
        elif relation == "repath":
            same = [one for one in self._clips if one.scene == clip.scene and one is not clip]
            clip = self._draw.choice(same or list(self._clips))
        elif relation == "remix":
            kept |= {"prompt": self._prompt(clip), "num_inference_steps": 8}
        elif relation == "extend" and clip.extension is not None:
            clip = clip.extension
        row = self._row(moment, clip, **kept)
        row |= {"parent_id": parent["id"], "root_id": parent["root_id"], "relation": relation}
        if relation == "extend":
            frame = parent["num_frames"] - 1
            start = row["path_source"]["start"] | {"run": parent["id"], "frame": frame}
            row |= {"start_frame": frame, "path_source": row["path_source"] | {"start": start}}
        if relation == "check":
            row["check"] = {"of": parent["number"]} | self._draw.choice(CHECK)
        return row

    def _row(self, moment: float, clip: Clip, **changes: Any) -> Row:
        path, run_id = (
            clip.path,
            str(ULID(int(moment * 1000).to_bytes(6) + self._draw.randbytes(10))),
        )
        seconds = path.num_frames * self._draw.uniform(0.4, 0.6)
        number = len(self.rows) + 1
        row: Row = {
            "id": run_id, "number": number, "rev": number, "state": "done", "attempt": 1,
            "error": "", "client_key": f"seed-{number}", "visitor": "", "parent_id": None,
            "root_id": run_id, "relation": "", "start_frame": None, "created_at": moment,
            "started_at": moment + 1, "ended_at": moment + 1 + seconds, "prompt": clip.prompt,
            "negative_prompt": "", "image_sha256": clip.image_sha256,
            "path_sha256": clip.path_sha256, "path_source": path.source,
            "path_points": path_points(path), "num_frames": path.num_frames, "fps": path.fps,
            "width": self._card.width, "height": self._card.height,
            "seed": self._draw.randrange(1_000_000), "num_inference_steps": 4,
            "guidance_scale": 1.0, "model": self._card.name, "model_revision": self._revision,
            "rating": 0, "note": "", "tags": [], "deleted_at": None, "check": {},
            "timings": {"prompt": 0.3, "first_frame": 0.1, "drawing": seconds - 1.4,
                        "decoding": 0.9, "saving": 0.1},
            "savings": {}, "stopped_at": None, "device": "cpu, 2 threads", "plan": "float32",
            "record": {"threads": 2, "precision": "float32", "device": "cpu, 2 threads"},
        }  # fmt: skip
        self.rows.append(row | changes)
        self.clip_of[run_id] = clip
        return self.rows[-1]

    def _sweep_row(self, index: int, moment: float) -> None:
        """Three paths, three seeds, of one picture."""
        first = self._clips[0]
        same = [clip for clip in self._clips if clip.scene == first.scene]
        row = self._row(moment, same[index // 3 % len(same)], seed=7 + index % 3)
        row["tags"] = ["sweep"]

    def _end(self, row: Row) -> None:
        """Most are done; of the others no video is there, or nobody wants to see it."""
        number = row["number"]
        state = next((name for name, (n, first) in MISHAPS.items() if number % n == first), "done")
        if row["relation"] in ("check", "extend") or not self._has_mishaps:
            return
        if state == "trash":
            age = min(self._now - row["created_at"], 20 * DAY_S)  # after thirty days it would go
            row["deleted_at"] = self._now - self._draw.random() * age
        elif state == "failed":
            row |= {"state": state, "error": self._draw.choice(FAILURES), "timings": {}}
        elif state == "cancelled":
            error = "Cancelled at step 2. Nothing was kept."
            row |= {"state": state, "error": error, "timings": {}}

    def _mark(self, row: Row) -> None:
        if row["state"] != "done":
            return
        row["rating"] = self._draw.choice(RATINGS)
        if self._draw.random() < 0.3:
            row["tags"] = sorted(self._draw.sample(TAGS, self._draw.choice((1, 1, 2, 3))))
        if self._draw.random() < 0.15:
            row["note"] = self._draw.choice(NOTES)

    def _prompt(self, clip: Clip) -> str:
        flavour = self._draw.choice(FLAVOURS)
        return f"{clip.prompt}, {flavour}" if flavour else clip.prompt

    def _pick(self, weighted: Sequence[tuple[str, int]]) -> str:
        names, weights = zip(*weighted, strict=True)
        return str(self._draw.choices(names, weights)[0])


def seed(database: Database, runs: int, *, seed: int = 0) -> None:
    """Fill a fresh database and its folder with so many runs."""
    with tempfile.TemporaryDirectory(dir=database.folder.root) as folder:
        clips = list(Camera(database).clips(min(MOST_CLIPS, max(3, runs // 8)), Path(folder)))
        seeder = Seeder(database, clips, seed)
        seeder.make(runs)
        for row in seeder.rows:
            _give_files(database, row, seeder.clip_of[row["id"]])
    pages = Pages(seeder.rows, {row["id"] for row in seeder.sweep()})
    _insert(database, seeder.rows, pages)


def _give_files(database: Database, row: Row, clip: Clip) -> None:
    """The clip's files under the run's name: links, or copies where the disk knows none."""
    folder = database.folder.attempt(row["id"], row["attempt"])
    folder.mkdir(parents=True)
    if row["state"] == "failed":
        (folder / "log.txt").write_text(f"Traceback\nNotEnoughMemoryError: {row['error']}\n")
    if row["state"] != "done":
        return
    for file in clip.files:
        if file.suffix == ".png":
            continue
        try:
            os.link(file, folder / file.name)
        except OSError:
            shutil.copyfile(file, folder / file.name)


def _insert(database: Database, rows: Sequence[Row], pages: Pages) -> None:
    with database.write() as session:
        for begin in range(0, len(rows), AT_ONCE):
            session.execute(insert(Run), rows[begin : begin + AT_ONCE])
        for book in pages.notebooks:
            session.merge(Notebook(**book))
        session.flush()
        for begin in range(0, len(pages.cells), AT_ONCE):
            session.execute(insert(Cell), pages.cells[begin : begin + AT_ONCE])
        session.merge(Counter(name="number", value=len(rows)))
        session.merge(Counter(name="rev", value=len(rows) + len(pages.cells)))


def main() -> None:
    """Fill the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Fill a data folder with made-up runs.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.monotonic()
    database = Database.open(options.data)
    seed(database, options.runs, seed=options.seed)
    database.close()
    print(f"{options.runs:,} runs in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
