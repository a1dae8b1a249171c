"""The transformer under one run's conditions, with or without guidance, as the plan wants it."""

from dataclasses import replace

from torch import Tensor

from sanawm.memory_plan import Plan
from sanawm.sampling import Velocity, guided, guided_apart
from sanawm.transformer import CameraInputs, Conditions, Grid, SanaWMTransformer


def prepared_velocity(
    transformer: SanaWMTransformer,
    text: tuple[Tensor, Tensor],
    camera: CameraInputs,
    grid: Grid,
    plan: Plan,
    guidance_scale: float,
) -> Velocity:
    """Velocity of latents (1, C, T, H, W); what does not change over the steps is computed here.

    `text` is embeddings (B, L, D) and mask (B, L): one row, or [negative, positive].
    """
    text_BLD, mask_BL = text
    rows = len(text_BLD)
    if rows == 1 or plan.together:
        camera = CameraInputs(*(tensor.expand(rows, *tensor.shape[1:]) for tensor in camera))
        read = transformer.read(text_BLD, mask_BL)
        velocity = _under(
            transformer, transformer.place(read, camera, grid, portions=plan.portions)
        )
        return velocity if rows == 1 else guided(velocity, guidance_scale)
    negative, positive = (
        transformer.read(text_BLD[row : row + 1], mask_BL[row : row + 1]) for row in range(rows)
    )
    placed = transformer.place(negative, camera, grid, portions=plan.portions)
    return guided_apart(
        _under(transformer, placed),
        _under(transformer, replace(placed, blocks=positive)),
        guidance_scale,
    )


def _under(transformer: SanaWMTransformer, conditions: Conditions) -> Velocity:
    def velocity(latents_BCTHW: Tensor, timestep_BT: Tensor) -> Tensor:
        return transformer.step(latents_BCTHW, timestep_BT, conditions)

    return velocity
