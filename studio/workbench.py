"""The model a worker has open, and the sentence that tells the pages about it."""

import gc
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from sanawm.errors import SanaWMError
from storage.database import Database
from storage.settings import read_setting, write_setting
from studio.models import Model, ModelShelf
from studio.runner import OpenRunner, Runner
from studio.settings import Settings

WORKER = "worker"  # key of the setting that holds the worker's state
BROKEN = "The model could not be opened. The log under logs in the data folder says why."

logger = logging.getLogger(__name__)


def report_worker(
    database: Database,
    worker: str,
    state: str,
    sentence: str = "",
    runs_on: Mapping[str, Any] | None = None,
) -> None:
    """Tell every page what the worker is doing: opening, ready, missing or stopped.

    `runs_on` is the device and what is known of it, which holds until the worker knows better.
    """
    with database.write() as session:
        value = {"worker": worker, "state": state, "sentence": sentence}
        before = read_worker(session)
        known = runs_on or {key: before[key] for key in ("device", "machine") if key in before}
        write_setting(session, WORKER, {"device": "", **value, **known})


def read_worker(session: Session) -> dict[str, Any]:
    """What the newest worker said: worker, state, sentence, device, machine; at first nothing."""
    return read_setting(session, WORKER)


def worker_state(database: Database) -> dict[str, Any]:
    """What the newest worker said, in a reading of its own."""
    with database.read() as session:
        return read_worker(session)


class Workbench:
    """Keeps one model open: the one used last."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        open_runner: OpenRunner,
        worker: str,
        threads: int,
    ) -> None:
        self.threads = threads
        self._database = database
        self._shelf = ModelShelf(settings)
        self._cache_folder = settings.data_folder / "cache"
        self._open_runner = open_runner
        self._worker = worker
        self._open: tuple[Path, str] | None = None  # folder and revision
        self._runner: Runner | None = None

    def prepare(self) -> None:
        """Open the default model before anybody asks, so that the first run starts at once."""
        try:
            self.runner(self._shelf.default())
        except SanaWMError as error:
            logger.error("%s", error)
            self._report("missing", str(error))  # also where not even a card could be read
        except Exception:
            logger.exception("the model could not be opened")
            self._report("missing", BROKEN)

    def model(self, name: str) -> Model:
        """The model a run asks for."""
        return self._shelf.find(name)

    def is_open(self, model: Model) -> bool:
        """Whether a run of this model can start at once."""
        return self._runner is not None and self._open == _identity(model)

    @property
    def device(self) -> str:
        """What the open model runs on."""
        return self._runner.device if self._runner else ""

    def runner(self, model: Model) -> Runner:
        """The runner of a model, opened where another one, other files of it or none is open."""
        if self._runner is None or not self.is_open(model):
            self.close()
            self._report("opening")
            identity = _identity(model)  # before reading: files that change meanwhile are read anew
            self._runner = self._opened(model)
            self._open = identity
            runs_on = {"device": self.device, "machine": dict(self._runner.machine)}
            report_worker(self._database, self._worker, "ready", runs_on=runs_on)
        return self._runner

    def _opened(self, model: Model) -> Runner:
        try:
            return self._open_runner(
                model.folder, cache_folder=self._cache_folder, threads=self.threads
            )
        except SanaWMError as error:
            self._report("missing", str(error))
            raise
        except Exception:
            self._report("missing", BROKEN)
            raise

    def close(self) -> None:
        """Let go of the model and its memory."""
        self._runner, self._open = None, None
        gc.collect()

    def _report(self, state: str, sentence: str = "") -> None:
        report_worker(self._database, self._worker, state, sentence)


def _identity(model: Model) -> tuple[Path, str]:
    """A person may change a model's files, or the weight of a LoRA on its card, at any time."""
    return model.folder, model.revision
