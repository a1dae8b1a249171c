"""The language of the search box: words and phrases, and fields such as `seed:42 rating:>=4`.

    words            each must be in the prompt, the note or the tags; the last may be unfinished
    "a phrase"       these words in a row
    seed:42  run:14  model:tiny  path:orbit  tag:cave  state:failed  notebook:"Slow turns"
    rating:>=4       also 4, <=2, none            len:>20  seconds
    parent:none      also parent:14, the number   relation:extend
    has:note         also tags, rating, children  before:2026-11-01  after:2026-10-01
    is:trash         what lies in the trash, which is left out otherwise

Days are the reader's own. A field that means nothing gets a sentence.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func

from sanawm.errors import InvalidRequestError
from storage import search as rows
from storage.tables import Run

LONGEST = 500
TERM = re.compile(r'(?:([A-Za-z]+):)?(?:"([^"]*)"?|([^\s"]\S*|(?<=:)))')
COMPARED = re.compile(r"(>=|<=|>|<|=)?(\d{1,9}(?:\.\d{1,3})?)")
STATES = ("queued", "running", "done", "failed", "cancelled")
DAYS = ("before", "after")
RELATIONS = ("remix", "reseed", "repath", "extend", "check")
EXAMPLES = (
    "Fields are seed, run, model, path, rating, len, state, parent, tag, notebook, has, before."
)

Condition = ColumnElement[bool]


def parse(text: str, utc_offset_min: int = 0) -> rows.Filter:
    """What a person typed as a filter; InvalidRequestError for a field that means nothing."""
    if len(text) > LONGEST:
        raise InvalidRequestError(f"Search for at most {LONGEST} characters.", field="search")
    words, conditions, in_trash = [], [], False
    for match in TERM.finditer(text.replace("\0", " ")):
        name, phrase, word = match.groups()
        value = phrase if word is None else word
        if name and _is_field(name, value):
            if (name.lower(), value.lower()) == ("is", "trash"):
                in_trash = True
            else:
                conditions.append(_condition(name.lower(), value.strip(), utc_offset_min))
        else:
            words += [match[0].replace('"', "")] if rows.is_searchable(match[0]) else []
    return rows.Filter(words=tuple(words), conditions=tuple(conditions), in_trash=in_trash)


def _is_field(name: str, value: str) -> bool:
    """Whether a word before a colon is meant as a field; sentences have colons, too."""
    if name.lower() in {*FIELDS, *DAYS, "is"}:
        return True
    if not value:
        return False
    raise InvalidRequestError(f'"{name[:20]}:" is not a field. {EXAMPLES}', field="search")


def _condition(name: str, value: str, utc_offset_min: int) -> Condition:
    if not value:
        raise InvalidRequestError(f"Write after {name}: what to look for.", field="search")
    if name == "is":
        raise InvalidRequestError("is: takes trash alone, as in is:trash.", field="search")
    if name in DAYS:
        return _day(name, value, utc_offset_min)
    return FIELDS[name](value)


def _compared(column: Any, name: str, value: str) -> Condition:
    """`>=4`, `<2`, `4`."""
    match = COMPARED.fullmatch(value)
    if match is None:
        raise InvalidRequestError(
            f"{name}: takes a number, as in {name}:4 or {name}:>=4.", field="search"
        )
    sign, number = match[1] or "=", float(match[2])
    compare: dict[str, Condition] = {
        "=": column == number,
        ">": column > number,
        ">=": column >= number,
        "<": column < number,
        "<=": column <= number,
    }
    return compare[sign]


def _whole(column: Any, name: str, value: str) -> Condition:
    if not (value.isascii() and value.isdigit() and len(value) < 16):
        raise InvalidRequestError(f"{name}: takes a whole number.", field="search")
    condition: Condition = column == int(value)
    return condition


def _one_of(column: Any, name: str, value: str, known: tuple[str, ...]) -> Condition:
    if value.lower() not in known:
        raise InvalidRequestError(f"{name}: is one of {', '.join(known)}.", field="search")
    condition: Condition = column == value.lower()
    return condition


def _rating(value: str) -> Condition:
    if value.lower() == "none":
        return Run.rating == 0
    return _compared(Run.rating, "rating", value)


def _parent(value: str) -> Condition:
    if value.lower() == "none":
        return Run.parent_id.is_(None)
    _whole(Run.number, "parent", value)
    return rows.child_of(int(value))


def _has(value: str) -> Condition:
    known: dict[str, Condition] = {
        "note": Run.note != "",
        "tags": func.json_array_length(Run.tags) > 0,
        "rating": Run.rating > 0,
        "children": rows.has_children(),
    }
    if value.lower() not in known:
        raise InvalidRequestError(f"has: is one of {', '.join(known)}.", field="search")
    return known[value.lower()]


def _day(name: str, value: str, utc_offset_min: int) -> Condition:
    """From midnight on, where the reader is."""
    try:
        day = datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
        midnight = (day - timedelta(minutes=utc_offset_min)).timestamp()
    except (ValueError, OverflowError) as error:
        raise InvalidRequestError(
            f"{name}: takes a day, as in {name}:2026-11-22.", field="search"
        ) from error
    return Run.created_at < midnight if name == "before" else Run.created_at >= midnight


def _model(value: str) -> Condition:
    return Run.model.icontains(value, autoescape=True)


FIELDS: dict[str, Callable[[str], Condition]] = {
    "seed": lambda value: _whole(Run.seed, "seed", value),
    "run": lambda value: _whole(Run.number, "run", value),
    "model": _model,
    "path": rows.path_like,
    "rating": _rating,
    "len": lambda value: _compared(rows.seconds(), "len", value),
    "state": lambda value: _one_of(Run.state, "state", value, STATES),
    "status": lambda value: _one_of(Run.state, "status", value, STATES),
    "relation": lambda value: _one_of(Run.relation, "relation", value, RELATIONS),
    "parent": _parent,
    "tag": rows.has_tag,
    "notebook": rows.in_notebook,
    "has": _has,
}
