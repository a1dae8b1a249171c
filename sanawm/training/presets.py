"""What a training run is made of: sizes, schedules and shares of the time, per preset.

`smoke` proves in a minute that everything works, `cpu` is for a laptop's processor, `gpu` for
one data-centre card. `streaming` goes on from a finished whole-clip model of the same sizes and
teaches it to draw chunk by chunk. Rates and initialisations follow the measurements in
models/tiny/README.md.
"""

from dataclasses import dataclass, field

from sanawm.config import TransformerConfig
from sanawm.tiny_autoencoder import TinyAutoencoderConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class TextConfig:
    """Sizes of the small Gemma-2 text encoder."""

    vocabulary: int = 512
    hidden_size: int = 64
    num_layers: int = 2
    num_heads: int = 4
    max_tokens: int = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingPreset:
    """One training run. Lengths are pixel frames; sizes are pixels; rates are peaks."""

    name: str
    device: str = "cpu"
    height: int = 48
    width: int = 80
    num_frames: int = 17  # the length a person gets unless they choose another
    lengths: tuple[int, ...] = (9, 17, 33, 65)  # trained; the longest is what is rendered
    length_shares: tuple[float, ...] = (0.2, 0.5, 0.2, 0.1)  # of the batches, later on
    fps: int = 8
    num_clips: int = 2_048
    first_clips: int = 256  # rendered before the autoencoder starts
    held_out_clips: int = 64
    supersample: int = 2
    autoencoder: TinyAutoencoderConfig = field(default_factory=TinyAutoencoderConfig)
    autoencoder_share: float = 0.35  # of the budget
    autoencoder_batch: int = 4
    autoencoder_frames: int = 9
    autoencoder_rate: float = 1.5e-3
    autoencoder_psnr: float = 26.0  # held out; below, a transformer has nothing to learn from
    text: TextConfig = field(default_factory=TextConfig)
    transformer: TransformerConfig
    transformer_batch: int = 8
    transformer_matrix_rate: float = 1e-2
    transformer_other_rate: float = 3e-3
    short_share: float = 0.4  # of the transformer's time, on the shortest clips alone
    training_shift: float = 2.0
    num_inference_steps: int = 4
    guidance_scale: float = 1.0
    shift: float = 3.0
    sigmas: tuple[float, ...] = ()  # of a streaming model: the noise levels it draws at
    offered: tuple[int, ...] = ()  # lengths offered where they are not those trained on
    translation_speed: float = 0.09  # metres a frame
    rotation_degrees: float = 3.0  # a frame


def _transformer(hidden_size: int, num_heads: int, num_layers: int) -> TransformerConfig:
    text, autoencoder = TextConfig(), TinyAutoencoderConfig()
    return TransformerConfig(
        in_channels=autoencoder.latent_channels,
        hidden_size=hidden_size,
        num_attention_heads=num_heads,
        linear_head_dim=hidden_size // num_heads,
        num_layers=num_layers,
        mlp_ratio=2.5,
        caption_channels=text.hidden_size,
        chunk_plucker_channels=6 * autoencoder.temporal_stride,
    )


PRESETS = {
    "smoke": TrainingPreset(
        name="smoke",
        num_clips=16,
        first_clips=16,
        held_out_clips=8,
        num_frames=9,
        lengths=(5, 9),
        length_shares=(0.5, 0.5),
        supersample=1,
        autoencoder_psnr=0.0,
        transformer=_transformer(64, 2, 4),
        transformer_batch=2,
    ),
    "cpu": TrainingPreset(name="cpu", transformer=_transformer(128, 4, 8)),
    "streaming": TrainingPreset(
        name="streaming",
        num_frames=49,
        lengths=(25, 49, 97),
        length_shares=(0.4, 0.4, 0.2),
        short_share=0.2,
        offered=(25, 49, 97, 241),
        num_clips=512,
        first_clips=128,
        transformer=_transformer(128, 4, 8),
        transformer_batch=4,
        transformer_matrix_rate=3e-3,
        transformer_other_rate=1e-3,
        sigmas=(1.0, 0.9, 0.75, 0.5),
    ),
    "gpu": TrainingPreset(
        name="gpu",
        device="cuda",
        height=96,
        width=160,
        num_frames=33,
        lengths=(17, 33, 65),
        length_shares=(0.3, 0.5, 0.2),
        num_clips=16_384,
        first_clips=4_096,
        autoencoder_batch=32,
        transformer=_transformer(256, 8, 12),
        transformer_batch=64,
    ),
}
