"""The arguments of `python -m sanawm train` and `evaluate`, and what they run."""

import argparse
import json
import sys
from pathlib import Path

from sanawm.training.budget import parse_duration
from sanawm.training.presets import PRESETS

DEFAULT_FOLDER = Path("build/tiny")
BUDGETS = {"smoke": "60s", "cpu": "3h", "gpu": "25m", "streaming": "2h"}


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """`--preset`, `--budget`, `--out`, `--base`."""
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu", help="sizes and rates")
    parser.add_argument("--budget", help='time to train, such as "25m"; the preset has a default')
    parser.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_FOLDER,
        help="folder of the run; the same folder resumes it (default: %(default)s)",
    )
    parser.add_argument(
        "--base",
        type=Path,
        default=Path("models/tiny"),
        help="whole-clip model that the preset streaming goes on from (default: %(default)s)",
    )


def run_train(args: argparse.Namespace) -> int:
    """Train within the budget; prints where the model folder is."""
    from sanawm.training.run import TrainingRun, train

    run = TrainingRun(
        preset=PRESETS[args.preset],
        folder=args.out,
        budget_s=parse_duration(args.budget or BUDGETS[args.preset]),
        base=args.base,
    )
    sys.stdout.write(f"{train(run)}\n")
    return 0


def add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    """`--model`, `--worlds`, `--steps`, `--out`, `--json`."""
    parser.add_argument("--model", type=Path, default=Path("models/tiny"), help="model folder")
    parser.add_argument("--worlds", type=int, default=96, help="held-out worlds to judge on")
    parser.add_argument("--steps", type=int, help="denoising steps; the model's own by default")
    parser.add_argument("--out", type=Path, help="folder for evaluation.json and a contact sheet")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")


def run_evaluate(args: argparse.Namespace) -> int:
    """Judge a model on held-out worlds and print the table."""
    from sanawm.training.evaluate import evaluate, format_table

    report = evaluate(args.model, num_worlds=args.worlds, steps=args.steps, out=args.out)
    sys.stdout.write(format_table(report) + "\n")
    if args.json:
        sys.stdout.write(json.dumps(report) + "\n")
    return 0
