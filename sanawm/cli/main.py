"""`python -m sanawm COMMAND`: reads the arguments, runs the command, turns errors into sentences.

Exit codes: 0 done, 1 failed, 2 bad input, 3 not enough memory, 4 model files missing,
130 interrupted. Sentences go to stderr; with --json they are also the last line of stdout.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from sanawm.errors import (
    InvalidRequestError,
    ModelFilesMissingError,
    NotEnoughMemoryError,
    SanaWMError,
)

EXIT_CODES = ((InvalidRequestError, 2), (NotEnoughMemoryError, 3), (ModelFilesMissingError, 4))
FAILED = 1
INTERRUPTED = 130

# command -> module, its two functions, what the overview says
COMMANDS = {
    "generate": ("sanawm.cli.generate", "generate", "a photo, a prompt and a path to a video"),
    "path": ("sanawm.cli.path", "path", "show or export the poses of a camera path"),
    "models": ("sanawm.cli.models", "models", "list the models on this computer"),
    "plan": ("sanawm.cli.plan", "plan", "what a model takes on a card, and how it is drawn there"),
    "train": ("sanawm.training.cli", "train", "train the tiny world model"),
    "evaluate": ("sanawm.training.cli", "evaluate", "measure a model on unseen worlds"),
}


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    parser, run = _parser_for(arguments)
    options = parser.parse_args(arguments)
    try:
        return run(options)
    except SanaWMError as error:
        _report(error, as_json=getattr(options, "json", False))
        return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), FAILED)
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        return INTERRUPTED


def _parser_for(
    arguments: Sequence[str],
) -> tuple[argparse.ArgumentParser, Callable[[argparse.Namespace], int]]:
    """The parser with the arguments of the one command that is asked for.

    Training code is large and imports torch, so only the chosen command's module is imported.
    """
    parser = argparse.ArgumentParser(
        prog="python -m sanawm",
        description="First frame, prompt and camera path to a video, without the app.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    run: Callable[[argparse.Namespace], int] = _nothing
    for name, (module_name, function, about) in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=f"{about.capitalize()}.")
        if name == chosen:
            module = import_module(module_name)
            getattr(module, f"add_{function}_arguments")(command)
            run = getattr(module, f"run_{function}")
    return parser, run


def _nothing(options: argparse.Namespace) -> int:
    """argparse refuses a missing or unknown command before this could run."""
    raise AssertionError(options.command)


def _report(error: SanaWMError, *, as_json: bool) -> None:
    sys.stderr.write(f"{error}\n")
    if as_json:
        field = getattr(error, "field", "")
        sys.stdout.write(json.dumps({"error": str(error), "field": field}) + "\n")
