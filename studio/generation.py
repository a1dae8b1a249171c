"""Making one claimed run: draw, show each step, then files first and the row last.

A run that is cancelled, fails or loses its claim leaves no video; one that fails leaves a log. The
row says `done` only when every file is whole on the disk, so a kill at any moment leaves either a
finished run or a job to be done again, never half of one.
"""

import logging
import math
import os
import shutil
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sanawm.progress import Finished, Progress
from storage.database import Database
from storage.errors import DatabaseUnavailableError
from storage.files import LOG, sync_tree, write_whole
from storage.queue import Claim, Hold, Queue
from storage.records import write_record
from storage.tables import Asset, Run
from studio.media import LIVE
from studio.mishaps import sentence_of, spoils_the_model
from studio.models import Model
from studio.preferences import Preferences, read_preferences
from studio.repetition import check_of
from studio.shortening import shortened
from studio.workbench import Workbench

PATH_NAME = "c2w.npz"
KEPT_PREVIEWS = 2  # a page may still be fetching the one before the newest
PATIENCE_S = 60.0  # how long a locked database is waited for when a run is to be put down as done
TRY_AGAIN_S = 0.5

logger = logging.getLogger(__name__)


class _InterruptedError(Exception):
    """The run must not go on: it was cancelled, given to another worker, or we are to stop."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def job_spec(
    database: Database, run: Run, image: Asset, model: Model, preferences: Preferences
) -> dict[str, Any]:
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
        "keep_stage1": preferences.keep_stage1,
        "fresh": run.relation == "check",  # a repetition of another run proves nothing from caches
        "cache_limits": preferences.cache_limits(),
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
        self._savings: dict[str, float] = {}
        self._stage, self._stage_began, self._step = "", time.monotonic(), 0
        self._wants_end = threading.Event()  # a person wants what there is after the step in hand

    def make(self) -> None:
        """Make the run and write what became of it; no error gets out, unless we are stopping."""
        with self._heartbeat():
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._draw()
            except _InterruptedError as interruption:
                self._give_up(interruption.reason)
            except Exception as error:
                logger.exception("run %s failed", self._claim.run_id)
                if spoils_the_model(error):
                    self._bench.close()
                self._fail(sentence_of(error))

    def _draw(self) -> None:
        with self._database.read() as session:
            run = session.get_one(Run, self._claim.run_id)
            image = session.get_one(Asset, run.image_sha256)
            path = session.get_one(Asset, run.path_sha256)
            preferences = read_preferences(session)
        model = self._bench.model(run.model)
        if not self._bench.is_open(model):
            self._report("opening", 0, 0)
        runner = self._bench.runner(model)
        spec = job_spec(self._database, run, image, model, preferences)
        with closing(runner.run(spec, self._folder, self._wants_end.is_set)) as events:
            for event in events:
                if isinstance(event, Finished):
                    self._keep(event, run, image, path, model)
                    return
                self._show(event)
        raise RuntimeError("the runner ended without a video")

    def _show(self, progress: Progress) -> None:
        self._step = progress.step if progress.stage == "drawing" else self._step
        self._savings |= progress.savings
        preview = self._keep_preview(progress)
        self._report(progress.stage, progress.step, progress.total, preview)
        for old in self._previews()[:-KEPT_PREVIEWS]:
            old.unlink()

    def _keep_preview(self, progress: Progress) -> str | None:
        """The name of the step's preview; None where it has none, or the disk no room for it."""
        if not progress.preview:
            return None
        preview = self._folder / f"preview-{progress.step}.webp"
        try:
            preview.write_bytes(progress.preview)
        except OSError:
            logger.exception("a preview was not kept")
            return None
        return preview.name

    def _report(self, stage: str, step: int, total: int, preview: str | None = None) -> None:
        """Show where the run is; stop here where it is not ours or not wanted any more."""
        if stage != self._stage:
            self._end_stage(stage)
        hold = self._tell(stage, step, total, preview)
        if hold == "keep":
            self._wants_end.set()
        elif hold != "held":
            raise _InterruptedError(hold)
        if self._stopping.is_set():
            raise _InterruptedError("stopping")

    def _tell(self, stage: str, step: int, total: int, preview: str | None) -> Hold:
        """What the queue says to a report. A locked database misses one, and the run goes on."""
        try:
            return self._queue.report(
                self._claim,
                stage=stage,
                step=step,
                total=total,
                preview=preview,
                timings=dict(self._timings),
                savings=dict(self._savings),
            )
        except DatabaseUnavailableError as error:
            logger.warning("a report was missed: %s", error)
            return "held"

    def _end_stage(self, following: str) -> None:
        now = time.monotonic()
        if self._stage:
            self._timings[self._stage] = now - self._stage_began
        self._stage, self._stage_began = following, now

    def _keep(self, finished: Finished, run: Run, image: Asset, path: Asset, model: Model) -> None:
        """Files first: the video's companions and the record, all on the disk; then the row."""
        assert finished.video.parent == self._folder
        made = finished.record.get("request", {}).get("num_frames", run.num_frames)
        fewer = shortened(self._database, run, made)
        if fewer:
            with self._database.read() as session:
                path = session.get_one(Asset, fewer["path_sha256"])
        shutil.copyfile(
            self._database.folder.asset(path.sha256, path.extension), self._folder / PATH_NAME
        )
        for preview in self._previews():
            preview.unlink()
        (self._folder / LIVE).unlink(missing_ok=True)
        outcome = self._outcome(finished, model) | fewer
        if run.relation == "check":
            outcome["check"] = check_of(self._database, run, finished.video, outcome["record"])
        for name, value in outcome.items():
            setattr(run, name, value)
        sync_tree(self._folder)
        write_record(self._folder, run, image, path)
        if not self._settle("done", patience_s=PATIENCE_S, **outcome):
            raise _InterruptedError("lost")

    def _outcome(self, finished: Finished, model: Model) -> dict[str, Any]:
        """What the row of a finished run says of how it was made."""
        record = finished.record
        return {
            "ended_at": time.time(),
            "timings": finished.timings,
            "savings": {
                kind: use["saved_s"] for kind, use in record.get("caches", {}).items() if use["hit"]
            },
            "stopped_at": record.get("stopped_at"),
            "device": self._bench.device,
            "plan": record.get("plan", ""),
            "record": record | {"threads": self._bench.threads},
            "model_revision": model.revision,
            "stage": "",
        }

    def _give_up(self, reason: str) -> None:
        """Leave nothing behind: the folder belongs to this attempt alone."""
        if reason == "cancel":
            where = f" at step {self._step}" if self._step else ""
            sentence = f"Cancelled{where}. Nothing was kept."
            self._settle("cancelled", error=sentence, timings={})
        elif reason == "stopping":
            self._queue.release(self._claim)
        if reason != "lost" or not self._is_done():
            shutil.rmtree(self._folder, ignore_errors=True)  # leftovers go at a later start

    def _is_done(self) -> bool:
        """Whether a rescan found our files whole and ended the run with them."""
        with self._database.read() as session:
            run = session.get(Run, self._claim.run_id)
        return run is not None and (run.state, run.attempt) == ("done", self._claim.attempt)

    def _fail(self, sentence: str) -> None:
        """Keep the log and nothing else."""
        log = traceback.format_exc().encode()
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            write_whole(self._folder / LOG, log)
        except OSError:
            logger.exception("the log was not kept")
        self._settle("failed", error=sentence)

    def _settle(self, state: str, *, patience_s: float = math.inf, **fields: Any) -> bool:
        """End the run's row; False where it is another's by now.

        A locked database is waited for: what was made must not be lost to somebody's backup.
        """
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return self._queue.finish(self._claim, state, **fields)
            except DatabaseUnavailableError as error:
                if time.monotonic() > deadline or self._stopping.is_set():
                    raise
                logger.warning("the end of the run could not be written yet: %s", error)
                time.sleep(TRY_AGAIN_S)

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
                self._touch_log()
                self._queue.beat(self._claim)
            except Exception:  # none may end the heart
                logger.exception("a heartbeat was missed")

    def _touch_log(self) -> None:
        """A sign of life that needs no database, which another program may keep locked."""
        log = self._database.folder.worker_log(self._claim.worker)
        if log.is_file():
            os.utime(log)
