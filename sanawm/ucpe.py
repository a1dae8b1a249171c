"""Attention between the rays of tokens (UCPE: unified camera positional encoding).

Every token looks along a ray of its own. Queries, keys and values are carried into the frame
of that ray, so that two tokens compare as the geometry between their rays says, wherever the
camera was; answers are carried back. The first half of a head is read as groups of four
channels, each multiplied by the ray's 4x4 matrix; the second half turns with the position.

Conventions (OpenCV): +x right, +y down, +z forward. c2w maps camera points to the world of
the first frame. Intrinsics are in latent pixels; pixel (0, 0) has its centre at (0, 0).
Shape letters: B batch, T latent frames, S = rows * columns tokens in a frame, N heads,
K head channels, P = B*T*S, G channels that one stored matrix covers, R pairs of channels.
"""

from dataclasses import dataclass
from math import gcd

import torch
from torch import Tensor
from torch.nn import functional as nnf

from sanawm.rope import axis_pairs, rotate, rotations

_EPSILON = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class RayMap:
    """A linear map of head vectors, one for every token."""

    matrix_PGG: Tensor  # multiplies row vectors from the right
    rotation_TS1R: Tensor

    def __call__(self, x_BTSNK: Tensor) -> Tensor:
        """Map each token's heads; half precision comes back as float32."""
        wide_BTSNK = x_BTSNK.to(torch.promote_types(x_BTSNK.dtype, torch.float32))
        placed_BTSNK, turned_BTSNK = wide_BTSNK.chunk(2, dim=-1)
        num_matrices, width, _ = self.matrix_PGG.shape
        width = gcd(
            width, placed_BTSNK[0, 0, 0].numel()
        )  # of fewer heads: a corner repeats as well
        placed_PXG = placed_BTSNK.reshape(num_matrices, -1, width)
        placed = torch.bmm(placed_PXG, self.matrix_PGG[:, :width, :width]).view(placed_BTSNK.shape)
        return torch.cat((placed, rotate(turned_BTSNK, self.rotation_TS1R)), dim=-1)

    def rows(self, count: int) -> "RayMap":
        """Return the map of the first rows of the batch."""
        num_frames, num_tokens = self.rotation_TS1R.shape[:2]
        matrix_PGG = self.matrix_PGG[: count * num_frames * num_tokens]
        return RayMap(matrix_PGG=matrix_PGG, rotation_TS1R=self.rotation_TS1R)


@dataclass(frozen=True, kw_only=True, slots=True)
class RayFrames:
    """The three maps of camera attention."""

    query: RayMap  # of queries into their ray's frame
    key: RayMap  # of keys and values into their ray's frame
    answer: RayMap  # of answers back into the world

    def rows(self, count: int) -> "RayFrames":
        """Return the maps of the first rows of the batch."""
        query, key, answer = (each.rows(count) for each in (self.query, self.key, self.answer))
        return RayFrames(query=query, key=key, answer=answer)


def ray_frames(
    raymap_BT20: Tensor,
    grid: tuple[int, int, int],
    num_heads: int,
    head_dim: int,
    first_frame: int = 0,
) -> RayFrames:
    """Prepare the maps of a camera path, once for all blocks and steps.

    `first_frame` is where the grid begins in the clip.
    """
    _, height, width = grid
    world_to_ray_BTS44 = world_to_ray(raymap_BT20, height, width)
    rotation = rotations(
        grid, axis_pairs(head_dim // 2), head_dim, like=raymap_BT20, first_frame=first_frame
    )
    repeat = gcd(num_heads * head_dim // 8, 4)  # products of 16 columns run faster than of 4

    def ray_map(matrix_BTS44: Tensor, rotation_TS1R: Tensor) -> RayMap:
        matrix_PGG = _repeat_diagonally(matrix_BTS44.flatten(0, 2).mT, repeat)
        return RayMap(matrix_PGG=matrix_PGG, rotation_TS1R=rotation_TS1R)

    return RayFrames(
        query=ray_map(world_to_ray_BTS44.mT, rotation),
        key=ray_map(_inverse(world_to_ray_BTS44), rotation),
        answer=ray_map(world_to_ray_BTS44, rotation.conj().resolve_conj()),
    )


def world_to_ray(raymap_BT20: Tensor, height: int, width: int) -> Tensor:
    """Rigid motion from the world into the frame of every token's ray, (B, T, S, 4, 4).

    A raymap row is c2w, row by row, and then fx, fy, cx, cy. The ray's own z axis points along
    it and its x axis is level with the camera's. A ray that is no number maps by identity.
    """
    c2w_BT44 = raymap_BT20[..., :16].reshape(*raymap_BT20.shape[:2], 4, 4)
    direction_BTS3 = _directions(raymap_BT20[..., 16:], height, width)
    z_BTS3 = _unit(torch.einsum("btij,btsj->btsi", c2w_BT44[..., :3, :3], direction_BTS3))
    down_BTS3 = c2w_BT44[..., None, :3, 1].expand_as(z_BTS3)
    x_BTS3 = _unit(torch.linalg.cross(down_BTS3, z_BTS3))
    y_BTS3 = _unit(torch.linalg.cross(z_BTS3, x_BTS3))
    rotation_BTS33 = torch.stack((x_BTS3, y_BTS3, z_BTS3), dim=-2)
    shift_BTS3 = -torch.einsum("btsij,btj->btsi", rotation_BTS33, c2w_BT44[..., :3, 3])
    motion_BTS44 = _rigid(rotation_BTS33, shift_BTS3)
    is_lost_BTS11 = z_BTS3.isnan().any(-1)[..., None, None]
    identity_44 = torch.eye(4, dtype=motion_BTS44.dtype, device=motion_BTS44.device)
    return torch.where(is_lost_BTS11, identity_44, motion_BTS44)


def _directions(intrinsics_BT4: Tensor, height: int, width: int) -> Tensor:
    """Unit direction of every token's ray in its camera's axes, (B, T, S, 3)."""
    fx, fy, cx, cy = intrinsics_BT4[..., None].unbind(-2)
    rows = torch.arange(height, dtype=fx.dtype, device=fx.device).repeat_interleave(width)
    columns = torch.arange(width, dtype=fx.dtype, device=fx.device).repeat(height)
    x_BTS, y_BTS = (columns - cx) / fx, (rows - cy) / fy
    return _unit(torch.stack((x_BTS, y_BTS, torch.ones_like(x_BTS)), dim=-1))


def _unit(x: Tensor) -> Tensor:
    return nnf.normalize(x, dim=-1, eps=_EPSILON)


def _rigid(rotation_BTS33: Tensor, shift_BTS3: Tensor) -> Tensor:
    top_BTS34 = torch.cat((rotation_BTS33, shift_BTS3[..., None]), dim=-1)
    return nnf.pad(top_BTS34, (0, 0, 0, 1)) + _corner(top_BTS34)


def _corner(like: Tensor) -> Tensor:
    """The lone one of a rigid motion's last row."""
    corner_44 = torch.zeros(4, 4, dtype=like.dtype, device=like.device)
    corner_44[3, 3] = 1
    return corner_44


def _inverse(motion_BTS44: Tensor) -> Tensor:
    back_BTS33 = motion_BTS44[..., :3, :3].mT
    shift_BTS3 = -torch.einsum("btsij,btsj->btsi", back_BTS33, motion_BTS44[..., :3, 3])
    return _rigid(back_BTS33, shift_BTS3)


def _repeat_diagonally(matrix_P44: Tensor, repeat: int) -> Tensor:
    """Block-diagonal matrices that hold each 4x4 matrix `repeat` times, (P, G, G)."""
    matrix = matrix_P44.new_zeros(len(matrix_P44), repeat, 4, repeat, 4)
    for index in range(repeat):
        matrix[:, index, :, index] = matrix_P44
    return matrix.view(-1, 4 * repeat, 4 * repeat)
