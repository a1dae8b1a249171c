"""What the settings page says of each model: here or to be fetched, its room, terms and needs.

The page fetches nothing; it shows what to type.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sanawm.catalogue import CATALOGUE
from sanawm.model_folder import files_in, missing_part
from sanawm.model_list import ListedModel
from sanawm.sizes import size_words
from studio.diagnostics import in_home

SHORT = 12  # characters of a revision; enough to tell any two apart
STATES = {"here": "", "broken": "Not whole", "missing": "Not fetched"}


def models_of(models: Sequence[ListedModel], revisions: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rows of the list; `revisions` are of the files themselves, by name."""
    return [_row(model, revisions.get(model.name, "")) for model in models]


def _row(model: ListedModel, revision: str) -> dict[str, Any]:
    return {
        "name": model.name,
        "title": model.title,
        "state": STATES[model.state],
        "problem": _problem(model),
        "folder": "" if model.state == "missing" else in_home(str(model.folder)),
        "size": size_words(model.size) if model.state == "here" else f"about {_whole_size(model)}",
        "license": model.license,
        "source": model.card.source if model.card else "",
        "revision": revision,
        "sources": [
            f"{source['repo']} at {source['revision'][:SHORT]}" for source in model.sources
        ],
        "needs": model.needs,
        "command": model.command,
    }


def _problem(model: ListedModel) -> str:
    """What is wrong; the folder and the command stand beside it anyway."""
    if model.state != "broken":
        return ""
    missing = missing_part(files_in(model.folder))
    return f"{missing}." if missing else model.problem


def _whole_size(model: ListedModel) -> str:
    known = CATALOGUE.get(model.name)
    return size_words(known.size if known else model.size)
