"""Sizes of the network. Light: no torch, so that the page may read them.

The card that tells how a checkpoint wants to be used is `sanawm.card`; it is handed on here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import sqrt
from typing import Any, Literal, Self

from sanawm.card import ModelCard

__all__ = ["ModelCard", "TransformerConfig"]

Downscale = Literal["all", "softmax_only", "none"]

# What every released checkpoint has in common, so that the code has one form of it only.
_FIXED = {
    "patch_size": (1, 1, 1),
    "ffn_type": "GLUMBConvTemp",
    "t_kernel_size": 3,
    "conv_kernel_size": 4,
    "k_conv_only": True,
    "pos_embed_type": "wan_rope",
    "qk_norm": True,
    "cross_norm": True,
    "y_norm": True,
    "cam_attn_compress": 1,
    "use_chunk_plucker_post_attn": True,
    "mlp_acts": ("silu", "silu", None),
    "use_pe": True,
    "pred_sigma": False,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TransformerConfig:
    """Sizes of the transformer, in the words of diffusers' `transformer/config.json`.

    The defaults are the published 2.6B model's. The last three fields are choices in which
    released implementations differ; they live on the model's card, not in `config.json`.
    """

    in_channels: int = 128
    num_layers: int = 20
    hidden_size: int = 2240
    num_attention_heads: int = 20
    linear_head_dim: int = 112
    softmax_every_n: int = 4  # every n-th block attends with softmax, the others by delta rule
    mlp_ratio: float = 3.0
    caption_channels: int = 2304
    chunk_plucker_channels: int = 48  # 6 for each video frame behind one latent frame
    chunk_plucker_post_attn_blocks: int = 20  # the first so many blocks; negative means all
    softmax_scale_main: float | None = None  # None: 1/sqrt(head_dim)
    softmax_scale_camera: float | None = None  # None: as of a head padded with zeros, see below
    cam_rms_downscale: Downscale = "all"

    def __post_init__(self) -> None:
        if self.linear_head_dim % 8:
            raise ValueError(f"linear_head_dim must be a multiple of 8, got {self.linear_head_dim}")
        if self.hidden_size != self.num_attention_heads * self.linear_head_dim:
            raise ValueError(
                f"hidden_size must be num_attention_heads * linear_head_dim = "
                f"{self.num_attention_heads * self.linear_head_dim}, got {self.hidden_size}"
            )

    @property
    def mlp_size(self) -> int:
        """Channels of the feed-forward's value (and as many of its gate)."""
        return int(self.hidden_size * self.mlp_ratio)

    @property
    def main_scale(self) -> float:
        """Factor on the logits of the softmax blocks' main branch."""
        return self.softmax_scale_main or 1 / sqrt(self.linear_head_dim)

    @property
    def camera_scale(self) -> float:
        """Factor on the logits of the camera branch.

        The released model was trained with heads padded to a width that flash attention
        knows, and with the padded width's scale; so 112 channels are scaled as if 128.
        """
        if self.softmax_scale_camera:
            return self.softmax_scale_camera
        width = self.linear_head_dim
        if width not in (32, 64, 128, 256):
            width = 128 if width < 128 else max(256, width)
        return 1 / sqrt(width)

    def is_softmax(self, block: int) -> bool:
        """Whether this block (0-based) attends with softmax."""
        return self.softmax_every_n > 0 and (block + 1) % self.softmax_every_n == 0

    def has_plucker(self, block: int) -> bool:
        """Whether this block (0-based) adds the Plücker rays after its self-attention."""
        limit = self.chunk_plucker_post_attn_blocks
        return limit < 0 or block < limit

    @classmethod
    def from_diffusers(cls, values: Mapping[str, Any]) -> Self:
        """Read `transformer/config.json`; what it does not name keeps the published default."""
        for name, fixed in _FIXED.items():
            value = values.get(name, fixed)
            value = tuple(value) if isinstance(value, list) else value
            if value != fixed:
                raise ValueError(f"this transformer needs {name} = {fixed}, got {value}")
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in names})

    def to_diffusers(self) -> dict[str, Any]:
        """Return what `transformer/config.json` holds for diffusers to build the same network."""
        values = asdict(self)
        for name in ("softmax_scale_main", "softmax_scale_camera", "cam_rms_downscale"):
            del values[name]
        return {"_class_name": "SanaWMTransformer3DModel", **values, "patch_size": [1, 1, 1]}
