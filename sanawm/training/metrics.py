"""What is measured on a generated clip of a known world, and nothing else.

Pictures are (..., 3, H, W) in [-1, 1]; depth is z in metres, (..., H, W); poses are c2w relative
to frame 0 in OpenCV axes; masks are True where a pixel counts. Shape letters: B worlds, F frames,
H, W rows and columns.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as nnf

MAX_PSNR = 50.0  # dB; beyond, pictures look the same, and one still camera would rule a mean
DEPTH_TOLERANCE = 0.04  # relative; a surface this much nearer in frame 0 hides the point
NEAREST = 0.05  # metres before the camera
SSIM_WINDOW = 7
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2
CONFIDENCE = 1.959964  # standard deviations that hold 95 % of a normal distribution
MIN_VISIBLE = 0.05  # share of a frame below which a visible-region figure says nothing


def psnr(picture: Tensor, truth: Tensor, mask: Tensor | None = None) -> Tensor:
    """PSNR in dB over the last three dimensions; with a mask (..., H, W) only where it is True.

    Equal pictures have MAX_PSNR.
    """
    error = ((picture - truth) / 2).square().mean(dim=-3)
    if mask is None:
        mean = error.mean(dim=(-2, -1))
    else:
        mean = (error * mask).sum(dim=(-2, -1)) / mask.sum(dim=(-2, -1)).clamp(min=1)
    return -10 * torch.log10(mean.clamp(min=10 ** (-MAX_PSNR / 10)))


def ssim(picture: Tensor, truth: Tensor, mask: Tensor | None = None) -> Tensor:
    """Structural similarity of luminance with a uniform window, averaged over the mask."""
    x, y = _luminance(picture), _luminance(truth)
    mean_x, mean_y = box_blur(x, SSIM_WINDOW), box_blur(y, SSIM_WINDOW)
    var_x = box_blur(x * x, SSIM_WINDOW) - mean_x**2
    var_y = box_blur(y * y, SSIM_WINDOW) - mean_y**2
    covariance = box_blur(x * y, SSIM_WINDOW) - mean_x * mean_y
    score = ((2 * mean_x * mean_y + SSIM_C1) * (2 * covariance + SSIM_C2)) / (
        (mean_x**2 + mean_y**2 + SSIM_C1) * (var_x + var_y + SSIM_C2)
    )
    if mask is None:
        return score.mean(dim=(-2, -1))
    return (score * mask).sum(dim=(-2, -1)) / mask.sum(dim=(-2, -1)).clamp(min=1)


def _luminance(picture: Tensor) -> Tensor:
    weights = picture.new_tensor([0.299, 0.587, 0.114])[:, None, None]
    return ((picture + 1) / 2 * weights).sum(dim=-3)


def box_blur(pictures: Tensor, size: int) -> Tensor:
    """Means over squares of `size` (odd) pixels; the border is repeated. Any leading shape."""
    flat = pictures.reshape(-1, 1, *pictures.shape[-2:])
    padded = nnf.pad(flat, (size // 2,) * 4, mode="replicate")
    return nnf.avg_pool2d(padded, size, stride=1).view_as(pictures)


def visible_from_first(
    depth_BHW: Tensor, depth_first_BHW: Tensor, c2w_B44: Tensor, intrinsics_B4: Tensor
) -> Tensor:
    """Which pixels of a later frame show a surface that frame 0 shows too, (B, H, W)."""
    points_BHW3 = _points(depth_BHW, c2w_B44, intrinsics_B4)
    u, v, z = _project(points_BHW3, intrinsics_B4)
    rows, columns = depth_BHW.shape[-2:]
    inside = (u >= -0.5) & (u <= columns - 0.5) & (v >= -0.5) & (v <= rows - 0.5)
    inside = inside & (z > NEAREST)
    seen = nnf.grid_sample(
        depth_first_BHW[:, None],
        _grid(u, v),
        mode="nearest",
        padding_mode="border",
        align_corners=True,
    )[:, 0]
    return inside & (z <= seen * (1 + DEPTH_TOLERANCE) + DEPTH_TOLERANCE)


def rotated_first_frame(first_B3HW: Tensor, c2w_B44: Tensor, intrinsics_B4: Tensor) -> Tensor:
    """Frame 0 turned by the camera's rotation: the homography baseline.

    Where frame 0 has nothing to show, its border is repeated.
    """
    rows, columns = first_B3HW.shape[-2:]
    far = torch.ones(c2w_B44.shape[0], rows, columns)
    turned = c2w_B44.clone()
    turned[:, :3, 3] = 0
    u, v, _ = _project(_points(far, turned, intrinsics_B4), intrinsics_B4)
    return nnf.grid_sample(first_B3HW, _grid(u, v), padding_mode="border", align_corners=True)


def _grid(u_BHW: Tensor, v_BHW: Tensor) -> Tensor:
    """Pixels as `grid_sample` counts them, (B, H, W, 2)."""
    rows, columns = u_BHW.shape[-2:]
    return torch.stack((2 * u_BHW / (columns - 1) - 1, 2 * v_BHW / (rows - 1) - 1), dim=-1)


def _points(depth_BHW: Tensor, c2w_B44: Tensor, intrinsics_B4: Tensor) -> Tensor:
    rows, columns = depth_BHW.shape[-2:]
    v, u = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    fx, fy, cx, cy = (value[:, None, None] for value in intrinsics_B4.unbind(-1))
    rays = torch.stack(((u - cx) / fx, (v - cy) / fy, torch.ones_like(depth_BHW)), dim=-1)
    rotated = torch.einsum("bij,bhwj->bhwi", c2w_B44[:, :3, :3], rays * depth_BHW[..., None])
    return rotated + c2w_B44[:, None, None, :3, 3]


def _project(points_BHW3: Tensor, intrinsics_B4: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    fx, fy, cx, cy = (value[:, None, None] for value in intrinsics_B4.unbind(-1))
    x, y, z = points_BHW3.unbind(-1)
    safe = z.clamp(min=1e-6)
    return fx * x / safe + cx, fy * y / safe + cy, z


def rotation_degrees(first_B33: Tensor, second_B33: Tensor) -> Tensor:
    """Angle between two rotations."""
    trace = (first_B33.mT @ second_B33).diagonal(dim1=-2, dim2=-1).sum(-1)
    return torch.rad2deg(torch.acos(((trace - 1) / 2).clamp(-1, 1)))


def wilson_interval(share: float, trials: int) -> tuple[float, float]:
    """95 % interval of a share found in so many independent trials; robust near 0 and 1."""
    if trials == 0:
        return 0.0, 1.0
    square = CONFIDENCE**2 / trials
    centre = (share + square / 2) / (1 + square)
    half = (
        CONFIDENCE / (1 + square) * math.sqrt(share * (1 - share) / trials + square / (4 * trials))
    )
    return max(0.0, centre - half), min(1.0, centre + half)
