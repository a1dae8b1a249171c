"""What the worker process runs: the real pipeline, opened once and kept.

The only file of this package that touches torch and the video encoder, by way of the pipeline, and
it does so inside functions, in the worker.
A run arrives as a plain mapping (`studio.worker.job_spec`) and leaves as files in its folder.
"""

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, Protocol

from sanawm.cache_policy import NO_CACHES, CachePolicy
from sanawm.camera.path import CameraPath
from sanawm.files import disk_shortage_as_sentence
from sanawm.progress import Finished, Progress
from sanawm.request import GenerationRequest
from studio.media import LIVE

VIDEO = "video.mp4"

Events = Generator[Progress | Finished, None, None]
WantsEnd = Callable[[], bool]


class Runner(Protocol):
    """Makes videos with one model; closing the iterator cancels within a step."""

    device: str  # what it runs on, since speed depends on it: "cpu, 2 threads"
    machine: Mapping[str, Any]  # memory_bytes, on_card, precision; empty where nothing is known

    def run(self, job_spec: Mapping[str, Any], folder: Path, wants_end: WantsEnd) -> Events:
        """Write video.mp4, poster.jpg and thumb.webp into the folder, telling each step.

        A wide video gets a hover.mp4, too. Where the job says "fresh", nothing kept is used.
        Where `wants_end` says yes after a drawing step, the video is made of what there is then.
        """
        ...


class OpenRunner(Protocol):
    """How a runner is made: opening the model may take a while and may fail with a sentence."""

    def __call__(self, model_folder: Path, *, cache_folder: Path, threads: int) -> Runner:
        """Open a model with a fixed number of threads."""
        ...


class PipelineRunner:
    """The real one: SanaWMPipeline on whatever device the computer has."""

    def __init__(self, model_folder: Path, *, cache_folder: Path, threads: int) -> None:
        from sanawm.pipeline import SanaWMPipeline

        self._pipeline = SanaWMPipeline.from_pretrained(model_folder, threads=threads)
        self._cache_folder = cache_folder
        machine = self._pipeline.parts.machine
        self.device = machine.name
        self.machine = {
            "memory_bytes": machine.memory_bytes,
            "on_card": machine.on_card,
            "precision": machine.precision,
        }

    def run(self, job_spec: Mapping[str, Any], folder: Path, wants_end: WantsEnd) -> Events:
        """Draw the run, then its stills."""
        from sanawm.stills import write_hover, write_poster, write_thumbnail

        events = self._pipeline.generate(
            _request(job_spec),
            folder / VIDEO,
            wants_end=wants_end,
            caches=_policy(job_spec, self._cache_folder),
            live=folder / LIVE,
        )
        with disk_shortage_as_sentence():
            for event in events:
                if isinstance(event, Finished):
                    write_poster(event.video, folder / "poster.jpg")
                    write_thumbnail(event.video, folder / "thumb.webp")
                    write_hover(event.video, folder / "hover.mp4")
                yield event


def _request(job_spec: Mapping[str, Any]) -> GenerationRequest:
    return GenerationRequest(
        image=Path(job_spec["image"]),
        prompt=job_spec["prompt"],
        negative_prompt=job_spec["negative_prompt"],
        camera_path=CameraPath.load_npz(Path(job_spec["camera_path"])),
        num_frames=job_spec["num_frames"],
        seed=job_spec["seed"],
        num_inference_steps=job_spec["num_inference_steps"],
        guidance_scale=job_spec["guidance_scale"],
    )


def _policy(job_spec: Mapping[str, Any], cache_folder: Path) -> CachePolicy:
    """What may be kept and taken; a run that checks another one is made wholly anew."""
    if job_spec.get("fresh"):
        return NO_CACHES
    return CachePolicy(
        folder=cache_folder,
        limits=job_spec["cache_limits"],
        keep_stage1=job_spec["keep_stage1"],
    )
