"""`python -m sanawm path`: the poses of actions, a preset or a file, as the model sees them."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from sanawm.camera.describe import describe, yaw_degrees
from sanawm.camera.path import CameraPath
from sanawm.cli.paths import add_path_choice, chosen_path
from sanawm.errors import InvalidRequestError
from sanawm.files import whole_file
from sanawm.model_folder import default_model_folder, place_of, read_card

TABLE_ROWS = 9  # evenly spaced over the clip


def add_path_arguments(parser: argparse.ArgumentParser) -> None:
    """Which path, for which model, and where to write it."""
    add_path_choice(parser)
    parser.add_argument(
        "--model", metavar="NAME_OR_FOLDER", help="the model whose speeds the keys have"
    )
    parser.add_argument("--out", type=Path, help="write it to a .npz, .npy or .json")
    parser.add_argument("--json", action="store_true", help="the whole path on the last line")


def run_path(options: argparse.Namespace) -> int:
    """Describe the path, tabulate some of its poses, and export it where asked to."""
    card = read_card(place_of(options.model or default_model_folder()))
    path = chosen_path(options, card)
    if options.out:
        export(path, options.out)
    sys.stdout.write(f"{path.num_frames} frames. {describe(path)}.\n{_table(path)}")
    if options.json:
        sys.stdout.write(json.dumps(path.to_dict()) + "\n")
    return 0


def export(path: CameraPath, out: Path) -> None:
    """`.npz` with everything, `.npy` with the matrices alone, `.json` in the path's own schema."""
    writers = {".npz": _write_npz, ".npy": _write_npy, ".json": _write_json}
    if out.suffix not in writers:
        raise InvalidRequestError(f"A path is written to .npz, .npy or .json, not {out.name}.")
    with whole_file(out) as temporary:
        writers[out.suffix](path, temporary)


def _write_npz(path: CameraPath, file: Path) -> None:
    path.save_npz(file)


def _write_npy(path: CameraPath, file: Path) -> None:
    with file.open("wb") as stream:
        np.save(stream, path.c2w)


def _write_json(path: CameraPath, file: Path) -> None:
    file.write_text(json.dumps(path.to_dict()) + "\n", encoding="utf-8")


def _table(path: CameraPath) -> str:
    """Position (x right, y down, z ahead) and heading of some frames."""
    unit, yaw_F = path.source.get("unit", "unit"), yaw_degrees(path)
    rows = [f"{'frame':>5} {'x':>8} {'y':>8} {'z':>8}   {unit:<4} {'turn':>8} degrees"]
    count = min(TABLE_ROWS, path.num_frames)
    for frame in np.linspace(0, path.num_frames - 1, count).round().astype(int):
        x, y, z = path.c2w[frame, :3, 3]
        rows.append(f"{frame:>5} {x:>8.3f} {y:>8.3f} {z:>8.3f}        {yaw_F[frame]:>8.1f}")
    return "\n".join(rows) + "\n"
