"""Marks and notebooks as JSON, schemas wanderbook.marks/1 and wanderbook.notebook/1.

Both lie in the data folder and in bundles; what says who somebody is stays in the data folder.
Cells are in the order of their positions. Records may come from another computer: reading one
checks every field it takes over, and ValueError says which one is wrong.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

from storage.tables import Cell, Notebook, Run

MARKS_SCHEMA = "wanderbook.marks/1"
NOTEBOOK_SCHEMA = "wanderbook.notebook/1"
KINDS = ("run", "text", "compare", "sweep")
Kind = type | tuple[type, ...]
TIME = (float, type(None))
MARKS: dict[str, Kind] = {"rating": int, "note": str, "tags": list, "deleted_at": TIME}
BOOK: dict[str, Kind] = {
    "id": str,
    "title": str,
    "description": str,
    "newest_first": bool,
    "created_at": float,
    "deleted_at": TIME,
}
CELL: dict[str, Kind] = {
    "id": str,
    "kind": str,
    "run": (str, type(None)),
    "content": dict,
    "collapsed": bool,
    "deleted_at": TIME,
    "created_at": float,
}
SWEPT: dict[str, type] = {"seeds": int, "paths": dict, "prompts": str}
MOST_STARS = 5


def marks_of(run: Run, *, with_visitor: bool) -> dict[str, Any]:
    """What people said about a run."""
    marks = {"schema": MARKS_SCHEMA} | {name: getattr(run, name) for name in MARKS}
    return marks | ({"visitor": run.visitor} if with_visitor else {})


def marks_text(run: Run) -> bytes:
    """The marks as they lie in the data folder."""
    return json.dumps(marks_of(run, with_visitor=True), indent=1, ensure_ascii=False).encode()


def notebook_of(notebook: Notebook, cells: Sequence[Cell], *, with_visitor: bool) -> dict[str, Any]:
    """A notebook with these cells, which are in the order of their positions."""
    record = {"schema": NOTEBOOK_SCHEMA} | {name: getattr(notebook, name) for name in BOOK}
    record |= {"visitor": notebook.visitor} if with_visitor else {}
    return record | {"cells": [_cell_of(cell, with_visitor=with_visitor) for cell in cells]}


def read_marks(value: Any) -> dict[str, Any]:
    """The columns of a run that marks fill; "" as the visitor where they name none."""
    _check_schema(value, MARKS_SCHEMA)
    marks = _checked(value, MARKS, "marks")
    if not 0 <= marks["rating"] <= MOST_STARS:
        raise ValueError("marks has no good 'rating'")
    if not all(isinstance(tag, str) for tag in marks["tags"]):
        raise ValueError("marks has no good 'tags'")
    return marks | {"visitor": _visitor_in(value)}


def read_notebook(value: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The columns of a notebook, and those of its cells but for their place; each cell's `run` is
    under "run_id".
    """
    notebook, cells, problems = read_notebook_in_parts(value)
    if problems:
        raise ValueError(problems[0])
    return notebook, cells


def read_notebook_in_parts(
    value: Any,
) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
    """The same, with every cell that can be read, and what is wrong with the others."""
    _check_schema(value, NOTEBOOK_SCHEMA)
    cells = value.get("cells")
    if not isinstance(cells, list):
        raise ValueError("the notebook has no good 'cells'")
    notebook = _checked(value, BOOK, "the notebook") | {"visitor": _visitor_in(value)}
    read: dict[str, dict[str, Any]] = {}
    problems = []
    for place, one in enumerate(cells, start=1):
        try:
            cell = _read_cell(one, f"cell {place}")
        except ValueError as error:
            problems.append(str(error))
            continue
        if cell["id"] in read:
            problems.append(f"two cells have the same 'id': cell {place} is the second")
        else:
            read[cell["id"]] = cell
    return notebook, list(read.values()), problems


def _cell_of(cell: Cell, *, with_visitor: bool) -> dict[str, Any]:
    record = {name: getattr(cell, name) for name in CELL if name != "run"} | {"run": cell.run_id}
    return record | ({"visitor": cell.visitor} if with_visitor else {})


def _read_cell(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is none")
    cell = _checked(value, CELL, where)
    if cell["kind"] not in KINDS or (cell["kind"] == "run") != (cell["run"] is not None):
        raise ValueError(f"{where} has no good 'kind'")
    cell["content"] = _content(cell["kind"], cell["content"], where)
    return cell | {"run_id": cell.pop("run"), "visitor": _visitor_in(value)}


def _content(kind: str, content: dict[str, Any], where: str) -> dict[str, Any]:
    """What a cell shows, as far as its kind has any."""
    if kind == "text" and isinstance(content.get("text"), str):
        return {"text": content["text"]}
    runs = content.get("runs")
    if kind == "run":
        return {}
    if kind == "compare" and _are(str, runs):
        return {"runs": runs}
    if kind == "sweep" and _are(str, runs) and _is_sweep(content, len(runs or ())):
        return {name: content[name] for name in ("runs", *SWEPT)}
    raise ValueError(f"{where} has no good 'content'")


def _is_sweep(content: dict[str, Any], runs: int) -> bool:
    """Whether every seed goes with every path and every prompt, a run each."""
    good = all(_are(kind, content.get(name)) for name, kind in SWEPT.items())
    return good and math.prod(len(content[name]) for name in SWEPT) == runs


def _are(kind: type, values: Any) -> bool:
    """Whether this is a list of one kind of thing, and not empty."""
    return isinstance(values, list) and bool(values) and all(type(one) is kind for one in values)


def _check_schema(value: Any, schema: str) -> None:
    if not isinstance(value, dict) or value.get("schema") != schema:
        raise ValueError(f"this is not a {schema} record")


def _visitor_in(value: dict[str, Any]) -> str:
    visitor = value.get("visitor", "")
    return visitor if isinstance(visitor, str) else ""


def _checked(value: dict[str, Any], wanted: dict[str, Kind], where: str) -> dict[str, Any]:
    found = {}
    for name, kind in wanted.items():
        one = value.get(name)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if float in kinds and isinstance(one, int) and not isinstance(one, bool):
            one = float(one)
        is_number = isinstance(one, float) and not math.isfinite(one)
        if type(one) not in kinds or is_number:
            raise ValueError(f"{where} has no good {name!r}")
        found[name] = one
    return found
