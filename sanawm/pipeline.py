"""First frame, prompt and camera path to a video: the stages of one generation, in order.

    prompt       texts to embeddings                                   (kept in a cache)
    first_frame  picture to its latent                                 (kept in a cache)
    drawing      noise to latents, with a preview after every step
    decoding     latents to frames, encoded into the mp4 as they come
    saving       the mp4 gets its name once it is whole

On a processor everything is float32. The same request with the same number of threads on the same
machine gives the same latents, bit for bit. Closing the generator stops within a step and leaves
no file behind. A run may also end early with what there is: after the step in hand the estimate of
the clean video, which the previews show, is decoded and saved.

Shape letters: B batch, C channels, F frames, T latent frames, H, W rows and columns, L tokens,
D text channels.
"""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sanawm.cache import TensorCache, content_key, tensor_digest
from sanawm.errors import SanaWMError
from sanawm.image import fit_to, open_photo, photo_size
from sanawm.latent_preview import LatentPreview
from sanawm.model_parts import ModelParts, memory_shortage_as_sentence, open_model
from sanawm.progress import Finished, Progress, Stage
from sanawm.rays import camera_inputs
from sanawm.record import make_record, tags_of
from sanawm.request import GenerationRequest, check_request
from sanawm.sampling import (
    Velocity,
    clean_estimate,
    denoise,
    guided,
    pin_first_frame,
    seeded_noise,
    shifted_sigmas,
)
from sanawm.text import stack_texts
from sanawm.transformer import CameraInputs
from sanawm.video import Frame, mp4_writer

CACHE_LIMIT_BYTES = 2**30  # of each kind: texts, first frames

WantsEnd = Callable[[], bool]  # whether the run shall end early with what there is


@dataclass(kw_only=True, slots=True)
class RunLog:
    """Seconds spent in each stage so far, and the stages whose result was kept from earlier."""

    seconds: dict[str, float] = field(default_factory=dict)
    cached: list[str] = field(default_factory=list)
    stopped_at: int | None = None  # the drawing step after which the run was asked to end
    _since: float = field(default_factory=time.perf_counter)

    def finish(self, stage: Stage) -> None:
        """The time since the last stage ended belongs to this one."""
        now = time.perf_counter()
        self.seconds[stage] = now - self._since
        self._since = now


class SanaWMPipeline:
    """One opened model. The text encoder is read when a prompt is not in the cache."""

    def __init__(self, parts: ModelParts, cache_folder: Path | None = None) -> None:
        self.parts = parts
        self.card = parts.card
        self._cache_folder = cache_folder

    @classmethod
    def from_pretrained(
        cls, folder: Path, *, cache_folder: Path | None = None, threads: int | None = None
    ) -> "SanaWMPipeline":
        """Open a model folder; `threads` holds for the whole process from here on."""
        if threads is not None:
            torch.set_num_threads(threads)
        return cls(open_model(Path(folder)), cache_folder)

    @torch.no_grad()
    def generate(
        self,
        request: GenerationRequest,
        output: Path,
        *,
        wants_end: WantsEnd = lambda: False,
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
        with memory_shortage_as_sentence(shortage):
            log = RunLog()
            text_BLD, mask_BL = yield from self._read_texts(request, log)
            first_frame = yield from self._read_photo(request, log)
            camera = self._read_camera(request)
            velocity = self._prepare(request, text_BLD, mask_BL, camera)
            latents_BCTHW = yield from self._draw(request, velocity, first_frame, wants_end, log)
            record = make_record(
                request, self.card, self.parts.revision, log.cached, log.stopped_at
            )
            yield from self._save(latents_BCTHW, output, record, log)
        yield Finished(video=output, latents=latents_BCTHW, timings=log.seconds, record=record)

    def _read_texts(
        self, request: GenerationRequest, log: RunLog
    ) -> Generator[Progress, None, tuple[Tensor, Tensor]]:
        """Embeddings (B, L, D) and mask (B, L): [negative, positive], or only the prompt."""
        yield Progress(stage="prompt", step=0, total=1)
        texts = [self._embed(request.prompt, negative=False, log=log)]
        if request.guidance_scale != 1:
            texts.insert(0, self._embed(request.negative_prompt, negative=True, log=log))
        log.finish("prompt")
        yield Progress(stage="prompt", step=1, total=1)
        return stack_texts(texts)

    def _embed(self, prompt: str, *, negative: bool, log: RunLog) -> Tensor:
        return self._kept(
            "text",
            {
                "prompt": prompt,
                "chi_prompt": "" if negative else self.card.chi_prompt,
                "text_length": self.card.text_length,
                "model": [
                    self.parts.fingerprints["text_encoder"],
                    self.parts.fingerprints["tokenizer"],
                ],
            },
            lambda: self.parts.text_encoder.encode(prompt, negative=negative),
            log,
        )

    def _read_photo(
        self, request: GenerationRequest, log: RunLog
    ) -> Generator[Progress, None, "FirstFrame"]:
        """The picture at the model's size, and its latent."""
        yield Progress(stage="first_frame", step=0, total=1)
        photo = open_photo(request.image)
        pixels_BCFHW = pixels_of(fit_to(photo, self.card.width, self.card.height))
        latent_BCTHW = self._kept(
            "latents",
            {"pixels": tensor_digest(pixels_BCFHW), "model": self.parts.fingerprints["vae"]},
            lambda: self.parts.autoencoder.encode(pixels_BCFHW),
            log,
        )
        log.finish("first_frame")
        yield Progress(stage="first_frame", step=1, total=1)
        return FirstFrame(pixels_BCFHW=pixels_BCFHW, latent_BCTHW=latent_BCTHW)

    def _read_camera(self, request: GenerationRequest) -> CameraInputs:
        """Rays of the path; its intrinsics are in pixels of the picture as the file has it."""
        size = photo_size(request.image)
        return CameraInputs(*camera_inputs(request.camera_path, self.card, size))

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

    def _draw(
        self,
        request: GenerationRequest,
        velocity: Velocity,
        first_frame: "FirstFrame",
        wants_end: WantsEnd,
        log: RunLog,
    ) -> Generator[Progress, None, Tensor]:
        """Latents of the whole clip, or the estimate of them where the run shall end early."""
        total = request.num_inference_steps
        yield Progress(stage="drawing", step=0, total=total)
        num_frames = self.card.num_latent_frames(request.num_frames)
        shape = (1, self.card.latent_channels, num_frames, *self.card.latent_size)
        latents_BCTHW = pin_first_frame(seeded_noise(request.seed, shape), first_frame.latent_BCTHW)
        sigmas = shifted_sigmas(total, self.card.shift)
        preview = LatentPreview(first_frame.latent_BCTHW, first_frame.pixels_BCFHW[:, :, 0])
        steps = enumerate(denoise(velocity, latents_BCTHW, sigmas))
        for (step, after_BCTHW), levels in zip(steps, pairwise(sigmas.tolist()), strict=True):
            check_finite(after_BCTHW, step + 1)
            clean_BCTHW = clean_estimate(latents_BCTHW, after_BCTHW, *levels)
            latents_BCTHW = after_BCTHW
            yield Progress(
                stage="drawing", step=step + 1, total=total, preview=preview.webp(clean_BCTHW)
            )
            if step + 1 < total and wants_end():
                latents_BCTHW, log.stopped_at = clean_BCTHW, step + 1
                break
        log.finish("drawing")
        return latents_BCTHW

    def _save(
        self, latents_BCTHW: Tensor, output: Path, record: dict[str, Any], log: RunLog
    ) -> Iterator[Progress]:
        """Decode and encode, some frames at a time, then name the file."""
        stride = self.parts.autoencoder.temporal_stride
        total = 1 + stride * (latents_BCTHW.shape[2] - 1)
        with mp4_writer(output, self.card.fps, tags_of(record)) as writer:
            yield Progress(stage="decoding", step=0, total=total)
            for video_BCFHW in self.parts.autoencoder.decode_stream(latents_BCTHW):
                for frame_HWC in frames_of(video_BCFHW):
                    writer.add(frame_HWC)
                yield Progress(stage="decoding", step=writer.num_frames, total=total)
            log.finish("decoding")
            yield Progress(stage="saving", step=0, total=1)
        log.finish("saving")
        yield Progress(stage="saving", step=1, total=1)

    def _kept(
        self, kind: str, parts: dict[str, Any], compute: Callable[[], Tensor], log: RunLog
    ) -> Tensor:
        """What the cache holds, else what is computed, which it then holds.

        The number of threads and torch's version decide the last bits, so they are in the key.
        """
        if self._cache_folder is None:
            return compute()
        store = TensorCache(self._cache_folder / kind, CACHE_LIMIT_BYTES)
        numerics = {"threads": torch.get_num_threads(), "torch": torch.__version__}
        key = content_key(parts | numerics)
        found = store.get(key)
        if found is not None and kind in found:
            log.cached.append(kind)
            return found[kind]
        tensor = compute()
        store.put(key, {kind: tensor})
        return tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstFrame:
    """The cropped picture, (1, 3, 1, H, W) in [-1, 1], and its latent (1, C, 1, H, W)."""

    pixels_BCFHW: Tensor
    latent_BCTHW: Tensor


def pixels_of(picture: Image.Image) -> Tensor:
    """An RGB picture as a video of one frame, (1, 3, 1, H, W) in [-1, 1]."""
    pixels_HWC = torch.from_numpy(np.array(picture, np.float32)) / 127.5 - 1
    return pixels_HWC.permute(2, 0, 1)[None, :, None].contiguous()


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
