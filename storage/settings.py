"""Values kept for the whole notebook. Writing one counts as a change, so that pages see it."""

from typing import Any

from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from storage.runs import next_value
from storage.tables import Setting


def read_setting(session: Session, key: str) -> dict[str, Any]:
    """The value, empty where it was never written."""
    setting = session.get(Setting, key, populate_existing=True)
    return setting.value if setting else {}


def write_setting(session: Session, key: str, value: dict[str, Any]) -> None:
    """Replace the value."""
    statement = insert(Setting).values(key=key, value=value)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[Setting.key], set_={"value": statement.excluded.value}
        )
    )
    next_value(session, "rev")
