"""Going on from any frame of a run: its picture and motion there, and chains played as one file.

A chain is a run and the runs it goes on from, the oldest first. Each part is shown up to the frame
the next one goes on from; that frame itself is the next one's first, so it is shown once.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from sanawm.camera.continuation import state_at
from sanawm.camera.path import CameraPath
from sanawm.errors import InvalidRequestError
from storage.database import Database
from storage.tables import Run
from studio.desk import row_of
from studio.media import VIDEO, MediaKeys
from studio.models import ModelShelf
from studio.views import AssetView

FOLDER = "chains"
NOT_DONE = "Run {number} is not done yet, so no run can go on from it."
OTHER_SPEED = "These runs have different frame rates, so they do not make one video."
NO_FRAME = "Run {number} has the frames 0 to {last}."


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What a chain shows of one run: frames `first` to `last`, counted from 0."""

    run_id: str
    number: int
    first: int
    last: int
    fps: float

    @property
    def seconds(self) -> float:
        """How long it is shown."""
        return (self.last - self.first + 1) / self.fps


class Chains:
    """Reads finished runs; joined files are made once and kept until a clean-up."""

    def __init__(
        self,
        database: Database,
        keys: MediaKeys,
        shelf: ModelShelf,
        store_image: Callable[[Path], AssetView],
    ) -> None:
        self._database = database
        self._keys = keys
        self._shelf = shelf
        self._store_image = store_image

    def frame_image(self, run_id: str, frame: int) -> AssetView:
        """A frame of a finished run, kept as a first frame for other runs."""
        from sanawm.video_reading import frame_at

        run = self._done(run_id, frame)
        with tempfile.NamedTemporaryFile(suffix=".png") as file:
            file.write(frame_at(self._video(run.id, run.attempt), frame))
            file.flush()
            return self._store_image(Path(file.name))

    def start_of(self, run_id: str, frame: int) -> dict[str, Any]:
        """The camera's motion at a frame: `source["start"]` of a path that goes on from there."""
        run = self._done(run_id, frame)
        path = CameraPath.load_npz(self._database.folder.asset(run.path_sha256, "npz"))
        state = state_at(path, frame, self._shelf.find(run.model).card)
        return {"run": run.id, "frame": frame} | state.to_dict()

    def chain(self, run_id: str) -> list[Part]:
        """The run and all it goes on from, the oldest first; itself alone where it goes on from
        none, or where an ancestor is gone.
        """
        with self._database.read() as session:
            runs = _line_of(session, row_of(session, run_id))
        following = [*(run.path_source["start"]["frame"] for run in runs[1:]), None]
        return [
            Part(
                run_id=run.id,
                number=run.number,
                first=0,
                last=run.num_frames - 1 if goes_on is None else goes_on - 1,
                fps=run.fps,
            )
            for run, goes_on in zip(runs, following, strict=True)
            if goes_on != 0  # its first frame is the next one's: nothing of it is left to show
        ]

    def joined(self, run_id: str) -> str:
        """The address of a chain as one mp4, which is made at the first call; may take seconds."""
        from sanawm.ai_mark import mark_of
        from sanawm.joining import join

        parts = self.chain(run_id)
        if len({part.fps for part in parts}) > 1:
            raise InvalidRequestError(OTHER_SPEED)
        files = [(self._video_of(part.run_id), part.first, part.last) for part in parts]
        name = f"cache/{FOLDER}/{_key(files)}.mp4"
        output = self._database.folder.root / name
        if not output.is_file():
            output.parent.mkdir(parents=True, exist_ok=True)
            numbers = [part.number for part in parts]
            last = self._done(run_id)
            mark = mark_of(self._title(last.model), last.ended_at or last.created_at)
            tags = {"schema": "wanderbook.chain/1", "runs": numbers}
            join(files, output, parts[0].fps, tags, mark)
        return self._keys.media_url(name)

    def _title(self, model: str) -> str:
        """What a model is called; its name where it is not on this computer any more."""
        titles = {one.card.name: one.card.title for one in self._shelf.all()}
        return titles.get(model, model)

    def _video_of(self, run_id: str) -> Path:
        run = self._done(run_id)
        return self._video(run.id, run.attempt)

    def _video(self, run_id: str, attempt: int) -> Path:
        return self._database.folder.attempt(run_id, attempt) / VIDEO

    def _done(self, run_id: str, frame: int = 0) -> Run:
        """A finished run that has this frame, or a sentence."""
        with self._database.read() as session:
            run = row_of(session, run_id)
        if run.state != "done":
            raise InvalidRequestError(NOT_DONE.format(number=run.number))
        if not 0 <= frame < run.num_frames:
            raise InvalidRequestError(NO_FRAME.format(number=run.number, last=run.num_frames - 1))
        return run


def _line_of(session: Session, run: Run) -> list[Run]:
    """The runs that it goes on from, and it, oldest first; only finished runs can be shown."""
    runs = [run]
    while (before := _before(session, runs[0])) is not None and before not in runs:
        runs.insert(0, before)
    return runs


def _before(session: Session, run: Run) -> Run | None:
    """The run of its family that a run goes on from; what is made anew of it goes on from there."""
    start = run.path_source.get("start")
    if not isinstance(start, dict) or not isinstance(start.get("frame"), int):
        return None
    before = session.get(Run, str(start.get("run", "")))
    if before is None or before.state != "done" or before.root_id != run.root_id:
        return None
    return before if 0 <= start["frame"] < before.num_frames else None


def _key(files: Sequence[tuple[Path, int, int]]) -> str:
    """A name for exactly these frames of these files, which never change once they are there."""
    said = json.dumps([[str(path), first, last] for path, first, last in files])
    return hashlib.sha256(said.encode()).hexdigest()[:32]
