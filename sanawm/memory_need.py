"""How many bytes the work on a clip takes beside the weights. Light: no torch.

Counted from the code: what is alive at once where most is, in units of one activation (a number
for every hidden channel of every token). A test holds these counts against those of the network
itself, run at full size without computing. What libraries take on top is `sanawm.memory_plan`'s.

Shape letters: T latent frames, S tokens in a frame, N heads, K head channels, D = N*K channels.
"""

from dataclasses import dataclass

from sanawm.config import TransformerConfig
from sanawm.portions import Portions

WIDE = 4  # bytes of a float32
MATRIX_BYTES = 16 * 16 * WIDE  # of one ray's map
TURN_BYTES = 8  # of one pair's rotation
LATENTS_ALIVE = 6  # noise, latents before and after a step, velocity, and the estimate shown
STATES_ALIVE = 8  # matrices K x K for every frame and head, at once
DELTA, DELTA_HEADS = 6.0, (4.0, 15.0)  # activations; and for all heads, full and half precision
SOFTMAX, SOFTMAX_HEADS = (10.0, 9.0), (0.5, 6.0)
ROWS = (2.0, 4.0)  # more of the heads' activations where there are two rows
FEED_FORWARD, FEED_FORWARD_REST = 18.0, 4.2
AROUND = 2.1  # the stream itself and what attention sees


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """What is drawn in one pass."""

    num_frames: int  # latent frames
    num_tokens: int  # of one frame
    rows: int  # 2 where both halves of guidance are drawn together
    text_length: int
    number_bytes: int  # 2 or 4


def drawing_bytes(config: TransformerConfig, clip: Clip, portions: Portions) -> int:
    """Most that is alive while a whole clip is drawn."""
    unit = _unit(config, clip) * clip.num_frames
    kinds = {config.is_softmax(index) for index in range(config.num_layers)}
    parts = [_activations(config, clip, portions, softmax=kind) for kind in kinds]
    parts.append(_feed_forward(clip, portions))
    at_work = unit * (max(parts) + AROUND)
    return int(at_work) + condition_bytes(config, clip) + _latent_bytes(config, clip)


def streaming_bytes(config: TransformerConfig, clip: Clip, chunks: tuple[int, ...]) -> int:
    """Most that is alive while a clip is drawn chunk by chunk, whatever its length.

    While a chunk and the one after it are passed through together, the memory of all blocks is
    there, and what is new in that of the blocks which are done.
    """
    unit, (first, chunk) = _unit(config, clip), (chunks[0], chunks[-1])
    together = first + chunk if len(chunks) < 3 else 2 * chunk
    peak, kept = 0.0, 0.0
    for index in range(config.num_layers):
        softmax = config.is_softmax(index)
        working = max(FEED_FORWARD, _activations(config, clip, Portions(), softmax=softmax))
        peak = max(peak, kept + together * (working + AROUND))
        kept += _memory(config, clip, chunk, softmax=softmax)
    seen_by_all = 2 * 2 * first * sum(map(config.is_softmax, range(config.num_layers)))
    conditions = condition_bytes(config, clip)
    return int(unit * (seen_by_all + kept + peak)) + conditions + _latent_bytes(config, clip)


def condition_bytes(config: TransformerConfig, clip: Clip) -> int:
    """Text as each block sees it (keys twice), and the places and rays of all tokens."""
    size, head = config.hidden_size, config.linear_head_dim
    text = config.num_layers * clip.rows * clip.text_length * 3 * size * clip.number_bytes
    rays = config.chunk_plucker_channels * clip.number_bytes + 3 * MATRIX_BYTES
    turns = (head // 2 + 2 * (head // 4)) * TURN_BYTES
    return text + clip.num_frames * clip.num_tokens * (clip.rows * rays + turns)


def _unit(config: TransformerConfig, clip: Clip) -> int:
    """Bytes of one activation of one frame."""
    return clip.rows * clip.num_tokens * config.hidden_size * clip.number_bytes


def _activations(
    config: TransformerConfig, clip: Clip, portions: Portions, *, softmax: bool
) -> float:
    """Activations that are alive in one block's attention."""
    half = clip.number_bytes < WIDE
    heads = config.num_attention_heads
    share = min(portions.heads or heads, heads) / heads
    if softmax:
        return SOFTMAX[half] + share * SOFTMAX_HEADS[half]
    states = STATES_ALIVE * config.linear_head_dim * WIDE / clip.number_bytes / clip.num_tokens
    rows = ROWS[half] if clip.rows > 1 else 0.0
    return DELTA + max(1 + half, share * (DELTA_HEADS[half] + rows + states))


def _feed_forward(clip: Clip, portions: Portions) -> float:
    share = min(portions.frames or clip.num_frames, clip.num_frames) / clip.num_frames
    return max(FEED_FORWARD * share + (1 - share), FEED_FORWARD_REST + (clip.rows > 1))


def _memory(config: TransformerConfig, clip: Clip, chunk: int, *, softmax: bool) -> float:
    """What one block remembers of a chunk, in activations of a frame."""
    if softmax:
        return 2 * 2 * chunk + 1.0  # keys and values of both branches; feed-forward
    states = 2 * config.linear_head_dim * WIDE / clip.number_bytes / clip.num_tokens
    return chunk + states + 1.0


def _latent_bytes(config: TransformerConfig, clip: Clip) -> int:
    numbers = clip.num_frames * clip.num_tokens * config.in_channels
    return LATENTS_ALIVE * clip.rows * numbers * WIDE
