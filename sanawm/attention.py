"""Attention between the tokens of a video, and from them to the text.

Self-attention has two branches over the same tokens: the main one knows each token's place
in the latent grid, the camera branch knows its ray. In most blocks both run the gated delta
rule over time; in every few blocks both are plain softmax attention over all tokens.

A clip may be drawn chunk by chunk. Then no frame sees one of a later chunk, and what the next
chunk needs of those that are done goes in and out as a memory (`sanawm.memories`). A whole clip at
once is one chunk without a memory: the same code.

Shape letters: B batch, T latent frames, S tokens in a frame, D = N*K hidden channels,
N heads, K head channels, L text tokens.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from kernels.gated_delta import gated_delta_chunks
from kernels.limit_length import limit_length
from kernels.short_conv import short_conv
from sanawm.config import TransformerConfig
from sanawm.layers import RMSNorm
from sanawm.memories import DeltaMemory, KeysValues, SoftmaxMemory, Window
from sanawm.portions import WHOLE, Portions
from sanawm.rope import rotate
from sanawm.ucpe import RayFrames, RayMap

_TAPS = 4


Memory = DeltaMemory | SoftmaxMemory


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the tokens of a pass are, and which of them may see which."""

    rotation_TS1R: Tensor  # of their place in the latent grid of the whole clip
    rays: RayFrames | None
    chunks: tuple[int, ...]  # frames of each chunk; no frame sees one of a later chunk
    portions: Portions = WHOLE

    def rows(self, count: int) -> "Place":
        """The place of the first rows of the batch."""
        rays = None if self.rays is None else self.rays.rows(count)
        return replace(self, rays=rays)


class SelfAttention(nn.Module):
    """What both kinds share: parameters, output gate and projection."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        size, self.num_heads = config.hidden_size, config.num_attention_heads
        self.config = config
        self.A_log = nn.Parameter(torch.zeros(self.num_heads))
        self.dt_bias = nn.Parameter(torch.zeros(self.num_heads))
        self.register_buffer("recall_gate", torch.zeros(1))  # unused, but in every checkpoint
        self.qkv = nn.Linear(size, 3 * size, bias=False)
        self.proj = nn.Linear(size, size)
        self.q_norm = RMSNorm(size, eps=1e-5)
        self.k_norm = RMSNorm(size, eps=1e-5)
        self.beta_proj = nn.Linear(size, self.num_heads)
        self.gate_proj = nn.Linear(size, self.num_heads)
        self.output_gate = nn.Linear(size, size)
        self.q_proj_cam = nn.Linear(size, size)
        self.k_proj_cam = nn.Linear(size, size)
        self.v_proj_cam = nn.Linear(size, size)
        self.out_proj_cam = nn.Linear(size, size)
        self.q_norm_cam = RMSNorm(size, eps=1e-5)
        self.k_norm_cam = RMSNorm(size, eps=1e-5)

    def forward(
        self, x_BTSD: Tensor, place: Place, memory: Memory | None = None
    ) -> tuple[Tensor, Memory]:
        """Mix tokens; give back, too, what is to be remembered after the first chunk.

        Without rays the camera branch is left out.
        """
        main, camera, memory = self.mix(x_BTSD, place, memory)
        at_once = place.portions.frames or x_BTSD.shape[1]
        seen = [x_BTSD, main.flatten(3), *(() if camera is None else (camera.flatten(3),))]
        portions = zip(*(torch.split(x, at_once, dim=1) for x in seen), strict=True)
        return _joined([self._gated(*portion) for portion in portions], 1), memory

    def _gated(
        self, x_BTSD: Tensor, main_BTSD: Tensor, camera_BTSD: Tensor | None = None
    ) -> Tensor:
        """Both branches as one, let through as far as each token wants."""
        mixed = main_BTSD
        if camera_BTSD is not None:
            mixed = mixed + self.out_proj_cam(camera_BTSD.to(x_BTSD.dtype))
        gate = nnf.silu(_wide(self.output_gate(x_BTSD)))
        projected: Tensor = self.proj((mixed * gate).to(x_BTSD.dtype))
        return projected

    def mix(
        self, x_BTSD: Tensor, place: Place, memory: Memory | None
    ) -> tuple[Tensor, Tensor | None, Memory]:
        """Return heads (B, T, S, N, K) of the main branch and, with rays, of the camera branch."""
        raise NotImplementedError

    def heads(self, x_BTSD: Tensor) -> Tensor:
        """Split the hidden channels into heads, (B, T, S, N, K)."""
        return _split(x_BTSD, self.num_heads)


class DeltaAttention(SelfAttention):
    """Linear attention with a memory that decays and is corrected, frame by frame."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.conv_k = ShortConv(config.hidden_size)
        self.conv_k_cam = ShortConv(config.hidden_size)

    def mix(
        self, x_BTSD: Tensor, place: Place, memory: Memory | None
    ) -> tuple[Tensor, Tensor | None, Memory]:
        """Run both branches with the same write strengths and decays."""
        assert memory is None or isinstance(memory, DeltaMemory)
        beta_BTSN = _wide(self.beta_proj(x_BTSD).sigmoid())
        decay_BTN = self._decay(x_BTSD)
        main, memory_after = self._main(x_BTSD, place, beta_BTSN, decay_BTN, memory)
        if place.rays is None:
            return main, None, memory_after
        before = None if memory is None else memory.camera_BNKK
        camera, after = self._camera(x_BTSD, place, beta_BTSN, decay_BTN, before)
        return main, camera, memory_after._replace(camera_BNKK=after)

    def _decay(self, x_BTSD: Tensor) -> Tensor:
        """How much of the memory each frame keeps, (B, T, N), between 0 and 1."""
        step_BTN = nnf.softplus(_wide(self.gate_proj(x_BTSD.mean(2))) + _wide(self.dt_bias))
        return torch.exp(-_wide(self.A_log).exp() * step_BTN)

    def _main(
        self,
        x_BTSD: Tensor,
        place: Place,
        beta_BTSN: Tensor,
        decay_BTN: Tensor,
        memory: DeltaMemory | None,
    ) -> tuple[Tensor, DeltaMemory]:
        """Weighted mean of values; the weights' sum must not depend on positions."""
        answer_before, mass_before, _, keys_before = memory or (None, None, None, None)
        query, raw_key, value = self.qkv(x_BTSD).chunk(3, dim=-1)
        query = self.q_norm(query, rectify=True)
        key = self.conv_k(raw_key, place.chunks, keys_before)
        key = self.k_norm(key, rectify=True, scale=self._key_scale(key))
        placed = tuple(map(self.heads, (query, key, value)))
        groups = [
            _weighted_mean(
                tuple(x[..., part, :] for x in placed),
                (beta_BTSN[..., part], decay_BTN[..., part]),
                place,
                (_of_heads(answer_before, part), _of_heads(mass_before, part)),
            )
            for part in place.portions.of_heads(self.num_heads)
        ]
        mean, answer_after, mass_after = map(_joined, zip(*groups, strict=True), (3, 1, 1))
        last = raw_key[:, : place.chunks[0]][:, 1 - _TAPS :].clone()
        return mean, DeltaMemory(answer_after, mass_after, None, last)

    def _camera(
        self,
        x_BTSD: Tensor,
        place: Place,
        beta_BTSN: Tensor,
        decay_BTN: Tensor,
        before_BNKK: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Sum of values in the frames of the rays; keys that grew there write more weakly.

        The convolution over keys ends at both ends of a chunk: the released model remembers no
        keys of this branch.
        """
        rays = place.rays
        assert rays is not None
        query = self.heads(self.q_norm_cam(self.q_proj_cam(x_BTSD), rectify=True))
        key = self.conv_k_cam.within(self.k_proj_cam(x_BTSD), place.chunks)
        key = self.heads(self.k_norm_cam(key, rectify=True, scale=self._key_scale(key)))
        value = self.heads(self.v_proj_cam(x_BTSD))
        limit = self.config.cam_rms_downscale == "all"
        groups = [
            _sum_along_rays(
                (query[..., part, :], key[..., part, :], value[..., part, :]),
                (beta_BTSN[..., part], decay_BTN[..., part]),
                place,
                _of_heads(before_BNKK, part),
                limit=limit,
            )
            for part in place.portions.of_heads(self.num_heads)
        ]
        answer, after_BNKK = map(_joined, zip(*groups, strict=True), (3, 1))
        return answer, after_BNKK

    def _key_scale(self, x_BTSD: Tensor) -> float:
        """Keeps the sum of a frame's squared keys near one, whatever the picture's size."""
        return float((self.config.linear_head_dim * x_BTSD.shape[2]) ** -0.5)


class SoftmaxAttention(SelfAttention):
    """Softmax attention between all tokens of all frames."""

    def mix(
        self, x_BTSD: Tensor, place: Place, memory: Memory | None
    ) -> tuple[Tensor, Tensor | None, Memory]:
        """Run both branches."""
        assert memory is None or isinstance(memory, SoftmaxMemory)
        window = Window() if memory is None else memory.main
        query, key, value = self.qkv(x_BTSD).chunk(3, dim=-1)
        query, key = (
            _by_groups(x, place, lambda group: rotate(group, place.rotation_TS1R))
            for x in (self.heads(self.q_norm(query)), self.heads(self.k_norm(key)))
        )
        scale = self.config.main_scale
        own = KeysValues(key, self.heads(value.clone()))  # or queries and raw keys stay alive, too
        del value
        main, window = _softmax_chunks(query, own, scale, place.chunks, window)
        if place.rays is None:
            return main, None, SoftmaxMemory(window, None)
        before = memory.camera if memory else None
        camera, after = self._camera(x_BTSD, place, before or Window())
        return main, camera, SoftmaxMemory(window, after)

    def _camera(self, x_BTSD: Tensor, place: Place, window: Window) -> tuple[Tensor, Window]:
        rays = place.rays
        assert rays is not None
        query = self.heads(self.q_norm_cam(self.q_proj_cam(x_BTSD)))
        key = self.heads(self.k_norm_cam(self.k_proj_cam(x_BTSD)))
        value = self.heads(self.v_proj_cam(x_BTSD))
        limit = self.config.cam_rms_downscale != "none"

        def placed(x: Tensor, ray_map: RayMap) -> Tensor:
            return _by_groups(x, place, lambda group: _place(group, ray_map, limit=limit)[0])

        query, key = placed(query, rays.query), placed(key, rays.key)
        value = placed(value, rays.key)
        scale = self.config.camera_scale
        mixed, window = _softmax_chunks(query, KeysValues(key, value), scale, place.chunks, window)
        return _by_groups(mixed, place, rays.answer), window


class ShortConv(nn.Module):
    """Depthwise convolution over the neighbouring frames, the same to both sides."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, 1, _TAPS))

    def forward(
        self, x_BTSD: Tensor, chunks: tuple[int, ...], before_BJSD: Tensor | None
    ) -> Tensor:
        """Convolve each token over time, seeing earlier chunks and no later one."""
        return short_conv(x_BTSD, self.weight, chunks, before_BJSD)

    def within(self, x_BTSD: Tensor, chunks: tuple[int, ...]) -> Tensor:
        """Convolve each token over time, seeing its own chunk only."""
        parts = [
            short_conv(chunk, self.weight) for chunk in torch.split(x_BTSD, list(chunks), dim=1)
        ]
        return _joined(parts, 1)


class TextMemory(NamedTuple):
    """What a block has to know of the text, the same at every step."""

    key_BNLK: Tensor
    value_BNLK: Tensor
    bias_B11L: Tensor | None  # minus infinity at padding; None where there is none


class CrossAttention(nn.Module):
    """Softmax attention from the video's tokens to the text's."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        size, self.num_heads = config.hidden_size, config.num_attention_heads
        self.q_linear = nn.Linear(size, size)
        self.kv_linear = nn.Linear(size, 2 * size)
        self.proj = nn.Linear(size, size)
        self.q_norm = RMSNorm(size, eps=1e-6)
        self.k_norm = RMSNorm(size, eps=1e-6)

    def remember(self, text_BLD: Tensor, bias_B11L: Tensor | None) -> TextMemory:
        """Compute keys and values of a text once."""
        key_BLD, value_BLD = self.kv_linear(text_BLD).chunk(2, dim=-1)
        key_BNLK, value_BNLK = (
            _split(x_BLD, self.num_heads).transpose(1, 2)
            for x_BLD in (self.k_norm(key_BLD), value_BLD)
        )
        return TextMemory(key_BNLK, value_BNLK, bias_B11L)

    def forward(self, x_BTSD: Tensor, text: TextMemory) -> Tensor:
        """Return what each token reads from the text, (B, T, S, D)."""
        query_BTSD = self.q_norm(self.q_linear(x_BTSD))
        query_BNXK = _split(query_BTSD.flatten(1, 2), self.num_heads).transpose(1, 2)
        read_BNXK = nnf.scaled_dot_product_attention(
            query_BNXK, text.key_BNLK, text.value_BNLK, attn_mask=text.bias_B11L
        )
        read: Tensor = self.proj(read_BNXK.transpose(1, 2).reshape(x_BTSD.shape))
        return read


def _weighted_mean(
    heads: tuple[Tensor, ...],
    strengths: tuple[Tensor, Tensor],
    place: Place,
    before: tuple[Tensor | None, Tensor | None],
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean of some heads' values as their queries ask, and the two memories after it."""
    query, key, value = map(_wide, heads)
    placed_query, placed_key = (rotate(x, place.rotation_TS1R) for x in (query, key))
    answer, answer_after = gated_delta_chunks(
        placed_query, placed_key, value, *strengths, place.chunks, before[0]
    )
    del placed_query, placed_key
    ones = torch.ones_like(value[..., :1])
    mass, mass_after = gated_delta_chunks(query, key, ones, *strengths, place.chunks, before[1])
    mean = (answer * (mass + 1e-8).reciprocal()).to(heads[0].dtype)
    return mean, answer_after, mass_after


def _sum_along_rays(
    heads: tuple[Tensor, ...],
    strengths: tuple[Tensor, Tensor],
    place: Place,
    before_BNKK: Tensor | None,
    *,
    limit: bool,
) -> tuple[Tensor, Tensor]:
    """Sum of some heads' values in the frames of their rays, and the memory after it."""
    rays, (beta_BTSN, decay_BTN) = place.rays, strengths
    assert rays is not None
    query, _ = _place(heads[0], rays.query, limit=limit)
    key, growth_BTSN = _place(heads[1], rays.key, limit=limit)
    value, _ = _place(heads[2], rays.key, limit=limit)
    discount_BT1N = growth_BTSN.mean(2, keepdim=True).clamp_min(1)
    answer, after_BNKK = gated_delta_chunks(
        query, key, value, beta_BTSN / discount_BT1N, decay_BTN, place.chunks, before_BNKK
    )
    return rays.answer(answer.to(heads[0].dtype)), after_BNKK


def _by_groups(x_BTSNK: Tensor, place: Place, map_heads: Callable[[Tensor], Tensor]) -> Tensor:
    """Map heads that do not depend on each other, a portion at a time; dtype follows `x`."""
    parts = place.portions.of_heads(x_BTSNK.shape[3])
    return _joined([map_heads(x_BTSNK[..., part, :]).to(x_BTSNK.dtype) for part in parts], 3)


def _of_heads(memory: Tensor | None, part: slice) -> Tensor | None:
    return None if memory is None else memory[:, part]


def _joined(parts: Sequence[Tensor], dim: int) -> Tensor:
    """Portions as one, without a copy where there is only one."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=dim)


def _place(x_BTSNK: Tensor, ray_map: RayMap, *, limit: bool) -> tuple[Tensor, Tensor]:
    """Carry heads into the frames of their rays; with them their growth, squared, (B, T, S, N).

    Rays far from the origin map vectors to very long ones, where the direction is what matters.
    """
    return limit_length(ray_map(x_BTSNK), _wide(x_BTSNK), limit=limit)


def _softmax_chunks(
    query: Tensor, own: KeysValues, scale: float, chunks: tuple[int, ...], window: Window
) -> tuple[Tensor, Window]:
    """Each chunk attends to its window and itself; with it the window after the first chunk."""
    sizes = list(chunks)
    mixed, windows = [], [window]
    for part in zip(*(torch.split(x, sizes, dim=1) for x in (query, *own)), strict=True):
        chunk = KeysValues(*part[1:])
        mixed.append(_softmax(part[0], windows[-1].seen_with(chunk), scale))
        windows.append(windows[-1].after(chunk))
    return _joined(mixed, 1), windows[1]


def _softmax(query: Tensor, seen: KeysValues, scale: float) -> Tensor:
    """Attend over all frames' tokens; heads in and out are (B, T, S, N, K)."""
    query_BNXK, key_BNXK, value_BNXK = (x.flatten(1, 2).transpose(1, 2) for x in (query, *seen))
    mixed_BNXK = nnf.scaled_dot_product_attention(query_BNXK, key_BNXK, value_BNXK, scale=scale)
    return mixed_BNXK.transpose(1, 2).reshape(query.shape)


def _split(x: Tensor, num_heads: int) -> Tensor:
    """Channels of the last dimension as heads and the channels of each."""
    return x.view(*x.shape[:-1], num_heads, -1)


def _wide(x: Tensor) -> Tensor:
    """Half precision as float32; memories, gates and their arithmetic need the digits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
