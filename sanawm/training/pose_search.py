"""Where the camera of a drawn picture is: the pose from which the world looks most like it.

The world is known, so it is rendered from candidate poses and compared. First from poses less or
more far along the true motion, which gives its scale (1 is right, 0 stands still, below 1
undershoots); then by Levenberg-Marquardt in all six directions from the best of those. Pictures
are blurred a little, which widens the basin and forgives what a small decoder cannot draw.

Shape letters: B worlds, K candidate poses, C channels, H, W rows and columns, P values of a
picture.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sanawm.training.metrics import box_blur, rotation_degrees

SCALES = torch.linspace(0, 1.5, 16)
BLUR = 5  # pixels, odd
ITERATIONS = 6
STEPS = torch.tensor([0.01, 0.01, 0.01, 0.02, 0.02, 0.02])  # radians, metres: difference quotients
DAMPING = 1e-2

Render = Callable[[Tensor], Tensor]  # poses (B, K, 4, 4) -> pictures (B, K, C, H, W)


@dataclass(frozen=True, kw_only=True, slots=True)
class PoseErrors:
    """Per world: how far the found camera is from the true one, (B,) each."""

    rotation_degrees: Tensor
    translation_m: Tensor
    scale: Tensor


def pose_errors(render: Render, pictures_BCHW: Tensor, true_B44: Tensor) -> PoseErrors:
    """Errors of the cameras of `pictures`, which should be the true ones.

    The scale of a camera that never left the identity says nothing.
    """
    target_BCHW = blurred(pictures_BCHW)
    candidates_BK44 = scaled_poses(true_B44, SCALES)
    best_B = picture_errors(render, candidates_BK44, target_BCHW).argmin(dim=1)
    start_B44 = candidates_BK44[torch.arange(len(best_B)), best_B]
    found_B44 = refine(render, start_B44, target_BCHW)
    offset_B3 = found_B44[:, :3, 3] - true_B44[:, :3, 3]
    return PoseErrors(
        rotation_degrees=rotation_degrees(found_B44[:, :3, :3], true_B44[:, :3, :3]),
        translation_m=offset_B3.norm(dim=-1),
        scale=SCALES[best_B],
    )


def blurred(pictures: Tensor) -> Tensor:
    """What is compared; any leading shape."""
    return box_blur(pictures, BLUR)


def picture_errors(render: Render, poses_BK44: Tensor, target_BCHW: Tensor) -> Tensor:
    """Mean squared difference (B, K) of the world seen from these poses."""
    return (blurred(render(poses_BK44)) - target_BCHW[:, None]).square().mean(dim=(2, 3, 4))


def scaled_poses(poses_B44: Tensor, scales_K: Tensor) -> Tensor:
    """Poses (B, K, 4, 4) with so much of the turn and of the shift from the identity."""
    rotation_B33 = poses_B44[:, :3, :3]
    skew_B33 = (rotation_B33 - rotation_B33.mT) / 2
    sine_B = skew_B33.flatten(1).norm(dim=1) / 2**0.5
    cosine_B = (rotation_B33.diagonal(dim1=1, dim2=2).sum(dim=1) - 1) / 2
    angle_B = torch.atan2(sine_B, cosine_B)
    generator_B33 = skew_B33 * (angle_B / sine_B.clamp(min=1e-9))[:, None, None]
    scaled_BK44 = torch.eye(4).repeat(len(poses_B44), len(scales_K), 1, 1)
    scaled_BK44[..., :3, :3] = torch.linalg.matrix_exp(
        scales_K[:, None, None] * generator_B33[:, None]
    )
    scaled_BK44[..., :3, 3] = scales_K[:, None] * poses_B44[:, None, :3, 3]
    return scaled_BK44


def refine(render: Render, start_B44: Tensor, target_BCHW: Tensor) -> Tensor:
    """Levenberg-Marquardt over six directions; a step is taken where it lowers the error."""
    poses_B44 = start_B44
    damping_B = torch.full((len(start_B44),), DAMPING)
    for _ in range(ITERATIONS):
        offsets_K6 = torch.cat((torch.zeros(1, 6), torch.diag(STEPS), -torch.diag(STEPS)))
        views_BKP = blurred(render(moved(poses_B44, offsets_K6))).flatten(2)
        residual_BP = target_BCHW.flatten(1) - views_BKP[:, 0]
        jacobian_B6P = (views_BKP[:, 1:7] - views_BKP[:, 7:13]) / (2 * STEPS[:, None])
        normal_B66 = jacobian_B6P @ jacobian_B6P.mT
        normal_B66 = normal_B66 + torch.diag_embed(
            damping_B[:, None] * normal_B66.diagonal(dim1=1, dim2=2) + 1e-6
        )
        gradient_B6 = (jacobian_B6P @ residual_BP[..., None])[..., 0]
        step_B6 = torch.linalg.solve(normal_B66, gradient_B6)
        tried_B44 = moved(poses_B44, step_B6[:, None])[:, 0]
        before_B = residual_BP.square().mean(dim=1)
        after_B = picture_errors(render, tried_B44[:, None], target_BCHW)[:, 0]
        is_better_B = after_B < before_B
        poses_B44 = torch.where(is_better_B[:, None, None], tried_B44, poses_B44)
        damping_B = torch.where(is_better_B, damping_B / 3, damping_B * 10)
    return poses_B44


def moved(poses_B44: Tensor, offsets_K6: Tensor) -> Tensor:
    """Poses after small turns (radians) and shifts (metres) in the camera's own axes.

    `offsets` are (K, 6), the same for all worlds, or (B, K, 6).
    """
    turns = torch.linalg.matrix_exp(_skew(offsets_K6[..., :3]))
    small = torch.zeros(*offsets_K6.shape[:-1], 4, 4)
    small[..., :3, :3] = turns
    small[..., :3, 3] = offsets_K6[..., 3:]
    small[..., 3, 3] = 1
    return poses_B44[:, None] @ small


def _skew(axis_3: Tensor) -> Tensor:
    x, y, z = axis_3.unbind(-1)
    zero = torch.zeros_like(x)
    rows = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=-1)
    return rows.view(*axis_3.shape[:-1], 3, 3)
