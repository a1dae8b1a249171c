"""`python -m sanawm plan`: what a model takes on cards of every size, and how it is drawn there."""

import argparse
import json
import sys
from dataclasses import asdict

from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError
from sanawm.model_facts import ModelFacts, facts_of
from sanawm.model_folder import place_of, read_card
from sanawm.plan_table import CARD_GIGABYTES, LENGTHS, PlannedClip, as_markdown, planned
from sanawm.public_cards import SANA_WM, SANA_WM_STREAMING
from sanawm.public_sizes import PUBLIC_FACTS

PUBLIC = {card.name: card for card in (SANA_WM, SANA_WM_STREAMING)}


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """Model, card, length; left out: the public model, cards of many sizes, its lengths."""
    parser.add_argument(
        "--model", default=SANA_WM.name, metavar="NAME_OR_FOLDER", help=f"default: {SANA_WM.name}"
    )
    parser.add_argument("--memory", type=int, metavar="GB", help="of one card")
    parser.add_argument("--frames", type=int, metavar="N", help="of one length")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")


def run_plan(options: argparse.Namespace) -> int:
    """Print the table; nothing is computed on a card, and no weight is read."""
    for name, value in (("--memory", options.memory), ("--frames", options.frames)):
        if value is not None and value < 1:
            raise InvalidRequestError(f"{name} must be 1 or more, not {value}.")
    facts, card = _model(options.model)
    sizes = (options.memory,) if options.memory else CARD_GIGABYTES
    lengths = (options.frames,) if options.frames else _lengths(card)
    clips = planned(facts, card, sizes, lengths)
    sys.stdout.write(as_markdown(clips, lengths, card.fps))
    if options.json:
        sys.stdout.write(json.dumps({"plans": [_as_json(clip) for clip in clips]}) + "\n")
    return 0


def _model(name: str) -> tuple[ModelFacts, ModelCard]:
    """Of a public model also before it is fetched."""
    folder = place_of(name)
    if name in PUBLIC and not folder.is_dir():
        return PUBLIC_FACTS, PUBLIC[name]
    card = read_card(folder)
    return facts_of(folder, card), card


def _lengths(card: ModelCard) -> tuple[int, ...]:
    if card.streaming:
        return card.lengths[-1:]  # the same for all
    return LENGTHS if card.name in PUBLIC else card.lengths


def _as_json(clip: PlannedClip) -> dict[str, object]:
    plan = asdict(clip.plan) if clip.plan else None
    return {"gigabytes": clip.gigabytes, "num_frames": clip.num_frames, "plan": plan}
