"""On a graphics card: the memory that drawing takes, measured against what the plans predict.

    python benchmarks/gpu.py memory [--frames 81 321 961] [--json]

The network has the published sizes and random weights, as the memory does not depend on them. Two
steps are drawn under every plan for each length, so that what is kept for the next step is counted
too. Nothing is measured of plans that do not fit on this card. `ratio` is measured over predicted.
"""

import sys

# Run as a program, this file's folder comes first in the search, and `queue.py` in it would be
# taken for the standard library's. Drop it before anything else is imported.
if __name__ == "__main__":
    del sys.path[0]

import argparse
import json
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from sanawm.device import Device, best_device
from sanawm.guidance import prepared_velocity
from sanawm.memory_need import Clip, drawing_bytes
from sanawm.memory_plan import GIB, Job, Plan, plans_for, usable_bytes
from sanawm.model_sizes import block_weights, transformer_weights, weights_outside_blocks
from sanawm.public_cards import SANA_WM
from sanawm.public_sizes import PUBLIC_FACTS
from sanawm.sampling import denoise, shifted_sigmas
from sanawm.transformer import CameraInputs, SanaWMTransformer

STEPS = 2
GUIDANCE = 5.0
NUMBER_BYTES = 2


def main() -> int:
    """Measure what is asked for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["memory"])
    parser.add_argument("--frames", type=int, nargs="+", default=[81, 321, 961], metavar="N")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    machine = best_device()
    if not machine.on_card:
        sys.stderr.write("There is no graphics card with bfloat16 here: nothing was measured.\n")
        return 1
    rows = [row for frames in options.frames for row in measured(machine, frames)]
    for row in rows:
        sys.stdout.write("  ".join(f"{key} {value}" for key, value in row.items()) + "\n")
    if options.json:
        about = {"device": machine.name, "torch": torch.__version__, "rows": rows}
        sys.stdout.write(json.dumps(about) + "\n")
    return 0


def measured(machine: Device, num_frames: int) -> list[dict[str, object]]:
    """One row for every plan that fits."""
    job = Job(num_frames=num_frames, guided=True)
    plans = plans_for(PUBLIC_FACTS, SANA_WM, job, precision="bfloat16", on_card=True)
    usable = usable_bytes(machine.memory_bytes, on_card=True)
    return [_row(machine, num_frames, plan) for plan in plans if plan.peak_bytes <= usable]


@torch.no_grad()
def _row(machine: Device, num_frames: int, plan: Plan) -> dict[str, object]:
    transformer = _random_transformer(machine, offloads=plan.offloads)
    grid = (SANA_WM.num_latent_frames(num_frames), *SANA_WM.latent_size)
    text = torch.randn(2, SANA_WM.text_length, 2304, device=machine.device)
    mask = torch.ones(2, SANA_WM.text_length, device=machine.device)
    latents = torch.randn(1, 128, *grid, device=machine.device)
    camera = _still_camera(machine, grid)
    torch.cuda.empty_cache()
    machine.forget_peak()
    began = time.perf_counter()
    velocity = prepared_velocity(transformer, (text, mask), camera, grid, plan, GUIDANCE)
    for drawn in denoise(velocity, latents, shifted_sigmas(STEPS, SANA_WM.shift)):
        assert torch.isfinite(drawn).all()
    torch.cuda.synchronize()
    seconds, peak = time.perf_counter() - began, machine.peak_bytes() or 0
    predicted = _predicted(num_frames, plan)
    return {
        "frames": num_frames,
        "plan": plan.words,
        "predicted_gb": round(predicted / GIB, 2),
        "measured_gb": round(peak / GIB, 2),
        "ratio": round(peak / predicted, 3),
        "seconds_per_step": round(seconds / STEPS, 3),
    }


def _predicted(num_frames: int, plan: Plan) -> int:
    """The part of a plan's peak that is here: network and drawing, without the other parts."""
    height, width = SANA_WM.latent_size
    clip = Clip(
        num_frames=SANA_WM.num_latent_frames(num_frames),
        num_tokens=height * width,
        rows=2 if plan.together else 1,
        text_length=SANA_WM.text_length,
        number_bytes=NUMBER_BYTES,
    )
    config = PUBLIC_FACTS.config
    weights = transformer_weights(config)
    if plan.offloads:
        blocks = (block_weights(config, index) for index in range(config.num_layers))
        weights = weights_outside_blocks(config) + 2 * max(blocks)
    return NUMBER_BYTES * weights + drawing_bytes(config, clip, plan.portions)


def _random_transformer(machine: Device, *, offloads: bool) -> SanaWMTransformer:
    """The network at its published size, its weights small numbers of a fixed seed."""
    place = torch.device("cpu") if offloads else machine.device
    with torch.device("meta"):
        transformer = SanaWMTransformer(PUBLIC_FACTS.config).to(machine.dtype)
    transformer = transformer.to_empty(device=place).requires_grad_(False)
    generator = torch.Generator(place).manual_seed(0)
    for tensor in (*transformer.parameters(), *transformer.buffers()):
        tensor.normal_(std=0.02, generator=generator)
    if offloads:
        for name, child in transformer.named_children():
            if name != "blocks":
                child.to(machine.device)
        transformer.offload(machine.device)
    return transformer


def _still_camera(machine: Device, grid: tuple[int, int, int]) -> CameraInputs:
    """A camera that stands still and looks ahead."""
    frames, height, width = grid
    pose = torch.eye(4).flatten()
    intrinsics = torch.tensor([width, width, width / 2, height / 2])
    raymap = torch.cat((pose, intrinsics)).expand(1, frames, 20).to(machine.device)
    return CameraInputs(raymap, torch.zeros(1, 48, *grid, device=machine.device))


if __name__ == "__main__":
    sys.exit(main())
