"""How many weights a transformer has, counted from its sizes. Light: no torch.

All counts are numbers of weights, block by block, because blocks are what can be kept elsewhere.
"""

from sanawm.config import TransformerConfig

_TIME_CHANNELS = 256
_TAPS = 4  # of each short convolution over keys, main and camera
_RAYMAP_CHANNELS = 3


def block_weights(config: TransformerConfig, index: int) -> int:
    """Weights of one block (0-based)."""
    size = config.hidden_size
    rays = _linear(size, size) if config.has_plucker(index) else 0
    tables = 6 * size
    return (
        tables + rays + _attention(config, index) + _cross_attention(size) + _feed_forward(config)
    )


def weights_outside_blocks(config: TransformerConfig) -> int:
    """Embeddings of time, text, latents and rays, and the output layer."""
    size, channels = config.hidden_size, config.in_channels
    time = _linear(_TIME_CHANNELS, size) + _linear(size, size) + _linear(size, 6 * size)
    text = _linear(config.caption_channels, size) + _linear(size, size) + size
    embedded = (channels, config.chunk_plucker_channels, _RAYMAP_CHANNELS)
    output = _linear(size, channels) + 2 * size
    return time + text + sum(_linear(wide, size) for wide in embedded) + output


def transformer_weights(config: TransformerConfig) -> int:
    """Weights of the whole network."""
    blocks = sum(block_weights(config, index) for index in range(config.num_layers))
    return blocks + weights_outside_blocks(config)


def _linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def _attention(config: TransformerConfig, index: int) -> int:
    """Six projections with a bias, one of triple width without, two gates for each head."""
    size, heads = config.hidden_size, config.num_attention_heads
    norms_and_decays = 4 * size + 2 * heads
    convolutions = 0 if config.is_softmax(index) else 2 * _TAPS * size
    projections = 3 * size * size + 6 * _linear(size, size) + 2 * _linear(size, heads)
    return projections + norms_and_decays + convolutions


def _cross_attention(size: int) -> int:
    return 2 * _linear(size, size) + _linear(size, 2 * size) + 2 * size


def _feed_forward(config: TransformerConfig) -> int:
    """Into value and gate, 3x3 over neighbours, back, and three taps over time."""
    size, wide = config.hidden_size, config.mlp_size
    depthwise = 2 * wide * 9 + 2 * wide
    return _linear(size, 2 * wide) + depthwise + wide * size + 3 * size * size
