"""One step of the transformer on one CPU thread, ours against diffusers'.

    python benchmarks/cpu.py [--rounds 5] [--json]

Both have the same weights and answer the same guidance pair: two texts, one clip. diffusers
gets the pair as a batch of two, as its pipeline does; ours has its conditions prepared, as our
pipeline does, and takes the clip once. Timed in one process by CPU time, in the order ours,
theirs, theirs, ours, so that a machine that gets slower or faster is fair to both.
"""

import sys

# Run as a program, this file's folder comes first in the search, and `queue.py` in it would be
# taken for the standard library's. Drop it before anything else is imported.
if __name__ == "__main__":
    del sys.path[0]

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import SanaWMTransformer3DModel
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from sanawm.config import TransformerConfig
from sanawm.transformer import CameraInputs, SanaWMTransformer

CONFIG = TransformerConfig(
    in_channels=16,
    num_layers=6,
    hidden_size=256,
    num_attention_heads=4,
    linear_head_dim=64,
    caption_channels=64,
    chunk_plucker_post_attn_blocks=6,
)
GRID = (9, 8, 14)  # latent frames, rows and columns
TEXT_TOKENS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """A guidance pair: one noisy clip and camera, two texts."""

    latents_BCTHW: Tensor
    timestep_BT: Tensor
    text_BLD: Tensor
    mask_BL: Tensor
    camera: CameraInputs


def make_inputs() -> Inputs:
    """Draw noise; the camera moves straight ahead."""
    num_frames = GRID[0]
    c2w_BT44 = torch.eye(4).repeat(1, num_frames, 1, 1)
    c2w_BT44[..., 2, 3] = 0.2 * torch.arange(num_frames)
    lens_BT4 = torch.tensor([12.0, 12.0, 6.5, 3.5]).expand(1, num_frames, 4)
    timestep_BT = torch.full((1, num_frames), 700.0)
    timestep_BT[:, 0] = 0
    return Inputs(
        latents_BCTHW=torch.randn(1, CONFIG.in_channels, *GRID),
        timestep_BT=timestep_BT,
        text_BLD=torch.randn(2, TEXT_TOKENS, CONFIG.caption_channels),
        mask_BL=torch.ones(2, TEXT_TOKENS, dtype=torch.long),
        camera=CameraInputs(
            torch.cat((c2w_BT44.flatten(2), lens_BT4), dim=-1),
            torch.randn(1, CONFIG.chunk_plucker_channels, *GRID),
        ),
    )


def our_step(transformer: SanaWMTransformer, inputs: Inputs) -> Callable[[], Tensor]:
    """Our step, with the clip's conditions prepared beforehand."""
    camera = CameraInputs(*(twice(x) for x in inputs.camera))
    conditions = transformer.prepare(inputs.text_BLD, inputs.mask_BL, camera, GRID)
    return lambda: transformer.step(inputs.latents_BCTHW, inputs.timestep_BT, conditions)


def their_step(transformer: SanaWMTransformer3DModel, inputs: Inputs) -> Callable[[], Tensor]:
    """The call diffusers' pipeline makes at every step."""
    return lambda: (
        transformer(
            twice(inputs.latents_BCTHW),
            twice(inputs.timestep_BT)[:, None],
            inputs.text_BLD[:, None],
            encoder_attention_mask=inputs.mask_BL,
            camera_conditions=twice(inputs.camera.raymap_BT20),
            chunk_plucker=twice(inputs.camera.plucker_BCTHW),
        ).sample
    )


def twice(x: Tensor) -> Tensor:
    """The same row for both texts."""
    return x.repeat(2, *[1] * (x.dim() - 1))


def seconds(step: Callable[[], Tensor]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    step()
    return time.process_time() - start


def measure(rounds: int) -> dict[str, float]:
    """Both steps' seconds, their ratio and how far the answers are apart."""
    torch.manual_seed(0)
    ours = SanaWMTransformer(CONFIG).requires_grad_(False)
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.06)
    sizes = {name: value for name, value in CONFIG.to_diffusers().items() if name[0] != "_"}
    theirs = SanaWMTransformer3DModel(**sizes).requires_grad_(False)
    theirs.load_state_dict(ours.state_dict())
    inputs = make_inputs()
    steps = {"ours": our_step(ours, inputs), "diffusers": their_step(theirs, inputs)}

    answer, expected = steps["ours"](), steps["diffusers"]()
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name in ("ours", "diffusers", "diffusers", "ours"):
            times[name].append(seconds(steps[name]))
    return {
        "ours_seconds_min": min(times["ours"]),
        "ours_seconds_median": statistics.median(times["ours"]),
        "diffusers_seconds_min": min(times["diffusers"]),
        "diffusers_seconds_median": statistics.median(times["diffusers"]),
        "ratio_vs_diffusers": min(times["diffusers"]) / min(times["ours"]),
        "ratio_of_medians": statistics.median(times["diffusers"])
        / statistics.median(times["ours"]),
        "relative_difference": float((answer - expected).norm() / expected.norm()),
    }


def print_table(figures: dict[str, float]) -> None:
    """Print the figures for a person."""
    print(
        f"one step of {CONFIG.num_layers} blocks of {CONFIG.hidden_size}, {GRID} tokens, 1 thread"
    )
    print(f"{'':12}{'min':>9}{'median':>9}")
    for name in ("ours", "diffusers"):
        low, middle = figures[f"{name}_seconds_min"], figures[f"{name}_seconds_median"]
        print(f"{name:12}{low:8.3f}s{middle:8.3f}s")
    low, middle = figures["ratio_vs_diffusers"], figures["ratio_of_medians"]
    print(f"{'faster by':12}{low:8.2f}x{middle:8.2f}x   (at least 1.25 wanted)")
    print(f"answers differ by {figures['relative_difference']:.1e}")


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="times each is called twice")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    torch.set_num_threads(1)
    figures = measure(options.rounds)
    print_table(figures)
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
