"""What the owner of a notebook chose: kept in the database, so that every program on it agrees."""

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from sqlalchemy.orm import Session

from sanawm.errors import InvalidRequestError
from storage.settings import read_setting, write_setting

KEY = "preferences"
CACHE_KINDS = ("text", "latents", "features", "stage1")
DEFAULT_LIMIT_MB = 1024
LEAST_LIMIT_MB, MOST_LIMIT_MB = 0, 1_000_000

Policy = Literal["pause", "continue"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Preferences:
    """Every choice, with its default."""

    after_unclean_stop: Policy = "pause"  # what a queue with waiting runs does then
    keep_stage1: bool = False  # keep the latents a run ends with, so that it is never drawn twice
    cache_limit_mb: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(CACHE_KINDS, DEFAULT_LIMIT_MB)
    )

    def cache_limits(self) -> dict[str, int]:
        """Bytes each cache may hold."""
        return {kind: size << 20 for kind, size in self.cache_limit_mb.items()}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


def read_preferences(session: Session, default_policy: Policy = "pause") -> Preferences:
    """What was chosen; a value that this program does not know counts as not chosen."""
    chosen = Preferences(after_unclean_stop=default_policy)
    for name, value in read_setting(session, KEY).items():
        try:
            chosen = changed(chosen, {name: value})
        except InvalidRequestError:
            continue
    return chosen


def write_preferences(session: Session, values: dict[str, Any]) -> None:
    """Keep choices that were checked, beside those made before; what was not chosen stays open."""
    kept = read_setting(session, KEY)
    if "cache_limit_mb" in values and isinstance(kept.get("cache_limit_mb"), dict):
        values = values | {"cache_limit_mb": kept["cache_limit_mb"] | values["cache_limit_mb"]}
    write_setting(session, KEY, kept | values)


def changed(preferences: Preferences, values: dict[str, Any]) -> Preferences:
    """The preferences with other values, each of them checked."""
    unknown = values.keys() - {one.name for one in fields(Preferences)}
    if unknown:
        raise InvalidRequestError(f"There is no setting named {min(unknown)}.")
    if values.get("after_unclean_stop", "pause") not in ("pause", "continue"):
        raise InvalidRequestError("After an unclean stop the queue can pause or continue.")
    if not isinstance(values.get("keep_stage1", False), bool):
        raise InvalidRequestError("Keeping the drawn latents is either on or off.")
    if "cache_limit_mb" in values:
        limits = preferences.cache_limit_mb | _checked_limits(values["cache_limit_mb"])
        values = values | {"cache_limit_mb": limits}
    return replace(preferences, **values)


def _checked_limits(limits: Any) -> dict[str, int]:
    if not isinstance(limits, dict) or not limits.keys() <= set(CACHE_KINDS):
        raise InvalidRequestError(f"The caches are {', '.join(CACHE_KINDS)}.")
    for size in limits.values():
        whole = isinstance(size, int) and not isinstance(size, bool)
        if not (whole and LEAST_LIMIT_MB <= size <= MOST_LIMIT_MB):
            raise InvalidRequestError("A cache's size is a whole number of megabytes, 0 or more.")
    return dict(limits)
