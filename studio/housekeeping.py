"""The owner's side of the notebook: what takes room, what may go, which models there are.

Everything here is the owner's business alone: each method asks who is calling. Sizes are bytes,
durations seconds.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sanawm.errors import InvalidRequestError
from sanawm.model_list import ListedModel
from storage.database import Database
from storage.disk_use import CACHES, Use, disk_use, measure, walk
from storage.disposal import disposable, dispose
from storage.figures import Hits, cache_hits, prompts, runs_by_state
from storage.migrate import HEAD
from studio.diagnostics import in_home, secret_values, tail, versions, without, write_report
from studio.models import ModelShelf
from studio.preferences import Preferences
from studio.settings import Settings
from studio.views import StatusView
from studio.workbench import worker_state

NOT_OWNER = "These are the settings of the notebook's owner."
CLEANED = (*CACHES, "chains", "pictures", "backups", "logs", "trash", "temporary")


@dataclass(frozen=True, kw_only=True, slots=True)
class RoomView:
    """What one kind of file takes, and what of it may go; None where none ever may."""

    kind: str
    use: Use
    may_go: Use | None


@dataclass(frozen=True, kw_only=True, slots=True)
class HouseView:
    """Everything the settings page shows."""

    folder: str
    free: int  # on the disk of the data folder
    rooms: list[RoomView]
    hits: dict[str, Hits]
    models: list[ListedModel]
    revisions: dict[str, str]  # by name, of the models that are on this computer
    device: str  # empty until the worker has opened a model
    threads: int
    preferences: Preferences


class Housekeeping:
    """Measures, cleans and reports; `temporary` is where files pass through on their way in."""

    def __init__(
        self,
        database: Database,
        shelf: ModelShelf,
        settings: Settings,
        *,
        is_owner: Callable[[str], bool],
        preferences: Callable[[], Preferences],
        status: Callable[[], StatusView],
        threads: int,
    ) -> None:
        self._database = database
        self._shelf = shelf
        self._settings = settings
        self._is_owner = is_owner
        self._preferences = preferences
        self._status = status
        self._threads = threads

    def view(self, visitor: str, temporary: Path) -> HouseView:
        """The whole page."""
        self._check_owner(visitor)
        with self._database.read() as session:
            hits = cache_hits(session)
        return HouseView(
            folder=in_home(str(self._database.folder.root)),
            free=shutil.disk_usage(self._database.folder.root).free,
            rooms=self._rooms(temporary),
            hits=hits,
            models=self._shelf.listed(),
            revisions={model.card.name: model.revision for model in self._shelf.all()},
            device=worker_state(self._database).get("device", ""),
            threads=self._threads,
            preferences=self._preferences(),
        )

    def clean(self, kind: str, visitor: str, temporary: Path) -> Use:
        """Delete what may go of a kind; what went."""
        self._check_owner(visitor)
        if kind not in CLEANED or (kind == "temporary" and not self._is_ours(temporary)):
            raise InvalidRequestError("Nothing of this kind can be cleaned up here.")
        return dispose(self._database, kind, temporary)

    def diagnose(self, visitor: str) -> str:
        """A text for a bug report, without anything that is nobody's business."""
        self._check_owner(visitor)
        with self._database.read() as session:
            counted, written = runs_by_state(session), prompts(session)
        logs = sorted(self._database.folder.logs.glob("worker-*.log"))
        secrets = secret_values() | {self._settings.owner_key}
        log = tail(logs[-1] if logs else None, written | secrets)
        facts = [*versions(), *self._facts(), ("Runs", _listed(counted))]
        return in_home(without(write_report(facts, log), secrets))

    def _facts(self) -> list[tuple[str, str]]:
        status, chosen = self._status(), self._preferences()
        used = {kind: use.size for kind, use in disk_use(self._database.folder).items()}
        models = [f"{model.card.name} {model.revision}" for model in self._shelf.all()]
        pause = f"paused ({status.pause_reason})" if status.paused else "not paused"
        return [
            ("Device", worker_state(self._database).get("device") or "not known yet"),
            ("Threads", str(self._threads)),
            ("Worker", f"{status.model} {status.sentence}".strip()),
            ("Queue", f"{status.running} running, {status.queued} waiting, {pause}"),
            ("Models", ", ".join(models)),
            ("Data folder", str(self._database.folder.root)),
            ("Schema", HEAD),
            ("Bytes by kind", _listed(used)),
            ("Settings", _listed(chosen.to_dict())),
        ]

    def _rooms(self, temporary: Path) -> list[RoomView]:
        used = disk_use(self._database.folder) | {"temporary": measure(walk(temporary))}
        may_go = {kind: self._may_go(kind, temporary) for kind in used}
        # What lies in the trash does so where it was made; it is counted there no more.
        thrown_away = may_go["trash"] or Use()
        moved = Use(
            files=thrown_away.files - used["trash"].files,
            size=thrown_away.size - used["trash"].size,
        )
        videos = used["videos"]
        used["videos"] = Use(files=videos.files - moved.files, size=videos.size - moved.size)
        used["trash"] = thrown_away
        return [RoomView(kind=kind, use=use, may_go=may_go[kind]) for kind, use in used.items()]

    def _may_go(self, kind: str, temporary: Path) -> Use | None:
        if kind not in CLEANED or (kind == "temporary" and not self._is_ours(temporary)):
            return None
        return measure(disposable(self._database, kind, time.time(), temporary))

    def _is_ours(self, temporary: Path) -> bool:
        """Elsewhere it may be shared with other programs."""
        return temporary.resolve().is_relative_to(self._database.folder.root.resolve())

    def _check_owner(self, visitor: str) -> None:
        if not self._is_owner(visitor):
            raise InvalidRequestError(NOT_OWNER)


def _listed(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "none"
