"""Small parts of the transformer: embeddings, the feed-forward and the output layer.

Parameter names and shapes are the published checkpoint's; where they say "convolution" for
what is a matrix product, the product is computed.
Shape letters: B batch, C channels, T latent frames, H, W latent rows and columns,
S = H*W tokens in a frame, D hidden channels, L text tokens, F feed-forward channels.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import log

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from kernels.rms_norm import rms_norm
from kernels.silu_gate import silu_gate

_TIME_CHANNELS = 256
_MAX_PERIOD = 10_000.0


class RMSNorm(nn.Module):
    """Root-mean-square norm over all hidden channels."""

    def __init__(self, size: int, *, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor, *, rectify: bool = False, scale: float = 1) -> Tensor:
        """Normalise the last dimension; `scale` multiplies the weight."""
        weight = self.weight if scale == 1 else self.weight * scale
        return rms_norm(x, weight, eps=self.eps, rectify=rectify)


class TokenEmbedding(nn.Module):
    """One token for each latent cell: a 1x1x1 convolution."""

    def __init__(self, in_channels: int, hidden_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(in_channels, hidden_size, kernel_size=1)

    def forward(self, latents_BCTHW: Tensor) -> Tensor:
        """Return tokens, (B, T, S, D)."""
        return nnf.linear(tokens(latents_BCTHW), self.matrix, self.proj.bias)

    def then(self, linear: nn.Linear) -> tuple[Tensor, Tensor]:
        """Weight and bias of this embedding and a linear layer after it, in one."""
        assert self.proj.bias is not None
        bias: Tensor = linear(self.proj.bias)
        return linear.weight @ self.matrix, bias

    @property
    def matrix(self) -> Tensor:
        """The convolution's kernel as a matrix."""
        return self.proj.weight.flatten(1)


class TimestepEmbedding(nn.Module):
    """Hidden vector of a timestep, from sinusoids of its whole part."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(_TIME_CHANNELS, hidden_size)
        self.linear_2 = nn.Linear(hidden_size, hidden_size)

    def forward(self, timestep_BT: Tensor) -> Tensor:
        """Embed timesteps of 0 to 1000, (B, T, D); the fraction is dropped, as in training."""
        half = _TIME_CHANNELS // 2
        weight = self.linear_1.weight
        wide = torch.promote_types(weight.dtype, torch.float32)
        exponents = torch.arange(half, dtype=wide, device=weight.device) / half
        angles = timestep_BT.long()[..., None] * torch.exp(-log(_MAX_PERIOD) * exponents)
        waves = torch.cat((angles.cos(), angles.sin()), dim=-1).to(weight.dtype)
        embedded: Tensor = self.linear_2(nnf.silu(self.linear_1(waves)))
        return embedded


class TextProjection(nn.Module):
    """Two linear layers from the text encoder's channels to the hidden ones."""

    def __init__(self, text_channels: int, hidden_size: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(text_channels, hidden_size)
        self.fc2 = nn.Linear(hidden_size, hidden_size)

    def forward(self, text_BLD: Tensor) -> Tensor:
        """Return hidden text vectors, (B, L, D)."""
        hidden: Tensor = self.fc2(nnf.gelu(self.fc1(text_BLD), approximate="tanh"))
        return hidden


class TextEmbedding(nn.Module):
    """Holds the projection one level deeper, where checkpoints have it."""

    def __init__(self, text_channels: int, hidden_size: int) -> None:
        super().__init__()
        self.y_proj = TextProjection(text_channels, hidden_size)

    def forward(self, text_BLD: Tensor) -> Tensor:
        """Return hidden text vectors, (B, L, D)."""
        hidden: Tensor = self.y_proj(text_BLD)
        return hidden


class Convolution(nn.Module):
    """Holds a convolution one level deeper, where checkpoints have it."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv


class FeedForward(nn.Module):
    """Gated feed-forward that looks at the neighbouring tokens and the neighbouring frames."""

    def __init__(self, hidden_size: int, mlp_size: int) -> None:
        super().__init__()
        both = 2 * mlp_size
        self.inverted_conv = Convolution(nn.Conv2d(hidden_size, both, 1))
        self.depth_conv = Convolution(nn.Conv2d(both, both, 3, padding=1, groups=both))
        self.point_conv = Convolution(nn.Conv2d(mlp_size, hidden_size, 1, bias=False))
        self.t_conv = nn.Conv2d(hidden_size, hidden_size, (3, 1), padding=(1, 0), bias=False)

    def forward(
        self,
        x_BTSD: Tensor,
        height: int,
        chunks: Sequence[int],
        before_B1SD: Tensor | None = None,
        *,
        at_once: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the change of each token, (B, T, S, D), and what the next chunk needs of it.

        `chunks` are numbers of frames, T together; no frame sees one of a later chunk. `before`
        is what an earlier call gave back: the last frame of its first chunk, (B, 1, S, D).
        `at_once` frames, or all, are worked on together until the convolution over time.
        """
        portions = torch.split(x_BTSD, at_once or x_BTSD.shape[1], dim=1)
        parts = [self._within_frames(portion, height) for portion in portions]
        u_BTSD = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        return self._over_time(u_BTSD, chunks, before_B1SD), u_BTSD[:, chunks[0] - 1 : chunks[0]]

    def _within_frames(self, x_BTSD: Tensor, height: int) -> Tensor:
        """The gated feed-forward of each frame, (B, T, S, D)."""
        inverted, depth = self.inverted_conv.conv, self.depth_conv.conv
        wide_BTSF = nnf.silu(nnf.linear(x_BTSD, inverted.weight.flatten(1), inverted.bias))
        pictures = wide_BTSF.view(-1, height, wide_BTSF.shape[2] // height, wide_BTSF.shape[3])
        seen = depth(pictures.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).reshape(wide_BTSF.shape)
        return nnf.linear(silu_gate(seen), self.point_conv.conv.weight.flatten(1))

    def _over_time(
        self, x_BTSD: Tensor, chunks: Sequence[int], before_B1SD: Tensor | None
    ) -> Tensor:
        """Add to each frame its temporal convolution, one product for each tap."""
        before_DD, here_DD, after_DD = self.t_conv.weight.squeeze(-1).unbind(-1)
        identity_DD = torch.eye(len(here_DD), dtype=here_DD.dtype, device=here_DD.device)
        mixed_BTSD = nnf.linear(x_BTSD, here_DD + identity_DD)
        if before_B1SD is not None:
            mixed_BTSD[:, :1] += nnf.linear(before_B1SD, before_DD)
        if x_BTSD.shape[1] > 1:
            mixed_BTSD[:, 1:] += nnf.linear(x_BTSD[:, :-1], before_DD)
        for begin, end in pairwise((0, *accumulate(chunks))):
            if end - begin > 1:
                mixed_BTSD[:, begin : end - 1] += nnf.linear(x_BTSD[:, begin + 1 : end], after_DD)
        return mixed_BTSD


class OutputLayer(nn.Module):
    """Velocity of each token, modulated by its frame's timestep."""

    def __init__(self, hidden_size: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(hidden_size, out_channels)
        self.scale_shift_table = nn.Parameter(torch.zeros(2, hidden_size))

    def forward(self, x_BTSD: Tensor, time_BTD: Tensor) -> Tensor:
        """Return one velocity for each token, (B, T, S, C)."""
        shift_BT1D, scale_BT1D = (time_BTD[..., None, :] + row for row in self.scale_shift_table)
        velocity: Tensor = self.linear(modulated(x_BTSD, shift_BT1D, scale_BT1D))
        return velocity


def tokens(x_BCTHW: Tensor) -> Tensor:
    """Cells of a latent grid as tokens, (B, T, S, C)."""
    return x_BCTHW.flatten(3).permute(0, 2, 3, 1)


def modulated(x_BTSD: Tensor, shift_BT1D: Tensor, scale_BT1D: Tensor) -> Tensor:
    """Layer norm without weights, then each frame's own scale and shift."""
    normed = nnf.layer_norm(x_BTSD, x_BTSD.shape[-1:], eps=1e-6)
    return torch.addcmul(shift_BT1D, normed, 1 + scale_BT1D)
