"""What the routes of a comparison answer: two to four runs, what differs, and which one holds up.

A verdict gives the winner a star and every run a line in its note; what was there before is in the
answer, so that the page can take it back.
"""

from collections.abc import Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from sanawm.errors import InvalidRequestError
from studio.marks import MOST_STARS
from studio.studio import Studio
from studio.views import RunView
from ui.answers import body_of, visitor_of
from ui.drawing import Route, top_views
from ui.presenters import present_all
from ui.run_answers import card_of
from ui.words import count_word, duration, length, listed

MAP_SIZE = 300
FEWEST, MOST = 2, 4
SHOWN_SAME = 3  # fields named of those that are the same
# The fields a person looks at first come first; those that the same-sentence names, in its order.
NAMED = ("First frame", "Prompt", "Model", "Camera path", "Seed", "Length", "Steps")


async def compare(studio: Studio, request: Request) -> dict[str, Any]:
    """Runs side by side: their cells, a table of their fields, their paths in one view."""
    ids = request.query_params.get("runs", "").split(",")
    return await run_in_threadpool(_compared, studio, ids)


async def verdict(studio: Studio, request: Request) -> dict[str, Any]:
    """Say which run holds up, or that it is too close to say: {"runs", "winner": id or null}."""
    sent, visitor = await body_of(request), visitor_of(request)

    def judge() -> dict[str, Any]:
        runs = _found(studio, _ids(sent.get("runs")))
        winner = next((run for run in runs if run.id == sent.get("winner")), None)
        before = [{"id": run.id, "stars": run.rating, "note": run.note} for run in runs]
        written: list[RunView] = []
        try:
            for run in runs:
                line = verdict_words(run, winner, runs)
                studio.marks.write_note(run.id, f"{run.note}\n\n{line}".strip(), visitor)
                written.append(run)
        except InvalidRequestError:  # one of them is another visitor's: a verdict is whole or none
            for run in written:
                studio.marks.write_note(run.id, run.note, visitor)
            raise
        if winner is not None:
            studio.marks.rate(winner.id, min(winner.rating + 1, MOST_STARS), visitor)
        return {"before": before}

    return await run_in_threadpool(judge)


async def take_back(studio: Studio, request: Request) -> dict[str, Any]:
    """Stars and notes as they were before a verdict: {"before"} of its answer."""
    sent, visitor = (await body_of(request)).get("before"), visitor_of(request)
    if not isinstance(sent, list) or not all(_is_mark(one) for one in sent):
        raise InvalidRequestError("Say what the stars and notes were before.")

    def undo() -> dict[str, Any]:
        for one in sent:
            studio.marks.rate(one["id"], one["stars"], visitor)
            studio.marks.write_note(one["id"], one["note"], visitor)
        return {}

    return await run_in_threadpool(undo)


def _is_mark(value: Any) -> bool:
    kinds = {"id": str, "stars": int, "note": str}
    return isinstance(value, dict) and all(
        isinstance(value.get(name), kind) for name, kind in kinds.items()
    )


def verdict_words(run: RunView, winner: RunView | None, runs: Sequence[RunView]) -> str:
    """The line a verdict adds to a run's note."""
    others = [other.number for other in runs if other.id != run.id]
    beside = f"{'run' if len(others) == 1 else 'runs'} {listed([str(one) for one in others])}"
    if winner is None:
        return f"Too close to say beside {beside}."
    if run.id == winner.id:
        return f"Holds up better than {beside}."
    return f"Run {winner.number} holds up better."


def _ids(value: Any) -> list[str]:
    ids = [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
    return list(dict.fromkeys(ids))


def _found(studio: Studio, ids: Sequence[str]) -> list[RunView]:
    """The runs of a comparison; each has a video."""
    if not FEWEST <= len(ids) <= MOST:
        raise InvalidRequestError("Two, three or four runs can be compared.")
    runs = [studio.run(run_id) for run_id in ids]
    for run in runs:
        if run.state != "done":
            raise InvalidRequestError(f"Run {run.number} has no video yet.")
    return runs


def _compared(studio: Studio, ids: Sequence[str]) -> dict[str, Any]:
    runs = _found(studio, list(dict.fromkeys(ids)))
    cards = [card_of(studio, run) for run in runs]
    rows = table(runs, [title for _, title in cards])
    [card, _] = cards[0]
    return {
        "runs": present_all(studio, runs),
        "frames": [run.num_frames for run in runs],
        "rows": rows,
        "same": same_words(rows),
        "map": _paths(runs, card.distance_unit, card.fov_degrees),
    }


def _paths(runs: Sequence[RunView], unit: str, fov_degrees: float) -> dict[str, Any] | None:
    if not all(run.path_points for run in runs):
        return None
    routes = [
        Route(points=run.path_points, fps=run.fps, label=f"run {run.number}, {run.path_label}")
        for run in runs
    ]
    return top_views(routes, unit=unit, fov_degrees=fov_degrees, size=MAP_SIZE)


def table(runs: Sequence[RunView], titles: Sequence[str]) -> list[dict[str, Any]]:
    """Every field of the runs, and whether it differs."""
    columns = [_fields(run, title) for run, title in zip(runs, titles, strict=True)]
    return [
        {
            "name": name,
            "values": [column[name] for column in columns],
            "differs": len({column[name] for column in columns}) > 1,
            "mono": name == "Actions",
        }
        for name in columns[0]
        if any(column[name] for column in columns)
    ]


def _fields(run: RunView, model_title: str) -> dict[str, str]:
    """Each field in words; a first frame by its hash, which the page shows as a picture."""
    is_keys = run.path_source.get("kind") == "actions"
    path = "by keys" if is_keys else run.path_label
    actions = run.path_label if is_keys else ""
    start = "goes on from another run" if "start" in run.path_source else "at rest"
    took = duration(run.seconds) if run.seconds is not None else ""
    return {
        "First frame": run.image_sha256,
        "Prompt": run.prompt or "none",
        "Camera path": path,
        "Actions": actions,
        "Start": start,
        "Seed": str(run.seed),
        "Length": f"{length(run.num_frames, run.fps)}, {run.num_frames} frames",
        "Without": run.negative_prompt,
        "Steps": str(run.steps if run.stopped_at is None else f"{run.stopped_at} of {run.steps}"),
        "Guidance": f"{run.guidance:g}",
        "Model": model_title,
        "Size": f"{run.width} × {run.height}",
        "Time taken": took,
    }


def same_words(rows: Sequence[dict[str, Any]]) -> str:
    """How many fields are the same, and some of them by name."""
    same = [row["name"] for row in rows if not row["differs"]]
    if not same:
        return "No field is the same."
    named = [f"the {name.lower()}" for name in NAMED if name in same][:SHOWN_SAME]
    if len(same) == 1:
        return f"One field is the same: {named[0] if named else f'the {same[0].lower()}'}."
    among = f", among them {listed(named)}" if named and len(same) > len(named) else ""
    return f"{count_word(len(same)).capitalize()} fields are the same{among}."
