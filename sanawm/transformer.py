"""The stage-1 transformer of SANA-WM: noisy latents, text and camera to velocity.

The velocity is noise minus clean video. Every latent frame has a timestep of its own, so a
known first frame goes in at timestep 0. What does not change over the steps of a clip is
computed once by `prepare`; `step` is the rest; `forward` is both.

Parameter names are the published checkpoint's.
Shape letters: B batch, C latent channels, T latent frames, H, W latent rows and columns,
S = H*W tokens in a frame, D hidden channels, L text tokens, P Plücker channels.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as nnf

from sanawm.attention import (
    CrossAttention,
    DeltaAttention,
    SelfAttention,
    SoftmaxAttention,
    TextMemory,
)
from sanawm.config import TransformerConfig
from sanawm.initial_weights import init_weights
from sanawm.layers import (
    FeedForward,
    OutputLayer,
    RMSNorm,
    TextEmbedding,
    TimestepEmbedding,
    TokenEmbedding,
    modulated,
)
from sanawm.rope import axis_pairs, rotations
from sanawm.ucpe import RayFrames, ray_frames

Grid = tuple[int, int, int]  # latent frames, rows and columns


class CameraInputs(NamedTuple):
    """A camera path as the transformer takes it."""

    raymap_BT20: Tensor  # per latent frame: c2w row by row, then fx, fy, cx, cy in latent pixels
    plucker_BCTHW: Tensor  # Plücker rays of the video frames behind each latent frame


@dataclass(frozen=True, kw_only=True, slots=True)
class PluckerMap:
    """One block's linear map from Plücker rays to the residual stream."""

    weight_DP: Tensor
    bias_D: Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """All that stays the same over the steps of one clip."""

    grid: Grid
    rotation_TS1R: Tensor
    texts: tuple[TextMemory, ...]  # one for each block
    rays: RayFrames | None
    plucker_BTSP: Tensor | None
    plucker_maps: tuple[PluckerMap, ...]  # of the first blocks, as many as have one


class SanaWMTransformer(nn.Module):
    """The whole network."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        size = config.hidden_size
        self.t_embedder = TimestepEmbedding(size)
        self.attention_y_norm = RMSNorm(size, eps=1e-5)
        self.t_block = nn.Sequential(nn.SiLU(), nn.Linear(size, 6 * size))
        self.x_embedder = TokenEmbedding(config.in_channels, size)
        self.y_embedder = TextEmbedding(config.caption_channels, size)
        self.plucker_embedder = TokenEmbedding(config.chunk_plucker_channels, size)
        self.raymap_embedder = TokenEmbedding(3, size)  # unused, but in every checkpoint
        self.blocks = nn.ModuleList(Block(config, index) for index in range(config.num_layers))
        self.final_layer = OutputLayer(size, config.in_channels)

    def init_weights(self, generator: Generator) -> None:
        """Overwrite all weights with those that training starts from."""
        init_weights(self, generator)

    def forward(
        self,
        latents_BCTHW: Tensor,
        timestep_BT: Tensor,
        text_BLD: Tensor,
        text_mask_BL: Tensor,
        camera: CameraInputs | None = None,
    ) -> Tensor:
        """Return the velocity of the latents, (B, C, T, H, W)."""
        _, _, num_frames, height, width = latents_BCTHW.shape
        grid = (num_frames, height, width)
        conditions = self.prepare(text_BLD, text_mask_BL, camera, grid)
        return self.step(latents_BCTHW, timestep_BT, conditions)

    def prepare(
        self, text_BLD: Tensor, text_mask_BL: Tensor, camera: CameraInputs | None, grid: Grid
    ) -> Conditions:
        """Compute once what `step` needs at every timestep; a text mask is 1 at real tokens."""
        config = self.config
        weight = self.x_embedder.matrix
        texts = self._remember(text_BLD.to(weight.dtype), text_mask_BL)
        rotation = rotations(
            grid, axis_pairs(config.linear_head_dim), config.linear_head_dim, weight
        )
        rays, plucker_BTSP, plucker_maps = None, None, ()
        if camera is not None:
            wide = torch.promote_types(weight.dtype, torch.float32)
            rays = ray_frames(
                camera.raymap_BT20.to(wide),
                grid,
                config.num_attention_heads,
                config.linear_head_dim,
            )
            plucker_BTSP = camera.plucker_BCTHW.to(weight.dtype).flatten(3).permute(0, 2, 3, 1)
            plucker_maps = tuple(self._plucker_maps())
        return Conditions(
            grid=grid,
            rotation_TS1R=rotation,
            texts=texts,
            rays=rays,
            plucker_BTSP=plucker_BTSP,
            plucker_maps=plucker_maps,
        )

    def step(self, latents_BCTHW: Tensor, timestep_BT: Tensor, conditions: Conditions) -> Tensor:
        """Return the velocity under prepared conditions, (B, C, T, H, W)."""
        weight = self.x_embedder.matrix
        x_BTSD = self.x_embedder(latents_BCTHW.to(weight.dtype))
        time_BTD = self.t_embedder(timestep_BT)
        modulation_BT6D = self.t_block(time_BTD).unflatten(-1, (6, -1))
        for block in self.blocks:
            x_BTSD = block(x_BTSD, modulation_BT6D, conditions)
        velocity_BTSC = self.final_layer(x_BTSD, time_BTD)
        return velocity_BTSC.permute(0, 3, 1, 2).unflatten(-1, conditions.grid[1:])

    def _remember(self, text_BLD: Tensor, text_mask_BL: Tensor) -> tuple[TextMemory, ...]:
        """Keys and values of every block; columns that are padding in all rows are cut."""
        is_text_BL = text_mask_BL.bool()
        columns = is_text_BL.any(0).nonzero().squeeze(-1)
        is_text_BL = is_text_BL[:, columns]
        hidden_BLD = self.attention_y_norm(self.y_embedder(text_BLD[:, columns]))
        bias_B11L = None
        if not is_text_BL.all():
            bias_BL = torch.zeros_like(hidden_BLD[..., 0]).masked_fill(~is_text_BL, -torch.inf)
            bias_B11L = bias_BL[:, None, None]
        return tuple(block.cross_attn.remember(hidden_BLD, bias_B11L) for block in self.blocks)

    def _plucker_maps(self) -> list[PluckerMap]:
        """Each block's projection after the shared embedding, folded into one matrix."""
        embedder = self.plucker_embedder
        maps = []
        for block in self.blocks:
            if block.plucker_proj is not None:
                project = block.plucker_proj
                weight_DP = project.weight @ embedder.matrix
                bias_D = nnf.linear(embedder.proj.bias, project.weight, project.bias)
                maps.append(PluckerMap(weight_DP=weight_DP, bias_D=bias_D))
        return maps


class Block(nn.Module):
    """Self-attention, the rays, cross-attention and feed-forward, added one after the other."""

    def __init__(self, config: TransformerConfig, index: int) -> None:
        super().__init__()
        size = config.hidden_size
        self.index = index
        self.scale_shift_table = nn.Parameter(torch.randn(6, size) / size**0.5)
        self.plucker_proj = nn.Linear(size, size) if config.has_plucker(index) else None
        attention = SoftmaxAttention if config.is_softmax(index) else DeltaAttention
        self.attn: SelfAttention = attention(config)
        self.cross_attn = CrossAttention(config)
        self.mlp = FeedForward(size, config.mlp_size)

    def forward(self, x_BTSD: Tensor, modulation_BT6D: Tensor, conditions: Conditions) -> Tensor:
        """Return the tokens after this block, (B, T, S, D)."""
        changes = (self.scale_shift_table + modulation_BT6D).unsqueeze(-2).unbind(2)
        shift_attn, scale_attn, gate_attn, shift_mlp, scale_mlp, gate_mlp = changes
        attended = self.attn(
            modulated(x_BTSD, shift_attn, scale_attn), conditions.rotation_TS1R, conditions.rays
        )
        x_BTSD = torch.addcmul(x_BTSD, gate_attn, attended)
        if conditions.plucker_BTSP is not None and self.index < len(conditions.plucker_maps):
            plucker = conditions.plucker_maps[self.index]
            x_BTSD = x_BTSD + nnf.linear(conditions.plucker_BTSP, plucker.weight_DP, plucker.bias_D)
        x_BTSD = x_BTSD + self.cross_attn(x_BTSD, conditions.texts[self.index])
        changed = self.mlp(modulated(x_BTSD, shift_mlp, scale_mlp), conditions.grid[1])
        return torch.addcmul(x_BTSD, gate_mlp, changed)
