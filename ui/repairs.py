"""What a bad action string could be instead: its good segments, as far as they fit."""

from typing import Any

from sanawm.camera.actions import count_actions, cut_actions
from sanawm.errors import InvalidRequestError


def repair(actions: Any, room: int) -> dict[str, str] | None:
    """A button's words and the string it puts in; None where nothing good would be left."""
    if not isinstance(actions, str):
        return None
    segments = [segment.strip() for segment in actions.split(",") if segment.strip()]
    good = [segment for segment in segments if _is_good(segment)]
    kept = cut_actions(",".join(good), room) if good else ""
    if not kept or kept == actions:
        return None
    dropped = len(segments) - len(good)
    if not dropped and "," + ",".join(good) + "," == f",{actions.strip(', ')},":
        return {"label": f"Use the first {room}", "actions": kept}
    return {"label": "Remove it" if dropped <= 1 else f"Remove {dropped} of them", "actions": kept}


def _is_good(segment: str) -> bool:
    try:
        count_actions(segment)
    except InvalidRequestError:
        return False
    return True
