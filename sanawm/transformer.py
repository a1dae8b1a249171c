"""The stage-1 transformer of SANA-WM: noisy latents, text and camera to velocity.

The velocity is noise minus clean video. Every latent frame has a timestep of its own, so a
known first frame goes in at timestep 0. What does not change over the steps of a clip is
computed once by `prepare`; `step` is the rest; `forward` is both.

A clip may be drawn whole, every frame seeing every other, or chunk by chunk without end: then
`advance` takes what is remembered of the chunks that are done, and gives back what to remember.

Parameter names are the published checkpoint's.
Shape letters: B batch, C latent channels, T latent frames, H, W latent rows and columns,
S = H*W tokens in a frame, D hidden channels, L text tokens, P Plücker channels.
"""

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from sanawm.attention import (
    CrossAttention,
    DeltaAttention,
    Place,
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
    tokens,
)
from sanawm.memories import BlockMemory, ClipMemory, compact
from sanawm.offload import OffloadedBlocks
from sanawm.portions import WHOLE, Portions
from sanawm.rope import axis_pairs, rotations
from sanawm.ucpe import RayFrames, ray_frames

Grid = tuple[int, int, int]  # latent frames, rows and columns


class CameraInputs(NamedTuple):
    """A camera path as the transformer takes it."""

    raymap_BT20: Tensor  # per latent frame: c2w row by row, then fx, fy, cx, cy in latent pixels
    plucker_BCTHW: Tensor  # Plücker rays of the video frames behind each latent frame


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockConditions:
    """What one block needs of text and rays."""

    text: TextMemory
    plucker_weight_DP: Tensor | None  # from Plücker rays to the residual stream; None: no map
    plucker_bias_D: Tensor | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """All that stays the same over the steps of one clip."""

    grid: Grid
    place: Place
    plucker_BTSP: Tensor | None
    blocks: tuple[BlockConditions, ...]


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
        self._elsewhere: OffloadedBlocks | None = None

    def init_weights(self, generator: torch.Generator) -> None:
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
        """Compute once what `step` needs at every timestep of a whole clip.

        The text mask is 1 at real tokens; each row must have one.
        """
        return self.place(self.read(text_BLD, text_mask_BL), camera, grid)

    def read(self, text_BLD: Tensor, text_mask_BL: Tensor) -> tuple[BlockConditions, ...]:
        """What the blocks need of a text, the same for all chunks of a clip."""
        hidden_BLD, bias_B11L = self._hidden(text_BLD.to(self._like.dtype), text_mask_BL)
        embedder = self.plucker_embedder
        with closing(self._each_block()) as blocks:
            return tuple(block.prepare(hidden_BLD, bias_B11L, embedder) for block in blocks)

    def place(
        self,
        blocks: tuple[BlockConditions, ...],
        camera: CameraInputs | None,
        grid: Grid,
        *,
        first_frame: int = 0,
        chunks: tuple[int, ...] | None = None,
        portions: Portions = WHOLE,
    ) -> Conditions:
        """Conditions of a part of a clip that begins at `first_frame`, and of its chunks.

        Camera and grid are those of the part; without `chunks` it is one.
        """
        like, head_dim = self._like, self.config.linear_head_dim
        rotation_TS1R = rotations(grid, axis_pairs(head_dim), head_dim, like, first_frame)
        rays = None if camera is None else self._rays(camera, grid, first_frame)
        return Conditions(
            grid=grid,
            place=Place(
                rotation_TS1R=rotation_TS1R,
                rays=rays,
                chunks=chunks or (grid[0],),
                portions=portions,
            ),
            plucker_BTSP=None if camera is None else tokens(camera.plucker_BCTHW.to(like.dtype)),
            blocks=blocks,
        )

    def step(
        self,
        latents_BCTHW: Tensor,
        timestep_BT: Tensor,
        conditions: Conditions,
        memory: ClipMemory | None = None,
    ) -> Tensor:
        """Return the velocity under prepared conditions, (B, C, T, H, W).

        One row of latents serves any number of texts: what no text has touched yet, which is
        all up to the first cross-attention, is then computed once.
        """
        blocks = None if memory is None else memory.blocks
        return self._run(latents_BCTHW, timestep_BT, conditions, blocks, None)

    def advance(
        self,
        latents_BCTHW: Tensor,
        timestep_BT: Tensor,
        conditions: Conditions,
        memory: ClipMemory | None = None,
    ) -> tuple[Tensor, ClipMemory]:
        """Return the velocity, and what to remember of the first of the conditions' chunks.

        `memory` is of the chunks before; what comes back is worth keeping where the first chunk
        is clean, at timestep 0.
        """
        after: list[BlockMemory] = []
        blocks = None if memory is None else memory.blocks
        velocity_BCTHW = self._run(latents_BCTHW, timestep_BT, conditions, blocks, after)
        return velocity_BCTHW, ClipMemory(tuple(after))

    def _run(
        self,
        latents_BCTHW: Tensor,
        timestep_BT: Tensor,
        conditions: Conditions,
        before: Iterable[BlockMemory] | None,
        after: list[BlockMemory] | None,
    ) -> Tensor:
        """Return the velocity; where a list is given, add to it what each block remembers."""
        x_BTSD = self.x_embedder(latents_BCTHW.to(self._like.dtype))
        time_BTD = self.t_embedder(timestep_BT)
        modulation_BT6D = self.t_block(time_BTD).view(*time_BTD.shape[:2], 6, -1)
        memories: Iterable[BlockMemory | None] = before or (None,) * len(conditions.blocks)
        keeps = after is not None
        with closing(self._each_block()) as blocks:
            for block, own, past in zip(blocks, conditions.blocks, memories, strict=True):
                x_BTSD, memory = block(x_BTSD, modulation_BT6D, conditions, own, past, keeps=keeps)
                if after is not None:
                    after.append(memory)
        velocity_BTSC: Tensor = self.final_layer(x_BTSD, time_BTD)
        velocity_BCTS = velocity_BTSC.permute(0, 3, 1, 2)
        return velocity_BCTS.reshape(*velocity_BCTS.shape[:2], *conditions.grid)

    def offload(self, device: torch.device) -> None:
        """Keep the blocks' weights in the computer's memory, and compute on the device."""
        if self._elsewhere is None:
            self._elsewhere = OffloadedBlocks(self.blocks, device)

    def settle(self, device: torch.device) -> None:
        """Have all weights on the device."""
        if self._elsewhere is not None:
            self._elsewhere.bring_back(device)
            self._elsewhere = None

    @property
    def _like(self) -> Tensor:
        """A weight, for device and dtype."""
        return self.x_embedder.matrix

    def _each_block(self) -> Generator["Block", None, None]:
        for block in self.blocks if self._elsewhere is None else self._elsewhere:
            assert isinstance(block, Block)
            yield block

    def _hidden(self, text_BLD: Tensor, text_mask_BL: Tensor) -> tuple[Tensor, Tensor | None]:
        """Hidden text without the columns that are padding in all rows, and a bias on the rest."""
        is_text_BL = text_mask_BL.bool()
        columns = is_text_BL.any(0).nonzero().squeeze(-1)
        is_text_BL = is_text_BL[:, columns]
        hidden_BLD = self.attention_y_norm(self.y_embedder(text_BLD[:, columns]))
        if is_text_BL.all():
            return hidden_BLD, None
        bias_BL = torch.zeros_like(hidden_BLD[..., 0]).masked_fill(~is_text_BL, -torch.inf)
        return hidden_BLD, bias_BL[:, None, None]

    def _rays(self, camera: CameraInputs, grid: Grid, first_frame: int) -> RayFrames:
        """Geometry is float32 at least, whatever the weights are."""
        wide = torch.promote_types(self._like.dtype, torch.float32)
        heads = self.config.num_attention_heads, self.config.linear_head_dim
        return ray_frames(camera.raymap_BT20.to(wide), grid, *heads, first_frame)


class Block(nn.Module):
    """Self-attention, the rays, cross-attention and feed-forward, added one after the other."""

    def __init__(self, config: TransformerConfig, index: int) -> None:
        super().__init__()
        size = config.hidden_size
        self.scale_shift_table = nn.Parameter(torch.randn(6, size) / size**0.5)
        self.plucker_proj = nn.Linear(size, size) if config.has_plucker(index) else None
        attention = SoftmaxAttention if config.is_softmax(index) else DeltaAttention
        self.attn: SelfAttention = attention(config)
        self.cross_attn = CrossAttention(config)
        self.mlp = FeedForward(size, config.mlp_size)

    def prepare(
        self, text_BLD: Tensor, bias_B11L: Tensor | None, plucker_embedder: TokenEmbedding
    ) -> BlockConditions:
        """Compute once what this block needs at every timestep."""
        weight_DP, bias_D = None, None
        if self.plucker_proj is not None:
            weight_DP, bias_D = plucker_embedder.then(self.plucker_proj)
        return BlockConditions(
            text=self.cross_attn.remember(text_BLD, bias_B11L),
            plucker_weight_DP=weight_DP,
            plucker_bias_D=bias_D,
        )

    def forward(
        self,
        x_BTSD: Tensor,
        modulation_BT6D: Tensor,
        shared: Conditions,
        own: BlockConditions,
        memory: BlockMemory | None = None,
        *,
        keeps: bool = False,
    ) -> tuple[Tensor, BlockMemory | None]:
        """Return the tokens after this block, (B, T, S, D), and what it is to remember.

        Where nothing is to be kept, what attention remembers is let go as soon as it can be.
        """
        changes = (self.scale_shift_table + modulation_BT6D).unsqueeze(-2).unbind(2)
        shift_attn, scale_attn, gate_attn, shift_mlp, scale_mlp, gate_mlp = changes
        attention_memory, mlp_memory = memory or (None, None)

        seen = modulated(x_BTSD, shift_attn, scale_attn)
        mixed, attention_memory = self.attn(seen, shared.place.rows(len(seen)), attention_memory)
        attention_memory = compact(attention_memory) if keeps else None
        x_BTSD = torch.addcmul(x_BTSD, gate_attn, mixed)
        del seen, mixed

        x_BTSD = x_BTSD.expand(len(own.text.key_BNLK), -1, -1, -1)
        if shared.plucker_BTSP is not None and own.plucker_weight_DP is not None:
            rays_BTSP = shared.plucker_BTSP
            x_BTSD = x_BTSD + nnf.linear(rays_BTSP, own.plucker_weight_DP, own.plucker_bias_D)
        x_BTSD = x_BTSD + self.cross_attn(x_BTSD, own.text)

        seen = modulated(x_BTSD, shift_mlp, scale_mlp)
        place = shared.place
        change, mlp_memory = self.mlp(
            seen, shared.grid[1], place.chunks, mlp_memory, at_once=place.portions.frames
        )
        x_BTSD = torch.addcmul(x_BTSD, gate_mlp, change)
        if attention_memory is None:
            return x_BTSD, None
        return x_BTSD, BlockMemory(attention_memory, compact(mlp_memory))
