"""`mirror.json`: of which database the files of `storage.mirror_files` are, and how far true.

    database   an id that this database has among its settings
    rev        the files are true up to this revision of it
    until      nothing in them is newer than this one; said before any file is written

Files that know revisions which the database does not are newer: an older copy of it was put back.
Such a copy gets an id of its own at once (`part`), so that revisions it makes by itself never pass
for theirs. It remembers whose copy it is, and its revision when that was noticed: what it changed
since then is newer than the files. `adopt`, after a rescan, makes them one again.
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.orm import Session

from storage.database import Database
from storage.files import DataFolder, write_whole
from storage.runs import current_rev
from storage.settings import read_setting
from storage.tables import Counter, Setting

SETTING = "mirror"
FILE = "mirror.json"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the files are to the database: its own, newer than it, or another database's."""

    relation: Literal["own", "newer", "other"]
    since: int | None = None  # of newer ones: rows changed after this revision are newer still


@dataclass(frozen=True, slots=True)
class _Marker:
    database: str | None  # None where it cannot be read
    rev: int
    until: int


def standing(database: Database) -> Standing:
    """What the files are to the database. Nothing is changed."""
    marker = _read_marker(database.folder)  # before the rows: what it speaks of is committed
    with database.read() as session:
        setting, now = read_setting(session, SETTING), current_rev(session)
    if marker is None:
        return _without_marker(database.folder, setting, now)
    if not setting:  # it was never mirrored: new, or a copy from before it was
        return Standing("newer", now)
    if marker.database == setting["id"]:
        return Standing("newer", now) if marker.until > now else Standing("own")
    if marker.database is not None and marker.database == setting.get("former"):
        return Standing("newer", setting["parted"])
    return Standing("other")


def is_foreign(database: Database) -> bool:
    """Whether the files are of another database, or of a newer state of this one."""
    return standing(database).relation != "own"


def part(database: Database) -> Standing:
    """What the files are to the database, which gets an id of its own where they are newer."""
    found = standing(database)
    if found.relation == "newer":
        marker = _read_marker(database.folder)
        with database.write() as session:
            setting = read_setting(session, SETTING)
            if "former" not in setting:
                former = setting.get("id") or (marker and marker.database) or ""
                new = {"id": secrets.token_hex(8), "former": former, "parted": found.since}
                _keep(session, new)
    return found


def mirrored_until(database: Database) -> int | None:
    """The revision the files are true up to, 0 of none; None where they are another database's.

    Where there are none yet, they are this database's from now on.
    """
    if part(database).relation != "own":
        return None
    marker = _read_marker(database.folder)
    if marker is None:
        set_mirrored(database, 0)
    return marker.rev if marker else 0


def set_mirrored(database: Database, rev: int) -> None:
    """Say that the files are this database's, and true up to a revision."""
    with database.read() as session:
        name, now = read_setting(session, SETTING).get("id"), current_rev(session)
    if not name:
        name = secrets.token_hex(8)
        with database.write() as session:
            _keep(session, {"id": name})
    _write_marker(database.folder, _Marker(name, rev, now))


def adopt(database: Database) -> None:
    """Make the files this database's, all to be written anew: their content is in it by now.

    It goes on under the id it had before it parted, past the last revision that they knew.
    """
    found, marker = standing(database), _read_marker(database.folder)
    if found.relation == "own":
        return set_mirrored(database, 0)
    with database.read() as session:
        setting, now = read_setting(session, SETTING), current_rev(session)
    name = setting.get("former") or setting.get("id") or secrets.token_hex(8)
    until = max(now, marker.until) if marker and found.relation == "newer" else now
    _write_marker(database.folder, _Marker(name, 0, until))  # killed here, they are foreign still
    with database.write() as session:
        _keep(session, {"id": name})
        session.merge(Counter(name="rev", value=max(until, current_rev(session))))
    return None


def _keep(session: Session, value: dict[str, Any]) -> None:
    session.merge(Setting(key=SETTING, value=value))  # no page shows it, so it is no new revision


def _without_marker(folder: DataFolder, setting: dict[str, Any], now: int) -> Standing:
    """As after a backup was restored: its notebooks may have been read after its database was."""
    if not setting:
        return Standing("newer", now) if any(folder.notebooks.glob("*.json")) else Standing("own")
    if "former" in setting:
        return Standing("newer", setting["parted"])
    newest = max(map(_rev_in, folder.notebooks.glob("*.json")), default=0)
    return Standing("newer", now) if newest > now else Standing("own")


def _rev_in(notebook: Path) -> int:
    try:
        rev = json.loads(notebook.read_text("utf-8"))["rev"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0
    return rev if isinstance(rev, int) else 0


def _write_marker(folder: DataFolder, marker: _Marker) -> None:
    text = {"database": marker.database, "rev": marker.rev, "until": marker.until}
    write_whole(folder.root / FILE, json.dumps(text).encode())


def _read_marker(folder: DataFolder) -> _Marker | None:
    """None where there is none; one of no database where it cannot be read."""
    try:
        marker = json.loads((folder.root / FILE).read_text("utf-8"))
        rev = int(marker["rev"])
        return _Marker(str(marker["database"]), rev, max(rev, int(marker.get("until", rev))))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _Marker(None, 0, 0)
