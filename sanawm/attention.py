"""Attention between the tokens of a video, and from them to the text.

Self-attention has two branches over the same tokens: the main one knows each token's place
in the latent grid, the camera branch knows its ray. In most blocks both run the gated delta
rule over time; in every few blocks both are plain softmax attention over all tokens.

Shape letters: B batch, T latent frames, S tokens in a frame, D = N*K hidden channels,
N heads, K head channels, L text tokens.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from kernels.gated_delta import gated_delta
from kernels.limit_length import limit_length
from kernels.short_conv import short_conv
from sanawm.config import TransformerConfig
from sanawm.layers import RMSNorm
from sanawm.rope import rotate
from sanawm.ucpe import RayFrames, RayMap

_TAPS = 4


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

    def forward(self, x_BTSD: Tensor, rotation_TS1R: Tensor, rays: RayFrames | None) -> Tensor:
        """Mix tokens; without rays the camera branch is left out."""
        main, camera = self.mix(x_BTSD, rotation_TS1R, rays)
        mixed = main.flatten(3)
        if camera is not None:
            mixed = mixed + self.out_proj_cam(camera.flatten(3).to(x_BTSD.dtype))
        gate = nnf.silu(_wide(self.output_gate(x_BTSD)))
        projected: Tensor = self.proj((mixed * gate).to(x_BTSD.dtype))
        return projected

    def mix(
        self, x_BTSD: Tensor, rotation_TS1R: Tensor, rays: RayFrames | None
    ) -> tuple[Tensor, Tensor | None]:
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
        self, x_BTSD: Tensor, rotation_TS1R: Tensor, rays: RayFrames | None
    ) -> tuple[Tensor, Tensor | None]:
        """Run both branches with the same write strengths and decays."""
        beta_BTSN = _wide(self.beta_proj(x_BTSD).sigmoid())
        decay_BTN = self._decay(x_BTSD)
        main = self._main(x_BTSD, rotation_TS1R, beta_BTSN, decay_BTN)
        if rays is None:
            return main, None
        return main, self._camera(x_BTSD, rays, beta_BTSN, decay_BTN)

    def _decay(self, x_BTSD: Tensor) -> Tensor:
        """How much of the memory each frame keeps, (B, T, N), between 0 and 1."""
        step_BTN = nnf.softplus(_wide(self.gate_proj(x_BTSD.mean(2))) + _wide(self.dt_bias))
        return torch.exp(-_wide(self.A_log).exp() * step_BTN)

    def _main(
        self, x_BTSD: Tensor, rotation_TS1R: Tensor, beta_BTSN: Tensor, decay_BTN: Tensor
    ) -> Tensor:
        """Weighted mean of values; the weights' sum must not depend on positions."""
        query, key, value = self.qkv(x_BTSD).chunk(3, dim=-1)
        query = _wide(self.heads(self.q_norm(query, rectify=True)))
        key = self.k_norm(self.conv_k(key), rectify=True, scale=self._key_scale(key))
        key, value = _wide(self.heads(key)), _wide(self.heads(value))
        answer = gated_delta(
            rotate(query, rotation_TS1R), rotate(key, rotation_TS1R), value, beta_BTSN, decay_BTN
        )
        mass = gated_delta(query, key, torch.ones_like(value[..., :1]), beta_BTSN, decay_BTN)
        return (answer * (mass + 1e-8).reciprocal()).to(x_BTSD.dtype)

    def _camera(
        self, x_BTSD: Tensor, rays: RayFrames, beta_BTSN: Tensor, decay_BTN: Tensor
    ) -> Tensor:
        """Sum of values in the frames of the rays; keys that grew there write more weakly."""
        query = self.heads(self.q_norm_cam(self.q_proj_cam(x_BTSD), rectify=True))
        key = self.conv_k_cam(self.k_proj_cam(x_BTSD))
        key = self.heads(self.k_norm_cam(key, rectify=True, scale=self._key_scale(key)))
        value = self.heads(self.v_proj_cam(x_BTSD))
        limit = self.config.cam_rms_downscale == "all"
        query, _ = _place(query, rays.query, limit=limit)
        key, growth_BTSN = _place(key, rays.key, limit=limit)
        value, _ = _place(value, rays.key, limit=limit)
        discount_BT1N = growth_BTSN.mean(2, keepdim=True).clamp_min(1)
        answer = gated_delta(query, key, value, beta_BTSN / discount_BT1N, decay_BTN)
        return rays.answer(answer.to(x_BTSD.dtype))

    def _key_scale(self, x_BTSD: Tensor) -> float:
        """Keeps the sum of a frame's squared keys near one, whatever the picture's size."""
        return float((self.config.linear_head_dim * x_BTSD.shape[2]) ** -0.5)


class SoftmaxAttention(SelfAttention):
    """Softmax attention between all tokens of all frames."""

    def mix(
        self, x_BTSD: Tensor, rotation_TS1R: Tensor, rays: RayFrames | None
    ) -> tuple[Tensor, Tensor | None]:
        """Run both branches."""
        query, key, value = self.qkv(x_BTSD).chunk(3, dim=-1)
        query = rotate(self.heads(self.q_norm(query)), rotation_TS1R).to(x_BTSD.dtype)
        key = rotate(self.heads(self.k_norm(key)), rotation_TS1R).to(x_BTSD.dtype)
        main = _softmax(query, key, self.heads(value), self.config.main_scale)
        return main, None if rays is None else self._camera(x_BTSD, rays)

    def _camera(self, x_BTSD: Tensor, rays: RayFrames) -> Tensor:
        query = self.heads(self.q_norm_cam(self.q_proj_cam(x_BTSD)))
        key = self.heads(self.k_norm_cam(self.k_proj_cam(x_BTSD)))
        value = self.heads(self.v_proj_cam(x_BTSD))
        limit = self.config.cam_rms_downscale != "none"
        query, key, value = (
            _place(x, ray_map, limit=limit)[0].to(x_BTSD.dtype)
            for x, ray_map in ((query, rays.query), (key, rays.key), (value, rays.key))
        )
        return rays.answer(_softmax(query, key, value, self.config.camera_scale))


class ShortConv(nn.Module):
    """Depthwise convolution over the neighbouring frames, the same to both sides."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, 1, _TAPS))

    def forward(self, x_BTSD: Tensor) -> Tensor:
        """Convolve each token over time."""
        return short_conv(x_BTSD, self.weight)


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


def _place(x_BTSNK: Tensor, ray_map: RayMap, *, limit: bool) -> tuple[Tensor, Tensor]:
    """Carry heads into the frames of their rays; with them their growth, squared, (B, T, S, N).

    Rays far from the origin map vectors to very long ones, where the direction is what matters.
    """
    return limit_length(ray_map(x_BTSNK), _wide(x_BTSNK), limit=limit)


def _softmax(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Attend over all frames' tokens; heads in and out are (B, T, S, N, K)."""
    query_BNXK, key_BNXK, value_BNXK = (
        x.flatten(1, 2).transpose(1, 2) for x in (query, key, value)
    )
    mixed_BNXK = nnf.scaled_dot_product_attention(query_BNXK, key_BNXK, value_BNXK, scale=scale)
    return mixed_BNXK.transpose(1, 2).reshape(query.shape)


def _split(x: Tensor, num_heads: int) -> Tensor:
    """Channels of the last dimension as heads and the channels of each."""
    return x.view(*x.shape[:-1], num_heads, -1)


def _wide(x: Tensor) -> Tensor:
    """Half precision as float32; memories, gates and their arithmetic need the digits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
