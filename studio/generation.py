"""Making one claimed run: draw, show each step, then files first and the row last.

A run that is cancelled, fails or loses its claim leaves no video; one that fails leaves a log. The
row says `done` only when every file is whole on the disk, so a kill at any moment leaves either a
finished run or a job to be done again, never half of one.
"""

import logging
import shutil
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sanawm.errors import SanaWMError
from sanawm.progress import Finished, Progress
from storage.database import Database
from storage.files import sync_tree, write_whole
from storage.queue import Claim, Queue
from storage.records import write_record
from storage.tables import Asset, Run
from studio.models import Model
from studio.workbench import Workbench

LOG_NAME = "log.txt"
PATH_NAME = "c2w.npz"
KEPT_PREVIEWS = 2  # a page may still be fetching the one before the newest
NO_MEMORY = "Not enough memory. The prompt, the picture and the path are kept. Try a shorter clip."
UNFORESEEN = (
    "The program failed while it made this run. The prompt, the picture and the path are kept, "
    "and so is a log."
)

logger = logging.getLogger(__name__)


class _InterruptedError(Exception):
    """The run must not go on: it was cancelled, given to another worker, or we are to stop."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def job_spec(database: Database, run: Run, image: Asset, model: Model) -> dict[str, Any]:
    """A run as a runner gets it: plain values, files as absolute paths."""
    folder = database.folder
    return {
        "run_id": run.id,
        "attempt": run.attempt,
        "model_folder": str(model.folder),
        "image": str(folder.asset(image.sha256, image.extension)),
        "camera_path": str(folder.asset(run.path_sha256, "npz")),
        "prompt": run.prompt,
        "negative_prompt": run.negative_prompt,
        "num_frames": run.num_frames,
        "fps": run.fps,
        "seed": run.seed,
        "num_inference_steps": run.num_inference_steps,
        "guidance_scale": run.guidance_scale,
    }


class Generation:
    """One attempt at one run, from claim to end."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        bench: Workbench,
        claim: Claim,
        stopping: threading.Event,
    ) -> None:
        self._database = database
        self._queue = queue
        self._bench = bench
        self._claim = claim
        self._stopping = stopping
        self._folder = database.folder.attempt(claim.run_id, claim.attempt)
        self._timings: dict[str, float] = {}
        self._stage, self._stage_began, self._step = "", time.monotonic(), 0

    def make(self) -> None:
        """Make the run and write what became of it; no error gets out."""
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            with self._heartbeat():
                self._draw()
        except _InterruptedError as interruption:
            self._give_up(interruption.reason)
        except SanaWMError as error:
            self._fail(str(error))
        except MemoryError:
            self._bench.close()
            self._fail(NO_MEMORY)
        except Exception:
            logger.exception("run %s failed", self._claim.run_id)
            self._bench.close()  # whatever state it is in, the next run gets a fresh one
            self._fail(UNFORESEEN)

    def _draw(self) -> None:
        with self._database.read() as session:
            run = session.get_one(Run, self._claim.run_id)
            image = session.get_one(Asset, run.image_sha256)
            path = session.get_one(Asset, run.path_sha256)
        model = self._bench.model(run.model)
        if not self._bench.is_open(model):
            self._report("opening", 0, 0)
        runner = self._bench.runner(model)
        spec = job_spec(self._database, run, image, model)
        with closing(runner.run(spec, self._folder, lambda: False)) as events:
            for event in events:
                if isinstance(event, Finished):
                    self._keep(event, run, image, path, model)
                    return
                self._show(event)
        raise RuntimeError("the runner ended without a video")

    def _show(self, progress: Progress) -> None:
        preview = None
        if progress.preview:
            preview = f"preview-{progress.step}.webp"
            (self._folder / preview).write_bytes(progress.preview)
        self._step = progress.step if progress.stage == "drawing" else self._step
        self._report(progress.stage, progress.step, progress.total, preview)
        for old in self._previews()[:-KEPT_PREVIEWS]:
            old.unlink()

    def _report(self, stage: str, step: int, total: int, preview: str | None = None) -> None:
        """Show where the run is; stop here where it is not ours or not wanted any more."""
        if stage != self._stage:
            self._end_stage(stage)
        hold = self._queue.report(
            self._claim,
            stage=stage,
            step=step,
            total=total,
            preview=preview,
            timings=dict(self._timings),
        )
        if hold != "held":
            raise _InterruptedError(hold)
        if self._stopping.is_set():
            raise _InterruptedError("stopping")

    def _end_stage(self, following: str) -> None:
        now = time.monotonic()
        if self._stage:
            self._timings[self._stage] = now - self._stage_began
        self._stage, self._stage_began = following, now

    def _keep(self, finished: Finished, run: Run, image: Asset, path: Asset, model: Model) -> None:
        """Files first: the video's companions and the record, all on the disk; then the row."""
        assert finished.video.parent == self._folder
        shutil.copyfile(
            self._database.folder.asset(path.sha256, path.extension), self._folder / PATH_NAME
        )
        for preview in self._previews():
            preview.unlink()
        outcome = {
            "ended_at": time.time(),
            "timings": finished.timings,
            "record": finished.record | {"threads": self._bench.threads},
            "model_revision": model.revision,
            "stage": "",
        }
        for name, value in outcome.items():
            setattr(run, name, value)
        sync_tree(self._folder)
        write_record(self._folder, run, image, path)
        if not self._queue.finish(self._claim, "done", **outcome):
            raise _InterruptedError("lost")

    def _give_up(self, reason: str) -> None:
        """Leave nothing behind: the folder belongs to this attempt alone."""
        if reason == "cancel":
            where = f" at step {self._step}" if self._step else ""
            sentence = f"Cancelled{where}. Nothing was kept."
            self._queue.finish(self._claim, "cancelled", error=sentence, timings={})
        elif reason == "stopping":
            self._queue.release(self._claim)
        shutil.rmtree(self._folder, ignore_errors=True)  # leftovers go at a later start

    def _fail(self, sentence: str) -> None:
        """Keep the log and nothing else."""
        log = traceback.format_exc().encode()
        shutil.rmtree(self._folder, ignore_errors=True)
        write_whole(self._folder / LOG_NAME, log)
        self._queue.finish(self._claim, "failed", error=sentence)

    def _previews(self) -> list[Path]:
        """Preview files, oldest first."""
        return sorted(
            self._folder.glob("preview-*.webp"), key=lambda path: int(path.stem.split("-")[1])
        )

    @contextmanager
    def _heartbeat(self) -> Iterator[None]:
        """Renew the lease from a thread, since one step may outlast it."""
        ended = threading.Event()
        thread = threading.Thread(target=self._beat, args=(ended,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _beat(self, ended: threading.Event) -> None:
        while not ended.wait(self._queue.lease_s / 3):
            try:
                self._queue.beat(self._claim)
            except Exception:
                logger.exception("a heartbeat was missed")
