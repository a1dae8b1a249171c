"""`python -m sanawm models`: which there are and what each needs; `models fetch NAME` gets one.

Nothing is fetched without its terms having been shown and agreed to.
"""

import argparse
import json
import sys

from sanawm.catalogue import CATALOGUE, KnownModel
from sanawm.errors import InvalidRequestError
from sanawm.model_folder import find_models
from sanawm.model_list import ListedModel, list_models
from sanawm.sizes import size_words

INTERRUPTED = 130
SHORT = 12  # characters of a revision; enough to tell any two apart


def add_models_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing lists; `fetch` and a name fetches."""
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    tasks = parser.add_subparsers(dest="task", metavar="fetch")
    fetch = tasks.add_parser("fetch", help="download a model", description="Download a model.")
    fetch.add_argument("name", metavar="NAME", help=" or ".join(CATALOGUE))
    fetch.add_argument("--revision", default="main", metavar="R", help="branch, tag or commit")
    fetch.add_argument(
        "--accept-license", action="store_true", help="agree to the terms without being asked"
    )
    # SUPPRESS: an absent word must not undo the same word before `fetch`.
    fetch.add_argument("--json", action="store_true", default=argparse.SUPPRESS)


def run_models(options: argparse.Namespace) -> int:
    """List the models, the default first, or fetch one."""
    if options.task == "fetch":
        return _fetch(options)
    models = list_models(find_models())
    for model in models:
        sys.stdout.write("\n".join(_lines(model)) + "\n")
    if options.json:
        sys.stdout.write(json.dumps({"models": [_as_json(model) for model in models]}) + "\n")
    return 0


def _lines(model: ListedModel) -> list[str]:
    where = f"not fetched, about {size_words(model.size)}" if model.state == "missing" else ""
    return [
        f"{model.name}: {where or f'{size_words(model.size)} in {model.folder}'}",
        *(f"    {line}" for line in _about(model) if line),
    ]


def _about(model: ListedModel) -> list[str]:
    card = model.card
    makes = card and (
        f"{card.title}: {card.width}×{card.height}, {card.fps:g} fps, "
        f"{', '.join(map(str, card.lengths))} frames, {card.num_inference_steps} steps. {card.note}"
    )
    sources = (f"{source['repo']} at {source['revision'][:SHORT]}" for source in model.sources)
    return [
        model.problem,
        makes.rstrip() if makes else "",
        *sources,
        f"License: {model.license}" if model.license else "",
        model.needs,
        f"To fetch it: {model.command}" if model.state == "missing" else "",
    ]


def _as_json(model: ListedModel) -> dict[str, object]:
    return {
        "name": model.name,
        "folder": str(model.folder),
        "state": model.state,
        "card": model.card.to_dict() if model.card else None,
        "problem": model.problem,
        "size": model.size,
        "source": model.sources,
        "license": model.license,
        "needs": model.needs,
        "command": model.command,
    }


def _fetch(options: argparse.Namespace) -> int:
    known = CATALOGUE.get(options.name)
    if known is None:
        raise InvalidRequestError(
            f"No model is named {options.name}. These can be fetched: {', '.join(CATALOGUE)}.",
            field="model",
        )
    _agree(known, accepted=options.accept_license)

    from sanawm.fetching import fetch_model  # the download's libraries, which a list need not load

    try:
        folder = fetch_model(known, revision=options.revision, say=_say)
    except KeyboardInterrupt:
        sys.stderr.write(
            "\nInterrupted. What is here stays; the same command goes on from there.\n"
        )
        return INTERRUPTED
    [fetched] = [model for model in list_models(find_models()) if model.folder == folder.resolve()]
    sys.stdout.write("\n".join(_lines(fetched)) + "\n")
    if options.json:
        sys.stdout.write(json.dumps(_as_json(fetched)) + "\n")
    return 0


def _agree(known: KnownModel, *, accepted: bool) -> None:
    """Show the terms; return once they are agreed to, else raise."""
    terms = "\n".join(f"  {sentence}" for sentence in known.terms)
    sys.stdout.write(f"{known.card.title}, about {size_words(known.size)}. Its terms:\n{terms}\n")
    if accepted:
        return
    if not sys.stdin.isatty():
        raise InvalidRequestError(
            "Nobody is here to be asked, so nothing was fetched. Read the terms above; "
            f"{known.command} --accept-license agrees to them.",
            field="model",
        )
    sys.stdout.write("Do you agree, and shall it be fetched? [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise InvalidRequestError("The terms were not agreed to, so nothing was fetched.", "model")


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
