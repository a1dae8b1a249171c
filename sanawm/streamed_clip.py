"""A clip of a streaming model: each chunk is decoded as soon as it is clean.

Shape letters: B batch, C channels, F frames, T latent frames, H, W rows and columns.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any

import torch
from torch import Tensor

from sanawm.errors import SanaWMError
from sanawm.latent_preview import LatentPreview
from sanawm.model_parts import ModelParts
from sanawm.progress import Progress
from sanawm.run_log import RunLog
from sanawm.sampling import clean_estimate, explicit_sigmas
from sanawm.streaming import Chunk, DrawnStep, draw_chunks
from sanawm.transformer import BlockConditions

WriteFrames = Callable[[Tensor], None]  # frames BCFHW of one latent frame, in [-1, 1]


def stream_clip(
    parts: ModelParts,
    text: tuple[BlockConditions, ...],
    chunks: Sequence[Chunk],
    preview: LatentPreview,
    write: WriteFrames,
    wants_end: Callable[[], bool],
    log: RunLog,
) -> Generator[Progress, None, Tensor]:
    """Draw chunk by chunk, handing on frames; returns the latents of what was drawn.

    `wants_end` is asked after every step; the chunk in hand is finished all the same.
    """
    sigmas = explicit_sigmas(parts.card.sigmas)
    per_chunk = len(sigmas) - 1
    total, asked = len(chunks) * per_chunk, False
    done: list[Tensor] = []
    state: Any = None
    yield Progress(stage="drawing", step=0, total=total)
    steps = draw_chunks(parts.transformer, text, chunks, sigmas)
    while True:
        with log.in_transformer():
            drawn = next(steps, None)
        if drawn is None:
            break
        step = drawn.chunk * per_chunk + drawn.step
        check_finite(drawn.latents_BCTHW, step)
        webp = preview.webp(_estimate(drawn, sigmas))
        log.finish("drawing")
        if drawn.is_last:
            done.append(drawn.latents_BCTHW)
            # One at a time, as kept latents are decoded: the same frames bit for bit.
            for latent_BCTHW in torch.split(drawn.latents_BCTHW, 1, dim=2):
                video_BCFHW, state = parts.autoencoder.decode_next(latent_BCTHW, state)
                write(video_BCFHW)
            log.finish("decoding")
        yield Progress(stage="drawing", step=step, total=total, preview=webp)
        asked = asked or wants_end()
        if asked and drawn.is_last:
            break
    return torch.cat(done, dim=2).cpu()


def check_finite(latents_BCTHW: Tensor, step: int) -> None:
    """Stop where the numbers broke, rather than save a black video."""
    if not torch.isfinite(latents_BCTHW).all():
        raise SanaWMError(
            f"The picture broke in drawing step {step}: the numbers went out of range. Try other "
            "settings, such as less guidance; if it happens again, the model's weights are damaged."
        )


def _estimate(drawn: DrawnStep, sigmas: Tensor) -> Tensor:
    """The clean chunk as this step sees it."""
    sigma, sigma_next = sigmas[drawn.step - 1 : drawn.step + 1].tolist()
    return clean_estimate(drawn.before_BCTHW, drawn.latents_BCTHW, sigma, sigma_next)
