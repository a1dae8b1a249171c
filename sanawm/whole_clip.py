"""A clip drawn whole: every frame at once, from noise to clean, step by step.

Shape letters: B batch, C channels, T latent frames, H, W rows and columns.
"""

from collections.abc import Callable, Generator
from itertools import pairwise

from torch import Tensor

from sanawm.latent_preview import LatentPreview
from sanawm.progress import Progress
from sanawm.run_log import RunLog
from sanawm.sampling import Velocity, clean_estimate, denoise
from sanawm.streamed_clip import check_finite


def draw_clip(
    velocity: Velocity,
    latents_BCTHW: Tensor,
    sigmas: Tensor,
    preview: LatentPreview,
    wants_end: Callable[[], bool],
    log: RunLog,
) -> Generator[Progress, None, Tensor]:
    """From noise to the clip's latents, or to the estimate of them where it ends early."""
    total = len(sigmas) - 1
    yield Progress(stage="drawing", step=0, total=total)
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
