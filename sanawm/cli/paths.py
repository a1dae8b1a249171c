"""The camera path on the command line: an action string, a preset or a file of poses."""

import argparse
from pathlib import Path

from sanawm.camera.actions import count_actions, parse_actions
from sanawm.camera.path import CameraPath
from sanawm.camera.presets import PRESETS, preset_path
from sanawm.camera.sources import actions_path, poses_path
from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError
from sanawm.request import check_length


def add_path_choice(parser: argparse.ArgumentParser) -> None:
    """`--action`, `--preset` or `--poses`, exactly one of them, and `--num-frames`."""
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument(
        "--action", metavar="STRING", help='keys and steps: "w-16,dw-8" walks, then bends right'
    )
    choice.add_argument(
        "--preset", choices=[preset.id for preset in PRESETS], help="a path with a name"
    )
    choice.add_argument(
        "--poses", type=Path, metavar="FILE", help=".npy or .npz of camera-to-world matrices"
    )
    parser.add_argument(
        "--num-frames", type=int, metavar="N", help="frames of the clip (default: the model's own)"
    )


def chosen_path(options: argparse.Namespace, card: ModelCard) -> CameraPath:
    """The path over the whole clip; a longer offered length is taken where the keys need it."""
    if options.num_frames is not None:
        check_length(options.num_frames, card)
    num_frames = options.num_frames or card.num_frames
    if options.preset:
        return preset_path(options.preset, num_frames, card)
    if options.poses:
        return poses_path(options.poses, num_frames, card)
    if options.num_frames is None:
        num_frames = _length_for(options.action, card)
    _check_room(options.action, num_frames, card)
    return actions_path(options.action, num_frames, card)


def _length_for(actions: str, card: ModelCard) -> int:
    """The model's own length if the keys fit into it, else the shortest offered one with room."""
    steps = count_actions(actions)
    roomy = [length for length in card.lengths if length > max(steps, card.num_frames - 1)]
    return roomy[0] if roomy else card.lengths[-1]


def _check_room(actions: str, num_frames: int, card: ModelCard) -> None:
    """Refuse a path with more steps than the clip has, and offer what would work."""
    steps, room = count_actions(actions), num_frames - 1
    if steps <= room:
        return
    offers = [f'shorten it, for example to "{shortened(actions, room)}"']
    longer = [length for length in card.lengths if length > steps]
    if longer:
        offers.append(f"choose --num-frames {longer[0]}")
    raise InvalidRequestError(
        f"The path has {steps:,} steps, and a clip of {num_frames} frames has room for {room}: "
        f"{' or '.join(offers)}.",
        field="camera",
    )


def shortened(actions: str, room: int) -> str:
    """The same keys in about the same proportions, in at most `room` steps."""
    segments = parse_actions(actions)
    total = sum(count for _, count in segments)
    scaled = [(keys, count * room // total) for keys, count in segments]
    kept = [("".join(sorted(keys)) or "none", count) for keys, count in scaled if count]
    return ",".join(f"{keys}-{count}" for keys, count in kept)
