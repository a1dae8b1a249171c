"""What the transformer is told about the camera: a ray map and packed Plücker rays.

    c2w         (B, F, 4, 4)  camera-to-world in OpenCV axes: +x right, +y down, +z forward
    intrinsics  (B, F, 4)     fx, fy, cx, cy in pixels of the model's own (cropped) picture
    pixel (0, 0) has its centre at (0, 0), in the picture and in the latent grid

Everything is computed in float64 and handed over in float32.
Shape letters: B batch, F pixel frames, T latent frames, S temporal stride (frames behind one
latent frame), C = 6·S channels, H and W latent rows and columns.
"""

import numpy as np
import torch
from torch import Tensor

from sanawm.camera.intrinsics import crop_geometry, crop_intrinsics, from_fov
from sanawm.camera.path import CameraPath
from sanawm.card import ModelCard


def raymap(
    c2w_BF44: Tensor,
    intrinsics_BF4: Tensor,
    *,
    temporal_stride: int,
    latent_size: tuple[int, int],
    pixel_size: tuple[int, int],
) -> Tensor:
    """Pose (16 numbers, row by row) and latent intrinsics of every latent frame, (B, T, 20).

    Sizes are (rows, columns). Poses are relative to frame 0.
    """
    relative_BF44 = _relative(c2w_BF44)[:, ::temporal_stride]
    latent_BF4 = _in_latent_pixels(intrinsics_BF4, latent_size, pixel_size)[:, ::temporal_stride]
    raymap_BT20 = torch.cat((relative_BF44.flatten(2), latent_BF4), dim=-1)
    return raymap_BT20.float()


def chunk_plucker(
    c2w_BF44: Tensor,
    intrinsics_BF4: Tensor,
    *,
    temporal_stride: int,
    latent_size: tuple[int, int],
    pixel_size: tuple[int, int],
) -> Tensor:
    """Plücker rays of the frames behind every latent frame, (B, 6·S, T, H, W).

    Latent frame i packs S frames from max(0, S·i - S + 1) on, frame by frame: direction, then
    moment (origin × direction). Past the last frame its rays are repeated.
    """
    stride, num_frames = temporal_stride, c2w_BF44.shape[1]
    rays_BF6HW = _plucker(
        _relative(c2w_BF44),
        _in_latent_pixels(intrinsics_BF4, latent_size, pixel_size),
        latent_size,
    )
    num_latent_frames = (num_frames - 1) // stride + 1
    starts_T = (torch.arange(num_latent_frames) * stride - stride + 1).clamp(min=0)
    frames_TS = (starts_T[:, None] + torch.arange(stride)).clamp(max=num_frames - 1)
    packed_BTS6HW = rays_BF6HW.float()[:, frames_TS.to(rays_BF6HW.device)]
    return packed_BTS6HW.flatten(2, 3).transpose(1, 2).contiguous()


def camera_inputs(
    path: CameraPath, card: ModelCard, source_size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Ray map (1, T, 20) and Plücker rays (1, C, T, H, W) of a path, for a picture of this size.

    `source_size` is the (width, height) of the picture before it is cropped; a path without
    intrinsics gets the card's field of view across it.
    """
    width, height = source_size
    intrinsics_F4 = path.intrinsics
    if intrinsics_F4 is None:
        intrinsics_4 = from_fov(card.fov_degrees, width, height)
        intrinsics_F4 = np.tile(intrinsics_4, (path.num_frames, 1))
    cropped_F4 = crop_intrinsics(
        intrinsics_F4, crop_geometry(width, height, card.width, card.height)
    )
    return ray_inputs(
        torch.tensor(path.c2w)[None],
        torch.from_numpy(cropped_F4)[None],
        temporal_stride=card.temporal_stride,
        latent_size=card.latent_size,
        pixel_size=(card.height, card.width),
    )


def ray_inputs(
    c2w_BF44: Tensor,
    intrinsics_BF4: Tensor,
    *,
    temporal_stride: int,
    latent_size: tuple[int, int],
    pixel_size: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """Ray map (B, T, 20) and Plücker rays (B, C, T, H, W): all the transformer gets of a camera."""
    sizes = {"latent_size": latent_size, "pixel_size": pixel_size}
    return (
        raymap(c2w_BF44, intrinsics_BF4, temporal_stride=temporal_stride, **sizes),
        chunk_plucker(c2w_BF44, intrinsics_BF4, temporal_stride=temporal_stride, **sizes),
    )


def _relative(c2w_BF44: Tensor) -> Tensor:
    """Poses as seen from frame 0; a rotation is inverted by transposing it."""
    poses_BF44 = c2w_BF44.double()
    rotation_B33 = poses_BF44[:, 0, :3, :3].transpose(1, 2)
    relative_BF34 = rotation_B33[:, None] @ poses_BF44[:, :, :3]
    origin_B3 = relative_BF34[:, 0, :, 3]
    relative_BF44 = poses_BF44.clone()
    relative_BF44[:, :, :3] = relative_BF34
    relative_BF44[:, :, :3, 3] -= origin_B3[:, None]
    relative_BF44[:, 0] = torch.eye(4, dtype=torch.float64, device=c2w_BF44.device)
    return relative_BF44


def _in_latent_pixels(
    intrinsics_BF4: Tensor, latent_size: tuple[int, int], pixel_size: tuple[int, int]
) -> Tensor:
    scale_y, scale_x = (
        latent / pixel for latent, pixel in zip(latent_size, pixel_size, strict=True)
    )
    scale_4 = intrinsics_BF4.new_tensor((scale_x, scale_y, scale_x, scale_y), dtype=torch.float64)
    return intrinsics_BF4.double() * scale_4


def _plucker(c2w_BF44: Tensor, intrinsics_BF4: Tensor, latent_size: tuple[int, int]) -> Tensor:
    """Unit direction and moment of the ray through every latent pixel's centre, (B, F, 6, H, W)."""
    height, width = latent_size
    columns_W = torch.arange(width, dtype=torch.float64, device=c2w_BF44.device)
    rows_H = torch.arange(height, dtype=torch.float64, device=c2w_BF44.device)
    fx_BF1, fy_BF1, cx_BF1, cy_BF1 = intrinsics_BF4[..., None].unbind(2)
    x_BFW = (columns_W - cx_BF1) / fx_BF1
    y_BFH = (rows_H - cy_BF1) / fy_BF1
    length_BFHW = (x_BFW[:, :, None] ** 2 + y_BFH[:, :, :, None] ** 2 + 1).sqrt()

    # A column of the rotation times x, y or 1: sums over the grid without a (…, 3) tensor.
    x_axis, y_axis, z_axis, origin = c2w_BF44[:, :, :3, :, None, None].unbind(3)
    direction_BF3HW = (
        x_axis * x_BFW[:, :, None, None] + y_axis * y_BFH[:, :, None, :, None] + z_axis
    )
    direction_BF3HW = direction_BF3HW / length_BFHW[:, :, None]
    moment_BF3HW = torch.linalg.cross(origin.expand_as(direction_BF3HW), direction_BF3HW, dim=2)
    return torch.cat((direction_BF3HW, moment_BF3HW), dim=2)
