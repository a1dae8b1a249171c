"""How long a clip would take on a graphics card nobody has measured yet. Light: no torch.

Multiplications are counted from the sizes; how many a second a card makes is what its maker
publishes, and what share of that is reached is assumed. So these seconds are estimates, and say so
wherever they are shown; the first run on a card replaces them.
"""

from sanawm.card import STREAMING_CHUNK, ModelCard
from sanawm.memory_plan import Job
from sanawm.model_facts import ModelFacts

# 10^12 operations a second with bfloat16 and float32 sums, dense, from the makers' data sheets.
PUBLISHED_TERA = {
    "H200": 989,
    "H100": 989,
    "A100": 312,
    "B200": 2250,
    "L40S": 362,
    "L4": 121,
    "A10G": 70,
    "RTX 5090": 209,
    "RTX 5080": 113,
    "RTX 5070": 62,
    "RTX 4090": 165,
    "RTX 4080": 97,
    "RTX 4070": 58,
    "RTX 3090": 71,
    "RTX 3080": 60,
    "RTX 3060": 26,
}
REACHED = 0.25  # assumed, of what is published
DENSE = 23  # products of a token with a square matrix of the hidden size, in each block
DECODING = 1.13e12 / (704 * 1280)  # operations for each pixel of each frame of the public decoder


def estimated_seconds(
    facts: ModelFacts, card: ModelCard, job: Job, steps: int, device: str
) -> float | None:
    """Seconds of one run on a card of this name; None where its speed is not known."""
    names = sorted(PUBLISHED_TERA, key=len, reverse=True)
    name = next((name for name in names if name.casefold() in device.casefold()), None)
    if name is None:
        return None
    operations = drawing_operations(facts, card, job) * steps
    pixels = card.height * card.width * job.num_frames
    decoding = 0.0 if facts.small_decoder else DECODING * pixels
    return (operations + decoding) / (PUBLISHED_TERA[name] * 1e12 * REACHED)


def drawing_operations(facts: ModelFacts, card: ModelCard, job: Job) -> float:
    """Operations of one step over the clip, both halves of guidance, two for each product."""
    config, (height, width) = facts.config, card.latent_size
    size, tokens = config.hidden_size, height * width * card.num_latent_frames(job.num_frames)
    seen = 3 * STREAMING_CHUNK * height * width if card.streaming else tokens
    softmax = sum(config.is_softmax(index) for index in range(config.num_layers))
    dense = 2 * DENSE * size * size * tokens * config.num_layers
    attention = 2 * 4 * tokens * seen * size * softmax
    passes = (len(card.sigmas) + 1) / len(card.sigmas) if card.streaming else 1
    return (1 + job.guided) * passes * float(dense + attention)
