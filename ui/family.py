"""The family of a run as a drawing: generations from left to right, each run a picture.

Pure functions. The layout is a layered tree: a leaf takes the next row, a parent stands level with
the middle of its children, children keep their order. Units are pixels of the drawing; a place is
the upper left corner of a picture, below which stands the run's number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studio.views import Change, RunView

PICTURE = (104, 62)  # width and height
COLUMN = 240  # from one generation to the next: room for the words on the line between them
ROW = 98
NUMBER = 22  # below a picture
LINE_CHARS = 16  # that fit on a line
ROUND = 8  # radius of a line's corners


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run stands."""

    x: float
    y: float


def layout(parents: Mapping[str, str | None]) -> dict[str, Place]:
    """A place for every run; `parents` is in the order of siblings.

    A run whose parent is not there begins a tree of its own, below those before it. Nothing here
    recurses: a family may be a thousand generations deep.
    """
    children: dict[str, list[str]] = {run: [] for run in parents}
    roots: list[str] = []
    for run, parent in parents.items():
        children.get(parent or "", roots).append(run)
    order, depth = _walk(roots, children)
    rows: dict[str, float] = {}
    free = sum(not children[run] for run in order)
    for run in reversed(order):  # every child before its parent
        below = children[run]
        if below:
            rows[run] = (rows[below[0]] + rows[below[-1]]) / 2
        else:
            free -= 1
            rows[run] = free
    return {run: Place(depth[run] * COLUMN, rows[run] * ROW) for run in order}


def _walk(
    roots: Sequence[str], children: Mapping[str, Sequence[str]]
) -> tuple[list[str], dict[str, int]]:
    """The runs from top to bottom, parents first, and the generation of each."""
    order, depth, ahead = [], dict.fromkeys(roots, 0), list(reversed(roots))
    while ahead:
        run = ahead.pop()
        order.append(run)
        for child in children[run]:
            depth[child] = depth[run] + 1
        ahead.extend(reversed(children[run]))
    return order, depth


def family_tree(runs: Sequence[RunView]) -> dict[str, Any]:
    """Everything the drawing shows; `ui/static/family.js` makes it an SVG."""
    places = layout({run.id: run.parent_id for run in runs})
    width, height = PICTURE
    return {
        "nodes": [_node(run, places) for run in runs],
        "edges": [_edge(run, places) for run in runs if run.parent_id in places],
        "picture": PICTURE,
        "width": max((place.x for place in places.values()), default=0) + width,
        "height": max((place.y for place in places.values()), default=0) + height + NUMBER,
    }


def _node(run: RunView, places: Mapping[str, Place]) -> dict[str, Any]:
    return {
        "id": run.id,
        "number": run.number,
        "state": run.state,
        "deleted": run.deleted,
        "prompt": run.prompt,
        "picture": run.thumb or run.first_frame,
        "parent": run.parent_id if run.parent_id in places else None,
        "x": places[run.id].x,
        "y": places[run.id].y,
    }


def _edge(run: RunView, places: Mapping[str, Place]) -> dict[str, Any]:
    """The line from the parent, and what was changed on the way."""
    width, height = PICTURE
    start, end = places[run.parent_id or ""], places[run.id]
    words = edge_words(run)
    level = end.y + height / 2
    return {
        "d": _line(start.x + width + 6, start.y + height / 2, end.x - 6, level),
        "words": words,
        "short": words if len(words) <= LINE_CHARS else f"{words[: LINE_CHARS - 1].rstrip(', ')}…",
        "x": end.x - 10,
        "y": level - 6,
    }


def _line(x: float, y: float, right: float, level: float) -> str:
    """Straight where the run stands level with its parent, else around two corners."""
    if abs(level - y) < 1:
        return f"M{x:g} {y:g}H{right:g}"
    bend, corner = x + 14, min(ROUND, abs(level - y) / 2)
    down = corner if level > y else -corner
    return (
        f"M{x:g} {y:g}H{bend - corner:g}q{corner:g} 0 {corner:g} {down:g}"
        f"V{level - down:g}q0 {down:g} {corner:g} {down:g}H{right:g}"
    )


def edge_words(run: RunView) -> str:
    """What a run changed of its parent, as short as it can be said."""
    if run.relation == "extend":
        return "goes on" if run.start_frame is None else f"from frame {run.start_frame + 1}"
    if run.relation == "check":
        return "reproduced"
    return ", ".join(_short(change) for change in run.changes) or "the same again"


def _short(change: Change) -> str:
    if change.field in ("prompt", "negative prompt", "first frame"):
        return change.field
    if change.field == "path":
        return change.after[:1].lower() + change.after[1:]
    if change.field == "model":
        return change.after
    both = f"{change.field} {change.before}→{change.after}"
    return both if len(both) <= LINE_CHARS else f"{change.field} {change.after}"
