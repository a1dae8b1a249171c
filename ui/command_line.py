"""The command that makes a run again without the app, as a shell takes it.

`python -m sanawm generate` resolves action strings and presets with the model's own keys. A path
that goes on from another run, or was written in another dialect, is given by its poses.
"""

import shlex
from collections.abc import Iterator

from sanawm.card import ModelCard
from studio.views import RunView

FIRST_FRAME = "first-frame.{extension}"
POSES = "c2w.npz"
CONTINUED = " \\\n  "


def command_of(run: RunView, card: ModelCard, *, image: str, is_default: bool) -> str:
    """The whole command, one option a line; `image` is the first frame's file name."""
    words = [_option(name, value) for name, value in _options(run, card, image, is_default)]
    return CONTINUED.join(["python -m sanawm generate", *words])


def _options(
    run: RunView, card: ModelCard, image: str, is_default: bool
) -> Iterator[tuple[str, str]]:
    yield "--image", image
    if run.prompt:
        yield "--prompt", run.prompt
    if run.negative_prompt:
        yield "--negative-prompt", run.negative_prompt
    yield _path(run, card)
    yield "--num-frames", str(run.num_frames)
    yield "--seed", str(run.seed)
    yield "--steps", str(run.steps)
    yield "--guidance-scale", f"{run.guidance:g}"
    if not is_default:
        yield "--model", run.model
    yield "--out", f"run-{run.number}.mp4"


def needs_poses(run: RunView, card: ModelCard) -> bool:
    """Whether the path cannot be said by keys or a name alone."""
    source = run.path_source
    foreign = source.get("dialect", card.dialect) != card.dialect
    return foreign or "start" in source or source.get("kind") not in ("actions", "preset")


def _path(run: RunView, card: ModelCard) -> tuple[str, str]:
    if needs_poses(run, card):
        return "--poses", POSES
    if run.path_source["kind"] == "preset":
        return "--preset", str(run.path_source["preset"])
    return "--action", str(run.path_source["actions"])


def _option(name: str, value: str) -> str:
    """An option with its value; one that begins with a dash would be taken for an option."""
    return f"{name}={shlex.quote(value)}" if value[:1] == "-" else f"{name} {shlex.quote(value)}"
