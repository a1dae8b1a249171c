"""`python -m sanawm generate`: a photo, a prompt and a camera path become an mp4."""

import argparse
import json
import secrets
import sys
from pathlib import Path

from sanawm.cache_policy import CachePolicy
from sanawm.card import ModelCard
from sanawm.cli.bar import ProgressBar
from sanawm.cli.loras import add_lora_choice, chosen_loras
from sanawm.cli.paths import add_path_choice, chosen_path
from sanawm.errors import InvalidRequestError
from sanawm.lora_use import lora_files
from sanawm.model_folder import default_model_folder, model_folder_of
from sanawm.progress import Finished
from sanawm.request import MAX_SEED, GenerationRequest, check_request


def add_generate_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything that decides the video; what is left out is as the model's card says."""
    parser.add_argument("--image", type=Path, required=True, help="the first frame: a picture")
    parser.add_argument("--prompt", default="", help="what the scene is")
    parser.add_argument("--negative-prompt", default="", help="what it should not be")
    add_path_choice(parser)
    parser.add_argument("--seed", type=int, help="the same seed draws the same video")
    parser.add_argument("--steps", type=int, metavar="N", help="drawing steps")
    parser.add_argument("--guidance-scale", type=float, metavar="X", help="1 is off")
    parser.add_argument(
        "--model",
        metavar="NAME_OR_FOLDER",
        help="which model (default: $WANDERBOOK_MODEL, else the tiny one)",
    )
    add_lora_choice(parser)
    parser.add_argument("--out", type=Path, default=Path("clip.mp4"), help="where the video goes")
    parser.add_argument(
        "--cache", type=Path, metavar="FOLDER", help="what the next run need not compute again"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="processor threads")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")


def run_generate(options: argparse.Namespace) -> int:
    """Check everything that needs no model, then draw."""
    folder = model_folder_of(options.model or default_model_folder())
    card = ModelCard.load(folder)
    request = _request(options, card)
    check_request(request, card)
    loras = chosen_loras(options)
    lora_files(folder, card, loras)  # says what is not there before torch is waited for
    _check_output(options.out)

    from sanawm.pipeline import SanaWMPipeline  # torch, which bad input need not wait for

    pipeline = SanaWMPipeline.from_pretrained(
        folder, threads=options.threads, loras=loras, lora_mode=options.lora_mode
    )
    bar = ProgressBar(sys.stderr)
    caches = CachePolicy(folder=options.cache)
    for event in pipeline.generate(request, options.out, caches=caches):
        if isinstance(event, Finished):
            bar.close()
            _tell(event, as_json=options.json)
        else:
            bar.show(event)
    return 0


def _request(options: argparse.Namespace, card: ModelCard) -> GenerationRequest:
    path = chosen_path(options, card)
    guidance, steps = options.guidance_scale, options.steps
    return GenerationRequest(
        image=options.image,
        prompt=options.prompt,
        negative_prompt=options.negative_prompt,
        camera_path=path,
        num_frames=path.num_frames,
        seed=secrets.randbelow(MAX_SEED + 1) if options.seed is None else options.seed,
        num_inference_steps=card.num_inference_steps if steps is None else steps,
        guidance_scale=card.guidance_scale if guidance is None else guidance,
    )


def _check_output(out: Path) -> None:
    """Better now than after minutes of drawing."""
    if out.suffix.lower() != ".mp4":
        raise InvalidRequestError(f"The video is an .mp4, so name it that way, not {out.name}.")
    if out.is_dir() or not out.resolve().parent.is_dir():
        raise InvalidRequestError(f"There is no folder to write {out} into.")


def _tell(finished: Finished, *, as_json: bool) -> None:
    request, seconds = finished.record["request"], sum(finished.timings.values())
    sys.stdout.write(
        f"{finished.video}: {request['num_frames']} frames at {finished.record['fps']:g} fps, "
        f"seed {request['seed']}, {seconds:.1f} s\n"
    )
    if as_json:
        result = {
            "video": str(finished.video),
            "seconds": seconds,
            "timings": finished.timings,
            "record": finished.record,
        }
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
