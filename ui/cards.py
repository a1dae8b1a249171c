"""Cards of the gallery: the few things of a run that its small picture says.

A card needs far less than a cell of the notebook, and there may be thousands of them. Addresses
expire; what a person typed stays a plain string.
"""

from typing import Any

from studio.views import RunView
from ui.words import length


def card(run: RunView) -> dict[str, Any]:
    """Everything one card shows, and what is done with it: played, chosen, downloaded."""
    return {
        "id": run.id,
        "number": run.number,
        "state": run.state,
        "prompt": run.prompt,
        "path": run.path_label,
        "length": length(run.num_frames, run.fps),
        "rating": run.rating,
        "tags": run.tags,
        "children": run.children,
        "deleted": run.deleted,
        "created_at": run.created_at,
        "root": run.root_id,
        "media": {
            "thumb": run.thumb,
            "first_frame": run.first_frame,
            "hover": run.hover,
            "download": run.download,
        },
    }
