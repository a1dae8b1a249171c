"""First frame, prompt and camera path to a video: the stages of one generation, in order.

    prompt       texts to embeddings                                   (kept in a cache)
    first_frame  picture to its latent                                 (kept in a cache)
    drawing      noise to latents, with a preview after every step     (kept where that is asked)
    decoding     latents to frames, encoded into the mp4 as they come
    saving       the mp4 gets its name once it is whole

A streaming model draws and decodes chunk by chunk, so that decoding goes on while it draws.

On a processor everything is float32, on a graphics card bfloat16; what lies where, and how much is
worked on at once, is as the run's plan says (`sanawm.memory_plan`). On a processor the same request
with the same number of threads on the same machine gives the same latents, bit for bit, whatever
the caches hold. Closing the generator stops within a step and leaves no file behind. A run may also
end early with what there is: after the step in hand the estimate of the clean video, which the
previews show, is decoded and saved.

Shape letters: B batch, C channels, F frames, T latent frames, H, W rows and columns, L tokens,
D text channels.
"""

import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from sanawm.ai_mark import mark_of
from sanawm.cache_keys import drawing_parts, numerics
from sanawm.cache_policy import NO_CACHES, CachePolicy
from sanawm.device import best_device
from sanawm.files import disk_shortage_as_sentence
from sanawm.guidance import prepared_velocity
from sanawm.inputs import InputReader
from sanawm.latent_preview import LatentPreview
from sanawm.live_video import live_writer
from sanawm.lora_use import LoraFiles, LoraMode
from sanawm.memory_plan import Job, Plan
from sanawm.model_parts import (
    ModelParts,
    is_memory_shortage,
    memory_shortage_as_sentence,
    open_model,
)
from sanawm.picture import Picture, read_picture
from sanawm.progress import STAGES, Finished, Progress
from sanawm.record import make_record, tags_of
from sanawm.request import GenerationRequest, check_request
from sanawm.residence import Residence
from sanawm.retagging import with_recipe
from sanawm.run_cache import RunCaches
from sanawm.run_log import RunLog
from sanawm.sampling import (
    pin_first_frame,
    seeded_noise,
    shifted_sigmas,
    streamed_noise,
)
from sanawm.streamed_clip import stream_clip
from sanawm.streaming import chunk_lengths, cut
from sanawm.transformer import CameraInputs
from sanawm.video import Frame, mp4_writer
from sanawm.whole_clip import draw_clip

Events = Progress | Finished
Made = TypeVar("Made")
WantsEnd = Callable[[], bool]  # whether the run shall end early with what there is

logger = logging.getLogger(__name__)


class Inputs(NamedTuple):
    """What a clip is drawn from, as the model takes it."""

    text_BLD: Tensor
    mask_BL: Tensor
    first_BCTHW: Tensor  # latent of the first frame
    camera: CameraInputs
    preview: LatentPreview


class SanaWMPipeline:
    """One opened model. The text encoder is read when a prompt is in no cache."""

    def __init__(self, parts: ModelParts) -> None:
        self.parts = parts
        self.card = parts.card
        self._residence = Residence(parts)

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        *,
        threads: int | None = None,
        loras: LoraFiles = (),
        lora_mode: LoraMode = "merged",
    ) -> "SanaWMPipeline":
        """Open a model by its folder or name; `threads` holds for the whole process from here on.

        `loras` are files with a weight each, beside those the model's card names.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        opened = open_model(Path(folder), best_device(), loras=loras, lora_mode=lora_mode)
        return cls(opened)

    def set_lora_weights(self, weights: Sequence[float]) -> None:
        """Give LoRAs that stand apart other weights, 0 for none, without loading again."""
        self.parts = self.parts.with_lora_weights(weights)
        self._residence = Residence(self.parts)

    @torch.no_grad()
    def generate(
        self,
        request: GenerationRequest,
        output: Path,
        *,
        wants_end: WantsEnd = lambda: False,
        caches: CachePolicy = NO_CACHES,
        live: Path | None = None,
    ) -> Generator[Progress | Finished, None, None]:
        """Make the video `output` (an .mp4), telling every step, and at last what was made.

        Of a streaming model, `live` grows while the run goes on and can be watched; whoever asked
        for it removes it.
        `wants_end` is asked after every drawing step; where it says yes before the last one, the
        video is made of the estimate at that step.
        """
        check_request(request, self.card)
        guided = request.guidance_scale != 1
        plans = self._residence.plans(Job(num_frames=request.num_frames, guided=guided))
        with memory_shortage_as_sentence(_shortage(request)), disk_shortage_as_sentence():
            log, kept = RunLog(plan=plans[0]), RunCaches(caches, numerics(self.parts))
            kept.trim()
            self.parts.machine.forget_peak()
            picture = read_picture(request.image, self.card)
            log.finish("first_frame")
            deciding = drawing_parts(self.parts, request, picture)
            found = kept.recall("stage1", deciding)
            if found is not None:
                latents_BCTHW = found["latents"]
                yield from self._skip_drawing(request, picture, latents_BCTHW, kept, log)
            else:
                reader = InputReader(self.parts, kept)
                inputs = yield from self._within_memory(
                    plans, log, lambda: self._read(request, picture, reader, log)
                )
                if self.card.streaming:
                    files = output, live
                    yield from self._within_memory(
                        plans,
                        log,
                        lambda: self._stream(request, picture, inputs, files, kept, wants_end, log),
                    )
                    return
                latents_BCTHW = yield from self._within_memory(
                    plans, log, lambda: self._draw_anew(request, inputs, wants_end, log)
                )
                if log.stopped_at is None:
                    kept.keep("stage1", deciding, {"latents": latents_BCTHW}, log.transformer_s)
            record = yield from self._within_memory(
                plans,
                log,
                lambda: self._save(
                    latents_BCTHW, output, self._record(request, picture, kept, log), log
                ),
            )
        yield Finished(video=output, latents=latents_BCTHW, timings=log.seconds, record=record)

    def _within_memory(
        self,
        plans: Sequence[Plan],
        log: RunLog,
        make: Callable[[], Generator[Events, None, Made]],
    ) -> Generator[Events, None, Made]:
        """Make something by the plan; where memory runs out, once more by the next smaller one."""
        try:
            self._residence.settle(log.plan)
            return (yield from make())
        except (MemoryError, RuntimeError) as error:
            smaller = [plan for plan in plans if plan.peak_bytes < log.plan.peak_bytes]
            if log.retried or not smaller or not is_memory_shortage(error):
                raise
            logger.warning("memory ran out with the plan “%s”: %s", log.plan.words, str(error))
        log.retried, log.plan = True, smaller[0]
        self._residence.settle(log.plan)
        return (yield from make())

    def _record(
        self, request: GenerationRequest, picture: Picture, kept: RunCaches, log: RunLog
    ) -> dict[str, Any]:
        return make_record(
            request,
            self.parts,
            image_sha256=picture.sha256,
            caches=kept.report(),
            log=log,
        )

    def _read(
        self, request: GenerationRequest, picture: Picture, reader: InputReader, log: RunLog
    ) -> Generator[Progress, None, Inputs]:
        """Read prompt, first frame and camera."""
        yield Progress(stage="prompt", step=0, total=1)
        with self._residence.at_work(self.parts.text_encoder):
            texts = reader.texts(request)
        log.finish("prompt")
        yield Progress(stage="prompt", step=1, total=1, savings=reader.caches.savings)
        yield Progress(stage="first_frame", step=0, total=1)
        with self._residence.at_work(self.parts.autoencoder):
            first_BCTHW = reader.first_latent(picture)
        log.finish("first_frame")
        yield Progress(stage="first_frame", step=1, total=1, savings=reader.caches.savings)
        preview = LatentPreview(first_BCTHW, picture.pixels_BCFHW[:, :, 0])
        camera = CameraInputs(*map(self._here, reader.camera(request, picture)))
        text_BLD, mask_BL, first_BCTHW = map(self._here, (*texts, first_BCTHW))
        return Inputs(text_BLD, mask_BL, first_BCTHW, camera, preview)

    def _here(self, tensor: Tensor) -> Tensor:
        """A tensor where the transformer draws."""
        return tensor.to(self.parts.machine.device)

    def _draw_anew(
        self, request: GenerationRequest, inputs: Inputs, wants_end: WantsEnd, log: RunLog
    ) -> Generator[Progress, None, Tensor]:
        """Latents of the whole clip at once."""
        with log.in_transformer():
            velocity = prepared_velocity(
                self.parts.transformer,
                (inputs.text_BLD, inputs.mask_BL),
                inputs.camera,
                self._shape(request)[2:],
                log.plan,
                request.guidance_scale,
            )
        noise_BCTHW = self._here(seeded_noise(request.seed, self._shape(request)))
        start_BCTHW = pin_first_frame(noise_BCTHW, inputs.first_BCTHW)
        sigmas = shifted_sigmas(request.num_inference_steps, self.card.shift)
        steps = draw_clip(velocity, start_BCTHW, sigmas, inputs.preview, wants_end, log)
        return (yield from steps).cpu()

    def _stream(
        self,
        request: GenerationRequest,
        picture: Picture,
        inputs: Inputs,
        files: tuple[Path, Path | None],
        kept: RunCaches,
        wants_end: WantsEnd,
        log: RunLog,
    ) -> Generator[Events, None, None]:
        """Draw, decode and encode chunk by chunk; how long the video is shows at the end."""
        noise_BCTHW = self._here(streamed_noise(request.seed, self._shape(request)))
        start_BCTHW = pin_first_frame(noise_BCTHW, inputs.first_BCTHW)
        chunks = list(cut(start_BCTHW, inputs.camera, chunk_lengths(start_BCTHW.shape[2])))
        mark = mark_of(self.card.title, time.time())
        output, live = files
        drawn = output.with_name(f".{output.name}.drawn.part")
        try:
            with (
                self._residence.at_work(self.parts.autoencoder),
                mp4_writer(drawn, self.card.fps, {}, mark) as writer,
                live_writer(live, self.card.fps) as shown,
            ):

                def write(video_BCFHW: Tensor) -> None:
                    for frame_HWC in frames_of(video_BCFHW):
                        writer.add(frame_HWC)
                        if shown is not None:
                            shown.add(frame_HWC)

                text = self.parts.transformer.read(inputs.text_BLD, inputs.mask_BL)
                latents_BCTHW = yield from stream_clip(
                    self.parts, text, chunks, inputs.preview, write, wants_end, log
                )
                made = writer.num_frames
            yield Progress(stage="decoding", step=made, total=made)
            yield Progress(stage="saving", step=0, total=1)
            path = request.camera_path.first(made)
            made_request = replace(request, num_frames=made, camera_path=path)
            if made == request.num_frames:
                deciding = drawing_parts(self.parts, request, picture)
                kept.keep("stage1", deciding, {"latents": latents_BCTHW}, log.transformer_s)
            record = self._record(made_request, picture, kept, log)
            with_recipe(drawn, output, tags_of(record), mark_of(self.card.title, record["made_at"]))
        finally:
            drawn.unlink(missing_ok=True)
        log.finish("saving")
        yield Progress(stage="saving", step=1, total=1)
        yield Finished(video=output, latents=latents_BCTHW, timings=log.seconds, record=record)

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

    def _shape(self, request: GenerationRequest) -> tuple[int, int, int, int, int]:
        """Of the clip's latents, (1, C, T, H, W)."""
        num_frames = self.card.num_latent_frames(request.num_frames)
        return (1, self.card.latent_channels, num_frames, *self.card.latent_size)

    def _save(
        self, latents_BCTHW: Tensor, output: Path, record: dict[str, Any], log: RunLog
    ) -> Generator[Progress, None, dict[str, Any]]:
        """Decode and encode, some frames at a time, then name the file; gives back the record."""
        stride, autoencoder = self.parts.autoencoder.temporal_stride, self.parts.autoencoder
        total = 1 + stride * (latents_BCTHW.shape[2] - 1)
        mark = mark_of(self.card.title, record["made_at"])
        with mp4_writer(output, self.card.fps, tags_of(record), mark) as writer:
            yield Progress(stage="decoding", step=0, total=total)
            with self._residence.at_work(autoencoder):
                for video_BCFHW in autoencoder.decode_stream(latents_BCTHW):
                    for frame_HWC in frames_of(video_BCFHW):
                        writer.add(frame_HWC)
                    yield Progress(stage="decoding", step=writer.num_frames, total=total)
            log.finish("decoding")
            yield Progress(stage="saving", step=0, total=1)
        log.finish("saving")
        yield Progress(stage="saving", step=1, total=1)
        return record


def _shortage(request: GenerationRequest) -> str:
    """What to do where memory ran out after all, by a smaller plan, too."""
    return (
        f"Not enough memory for {request.num_frames} frames. The prompt, the picture and the path "
        "are kept. Try a shorter clip."
    )


def frames_of(video_BCFHW: Tensor) -> Iterator[Frame]:
    """Frames (H, W, 3) in whole numbers from 0 to 255 of the first video in the batch."""
    scaled_BCFHW = ((video_BCFHW.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    for frame_CHW in scaled_BCFHW[0].unbind(1):
        yield frame_CHW.permute(1, 2, 0).contiguous().cpu().numpy()
