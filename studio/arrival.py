"""How what is in a bundle is called here: ids, numbers, parents, and the places of its files.

An `Arrival` is planned before any file is put in place, so that records are written once, in their
last form, and the rows are exactly what a rescan of the folder would make of them.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session
from ulid import ULID

from sanawm.errors import InvalidRequestError
from storage.files import DataFolder, half_brought_in, is_whole, write_whole
from storage.records import NAME, write_record
from storage.runs import next_value
from storage.tables import Asset, Run
from studio.bundle_contents import BundledRun, read_files
from studio.bundle_format import POSES
from studio.pictures import small_version
from studio.run_views import thumb_name

READY = "ready"  # a folder of the staged bundle: run folders in their last form
FIRST = 1  # the attempt whose folder a run that was brought in has
RESCAN = "Some of these runs lie in the folder without a row. Run: python -m studio rescan"
ROUND = "A run here comes from one of these, and that one from it. Nothing was changed."


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRun:
    """What a run of a bundle is called here."""

    id: str
    number: int
    parent_id: str | None
    root_id: str
    parent_number: int | None  # None where the parent is not here


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """What is new, by ids in the bundle; `ids` has those of runs that were here, too."""

    new: dict[str, NewRun]
    ids: dict[str, str]


def plan(session: Session, runs: Sequence[BundledRun], known: dict[str, str]) -> Arrival:
    """Draw ids and numbers; the oldest run gets the lowest number. Parents come first."""
    fresh = [run for run in _parents_first(runs) if run.id not in known]
    ids = known | {run.id: _free_id(session, run.id) for run in fresh}
    numbers = {run.id: next_value(session, "number") for run in fresh}
    arrival = Arrival(new={}, ids=ids)
    for run in fresh:
        arrival.new[run.id] = _named(session, run, numbers[run.id], arrival)
    return arrival


def _named(session: Session, run: BundledRun, number: int, arrival: Arrival) -> NewRun:
    own_id = arrival.ids[run.id]
    if run.parent_id is None:
        return NewRun(id=own_id, number=number, parent_id=None, root_id=own_id, parent_number=None)
    parent_id = arrival.ids.get(run.parent_id, run.parent_id)
    if run.parent_id in arrival.new:
        parent = arrival.new[run.parent_id]
        root, parent_number = parent.root_id, parent.number
    elif (row := session.get(Run, parent_id)) is not None:
        _check_no_round(session, row, set(arrival.ids.values()))
        root, parent_number = row.root_id, row.number
    else:
        root, parent_number = arrival.ids.get(run.root_id, run.root_id) or own_id, None
    return NewRun(
        id=own_id, number=number, parent_id=parent_id, root_id=root, parent_number=parent_number
    )


def _check_no_round(session: Session, row: Run, new_ids: set[str]) -> None:
    """A run that is here may name as its parent one that is not; that one must not come from it."""
    seen: set[str] = set()
    one: Run | None = row
    while one is not None and one.parent_id and one.id not in seen:
        seen.add(one.id)
        parent = session.get(Run, one.parent_id)
        if parent is None and one.parent_id in new_ids:
            raise InvalidRequestError(ROUND)
        one = parent


def _free_id(session: Session, wanted: str) -> str:
    return wanted if session.get(Run, wanted) is None else str(ULID())


def check_rescanned(session: Session, folder: DataFolder, runs: Sequence[BundledRun]) -> None:
    """Refuse what lies here whole and without a row, as after the database was lost: a rescan
    makes these very runs, and bringing them in would make them twice.
    """
    arriving = half_brought_in(folder)
    for run in runs:
        if run.id in arriving or session.get(Run, run.id) is not None:
            continue
        if any(map(is_whole, (folder.runs / run.id).glob("a*"))):
            raise InvalidRequestError(RESCAN)


def _parents_first(runs: Sequence[BundledRun]) -> list[BundledRun]:
    """By age, and each after the run it comes from, which `check_family` has made possible."""
    waiting = {run.id: run for run in sorted(runs, key=lambda run: (run.same[0], run.id))}
    ordered: list[BundledRun] = []
    while waiting:
        ready = [run for run in waiting.values() if run.parent_id not in waiting]
        ordered += ready
        for run in ready:
            del waiting[run.id]
    return ordered


def make_ready(folder: Path, run_id: str, arrival: Arrival) -> dict[str, Any]:
    """Put the files of a new run into the form they have here, with nothing in place yet; gives
    the columns that its marks fill.
    """
    run, image, path = read_files(folder, run_id)
    new = arrival.new[run_id]
    place = folder / READY / "runs" / new.id / f"a{FIRST}"
    place.parent.mkdir(parents=True)
    (folder / "runs" / run_id).rename(place)
    _rename_in(run, new, arrival)
    write_record(place, run, image, path)
    assets = folder / READY / "assets"
    assets.mkdir(exist_ok=True)
    shutil.copyfile(place / POSES, assets / f"{path.sha256}.npz")
    _keep_picture(folder, image)
    return {"rating": run.rating or 0, "note": run.note or "", "tags": run.tags or []}


def _keep_picture(folder: Path, image: Asset) -> None:
    name = f"assets/{image.sha256}.{image.extension}"
    goal = folder / READY / name
    if goal.exists():  # several runs begin with it
        return
    (folder / name).rename(goal)
    write_whole(folder / READY / thumb_name(image.sha256), small_version(goal))


def _rename_in(run: Run, new: NewRun, arrival: Arrival) -> None:
    """Let a row say what it and its relatives are called here."""
    if new.id != run.id:
        run.record = {"origin": run.id} | run.record
    run.id, run.number, run.attempt = new.id, new.number, FIRST
    run.parent_id, run.root_id = new.parent_id, new.root_id
    run.relation = run.relation or ("remix" if new.parent_id else "")
    run.path_source = with_known_start(run.path_source, arrival.ids)
    if run.check and new.parent_number is not None:
        run.check = run.check | {"of": new.parent_number}


def with_known_start(source: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """A path's source that goes on from a run as that one is called here."""
    start = source.get("start")
    if not isinstance(start, dict) or start.get("run") not in ids:
        return source
    return source | {"start": start | {"run": ids[start["run"]]}}


def record_of(root: Path, new: NewRun) -> Path:
    """Where the record of a run lies once it is in its place."""
    return root / "runs" / new.id / f"a{FIRST}" / NAME
