"""`python -m sanawm models`: what there is to draw with, and what keeps a model from being used."""

import argparse
import json
import sys

from sanawm.card import ModelCard
from sanawm.model_folder import FoundModel, find_models


def add_models_arguments(parser: argparse.ArgumentParser) -> None:
    """Only `--json`."""
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")


def run_models(options: argparse.Namespace) -> int:
    """List the models; the first is the default."""
    found = find_models()
    for model in found:
        about = _summary(model.card) if model.card else model.problem
        sys.stdout.write(f"{model.folder}\n    {about}\n")
    if options.json:
        sys.stdout.write(json.dumps({"models": [_as_json(model) for model in found]}) + "\n")
    return 0


def _summary(card: ModelCard) -> str:
    lengths = ", ".join(str(length) for length in card.lengths)
    return (
        f"{card.title} ({card.name}): {card.width}×{card.height}, {card.fps:g} fps, "
        f"{lengths} frames, {card.num_inference_steps} steps. {card.note}".rstrip()
    )


def _as_json(model: FoundModel) -> dict[str, object]:
    card = model.card.to_dict() if model.card else None
    return {"folder": str(model.folder), "card": card, "problem": model.problem}
