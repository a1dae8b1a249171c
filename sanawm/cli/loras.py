"""LoRA files on the command line, each with a weight after a colon where it is not 1."""

import argparse
from math import isfinite
from pathlib import Path

from sanawm.errors import InvalidRequestError


def add_lora_choice(parser: argparse.ArgumentParser) -> None:
    """`--lora`, any number of times, and how they are used."""
    parser.add_argument(
        "--lora",
        action="append",
        default=[],
        metavar="FILE[:WEIGHT]",
        help="a LoRA file, its weight 1 where none is given; more than one may be named",
    )
    parser.add_argument(
        "--lora-mode",
        choices=("merged", "apart"),
        default="merged",
        help="merged: added into the weights, fastest to run (default); apart: beside them",
    )


def chosen_loras(options: argparse.Namespace) -> list[tuple[Path, float]]:
    """Files and weights; InvalidRequestError where a weight is no number."""
    return [_file_and_weight(text) for text in options.lora]


def _file_and_weight(text: str) -> tuple[Path, float]:
    file, colon, weight = text.rpartition(":")
    if not colon or Path(text).is_file() or "/" in weight or "\\" in weight:
        return Path(text), 1.0
    try:
        number = float(weight)
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise InvalidRequestError(
            f'The weight of the LoRA {Path(file).name} is no number: "{weight}".'
        )
    return Path(file), number
