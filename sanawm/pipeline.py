"""First frame, prompt and camera path to a video: the stages of one generation, in order.

    prompt       texts to embeddings                                   (kept in a cache)
    first_frame  picture to its latent                                 (kept in a cache)
    drawing      noise to latents, with a preview after every step     (kept where that is asked)
    decoding     latents to frames, encoded into the mp4 as they come
    saving       the mp4 gets its name once it is whole

On a processor everything is float32. The same request with the same number of threads on the same
machine gives the same latents, bit for bit, whatever the caches hold. Closing the generator stops
within a step and leaves no file behind. A run may also end early with what there is: after the step
in hand the estimate of the clean video, which the previews show, is decoded and saved.

Shape letters: B batch, C channels, F frames, T latent frames, H, W rows and columns, L tokens,
D text channels.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sanawm.ai_mark import mark_of
from sanawm.cache_keys import drawing_parts, numerics
from sanawm.cache_policy import NO_CACHES, CachePolicy
from sanawm.errors import SanaWMError
from sanawm.files import disk_shortage_as_sentence
from sanawm.inputs import InputReader
from sanawm.latent_preview import LatentPreview
from sanawm.model_parts import ModelParts, memory_shortage_as_sentence, open_model
from sanawm.picture import Picture, read_picture
from sanawm.progress import STAGES, Finished, Progress, Stage
from sanawm.record import make_record, tags_of
from sanawm.request import GenerationRequest, check_request
from sanawm.run_cache import RunCaches
from sanawm.sampling import (
    Velocity,
    clean_estimate,
    denoise,
    guided,
    pin_first_frame,
    seeded_noise,
    shifted_sigmas,
)
from sanawm.transformer import CameraInputs
from sanawm.video import Frame, mp4_writer

WantsEnd = Callable[[], bool]  # whether the run shall end early with what there is


@dataclass(kw_only=True, slots=True)
class RunLog:
    """Seconds spent in each stage so far, and where the run was ended early."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    transformer_s: float = 0.0  # in the transformer alone
    stopped_at: int | None = None  # the drawing step after which the run was asked to end
    _since: float = field(default_factory=time.perf_counter)

    def finish(self, stage: Stage) -> None:
        """The time since a stage was last finished belongs to this one."""
        now = time.perf_counter()
        self.seconds[stage] += now - self._since
        self._since = now

    @contextmanager
    def in_transformer(self) -> Iterator[None]:
        """Count the block's time as the transformer's."""
        began = time.perf_counter()
        yield
        self.transformer_s += time.perf_counter() - began


class SanaWMPipeline:
    """One opened model. The text encoder is read when a prompt is in no cache."""

    def __init__(self, parts: ModelParts) -> None:
        self.parts = parts
        self.card = parts.card

    @classmethod
    def from_pretrained(cls, folder: Path, *, threads: int | None = None) -> "SanaWMPipeline":
        """Open a model folder; `threads` holds for the whole process from here on."""
        if threads is not None:
            torch.set_num_threads(threads)
        return cls(open_model(Path(folder)))

    @torch.no_grad()
    def generate(
        self,
        request: GenerationRequest,
        output: Path,
        *,
        wants_end: WantsEnd = lambda: False,
        caches: CachePolicy = NO_CACHES,
    ) -> Generator[Progress | Finished, None, None]:
        """Make the video `output` (an .mp4), telling every step, and at last what was made.

        `wants_end` is asked after every drawing step; where it says yes before the last one, the
        video is made of the estimate at that step.
        """
        check_request(request, self.card)
        shortage = (
            f"Not enough memory for {request.num_frames} frames. The prompt, the picture and the "
            "path are kept. Try a shorter clip."
        )
        with memory_shortage_as_sentence(shortage), disk_shortage_as_sentence():
            log, kept = RunLog(), RunCaches(caches, numerics(self.parts))
            kept.trim()
            picture = read_picture(request.image, self.card)
            log.finish("first_frame")
            latents_BCTHW = yield from self._latents(request, picture, kept, wants_end, log)
            record = make_record(
                request,
                self.parts,
                image_sha256=picture.sha256,
                caches=kept.report(),
                stopped_at=log.stopped_at,
            )
            yield from self._save(latents_BCTHW, output, record, log)
        yield Finished(video=output, latents=latents_BCTHW, timings=log.seconds, record=record)

    def _latents(
        self,
        request: GenerationRequest,
        picture: Picture,
        caches: RunCaches,
        wants_end: WantsEnd,
        log: RunLog,
    ) -> Generator[Progress, None, Tensor]:
        """Latents of the whole clip, kept or drawn; what ended early is never kept."""
        deciding = drawing_parts(self.parts, request, picture)
        found = caches.recall("stage1", deciding)
        if found is not None:
            yield from self._skip_drawing(request, picture, found["latents"], caches, log)
            return found["latents"]
        inputs = InputReader(self.parts, caches)
        latents_BCTHW = yield from self._draw_anew(request, picture, inputs, wants_end, log)
        if log.stopped_at is None:
            caches.keep("stage1", deciding, {"latents": latents_BCTHW}, log.transformer_s)
        return latents_BCTHW

    def _draw_anew(
        self,
        request: GenerationRequest,
        picture: Picture,
        inputs: InputReader,
        wants_end: WantsEnd,
        log: RunLog,
    ) -> Generator[Progress, None, Tensor]:
        """Read prompt, first frame and camera, and draw under them."""
        yield Progress(stage="prompt", step=0, total=1)
        text_BLD, mask_BL = inputs.texts(request)
        log.finish("prompt")
        yield Progress(stage="prompt", step=1, total=1, savings=inputs.caches.savings)
        yield Progress(stage="first_frame", step=0, total=1)
        first_BCTHW = inputs.first_latent(picture)
        log.finish("first_frame")
        yield Progress(stage="first_frame", step=1, total=1, savings=inputs.caches.savings)
        camera = inputs.camera(request, picture)
        with log.in_transformer():
            velocity = self._prepare(request, text_BLD, mask_BL, camera)
        preview = LatentPreview(first_BCTHW, picture.pixels_BCFHW[:, :, 0])
        start_BCTHW = self._start(request, first_BCTHW)
        return (yield from self._draw(request, velocity, start_BCTHW, preview, wants_end, log))

    def _skip_drawing(
        self,
        request: GenerationRequest,
        picture: Picture,
        latents_BCTHW: Tensor,
        caches: RunCaches,
        log: RunLog,
    ) -> Iterator[Progress]:
        """Tell the stages up to drawing as done, with the last preview: the latents are known."""
        for stage in STAGES[: STAGES.index("drawing")]:
            yield Progress(stage=stage, step=0, total=1)
            log.finish(stage)
            yield Progress(stage=stage, step=1, total=1, savings=caches.savings)
        total = request.num_inference_steps
        yield Progress(stage="drawing", step=0, total=total)
        preview = LatentPreview(latents_BCTHW[:, :, :1], picture.pixels_BCFHW[:, :, 0])
        webp = preview.webp(latents_BCTHW)
        log.finish("drawing")
        yield Progress(stage="drawing", step=total, total=total, preview=webp)

    def _prepare(
        self, request: GenerationRequest, text_BLD: Tensor, mask_BL: Tensor, camera: CameraInputs
    ) -> Velocity:
        """The transformer under this run's conditions, which are computed here, once."""
        batch = len(text_BLD)
        grid = (self.card.num_latent_frames(request.num_frames), *self.card.latent_size)
        camera = CameraInputs(*(tensor.expand(batch, *tensor.shape[1:]) for tensor in camera))
        conditions = self.parts.transformer.prepare(text_BLD, mask_BL, camera, grid)

        def velocity(latents_BCTHW: Tensor, timestep_BT: Tensor) -> Tensor:
            return self.parts.transformer.step(latents_BCTHW, timestep_BT, conditions)

        return velocity if batch == 1 else guided(velocity, request.guidance_scale)

    def _start(self, request: GenerationRequest, first_BCTHW: Tensor) -> Tensor:
        """The seed's noise, behind the first frame."""
        num_frames = self.card.num_latent_frames(request.num_frames)
        shape = (1, self.card.latent_channels, num_frames, *self.card.latent_size)
        return pin_first_frame(seeded_noise(request.seed, shape), first_BCTHW)

    def _draw(
        self,
        request: GenerationRequest,
        velocity: Velocity,
        latents_BCTHW: Tensor,
        preview: LatentPreview,
        wants_end: WantsEnd,
        log: RunLog,
    ) -> Generator[Progress, None, Tensor]:
        """From noise to the clip's latents, or to the estimate of them where it ends early."""
        total = request.num_inference_steps
        yield Progress(stage="drawing", step=0, total=total)
        sigmas = shifted_sigmas(total, self.card.shift)
        steps = denoise(velocity, latents_BCTHW, sigmas)
        for step, levels in enumerate(pairwise(sigmas.tolist()), start=1):
            with log.in_transformer():
                after_BCTHW = next(steps)
            check_finite(after_BCTHW, step)
            clean_BCTHW = clean_estimate(latents_BCTHW, after_BCTHW, *levels)
            latents_BCTHW, webp = after_BCTHW, preview.webp(clean_BCTHW)
            yield Progress(stage="drawing", step=step, total=total, preview=webp)
            if step < total and wants_end():
                latents_BCTHW, log.stopped_at = clean_BCTHW, step
                break
        log.finish("drawing")
        return latents_BCTHW

    def _save(
        self, latents_BCTHW: Tensor, output: Path, record: dict[str, Any], log: RunLog
    ) -> Iterator[Progress]:
        """Decode and encode, some frames at a time, then name the file."""
        stride = self.parts.autoencoder.temporal_stride
        total = 1 + stride * (latents_BCTHW.shape[2] - 1)
        mark = mark_of(self.card.title, record["made_at"])
        with mp4_writer(output, self.card.fps, tags_of(record), mark) as writer:
            yield Progress(stage="decoding", step=0, total=total)
            for video_BCFHW in self.parts.autoencoder.decode_stream(latents_BCTHW):
                for frame_HWC in frames_of(video_BCFHW):
                    writer.add(frame_HWC)
                yield Progress(stage="decoding", step=writer.num_frames, total=total)
            log.finish("decoding")
            yield Progress(stage="saving", step=0, total=1)
        log.finish("saving")
        yield Progress(stage="saving", step=1, total=1)


def frames_of(video_BCFHW: Tensor) -> Iterator[Frame]:
    """Frames (H, W, 3) in whole numbers from 0 to 255 of the first video in the batch."""
    scaled_BCFHW = ((video_BCFHW.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    for frame_CHW in scaled_BCFHW[0].unbind(1):
        yield frame_CHW.permute(1, 2, 0).contiguous().cpu().numpy()


def check_finite(latents_BCTHW: Tensor, step: int) -> None:
    """Stop where the numbers broke, rather than save a black video."""
    if not torch.isfinite(latents_BCTHW).all():
        raise SanaWMError(
            f"The picture broke in drawing step {step}: the numbers went out of range. Try other "
            "settings, such as less guidance; if it happens again, the model's weights are damaged."
        )
