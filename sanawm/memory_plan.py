"""How a clip is drawn in the memory there is. Pure and light: no torch.

`plans_for` lists the ways to draw a clip, quickest first, each with the bytes it is predicted to
take at its peak; `best_plan` takes the first that fits. All plans draw the same video up to
rounding:

    together   both halves of guidance in one pass, or one after the other
    portions   attention some heads at a time, the feed-forward some frames at a time
    visits     text encoder and autoencoder come to the card only while they work
    offloads   the blocks' weights stay in the computer's memory, two blocks at a time on the card

Predicted bytes are counted (`sanawm.model_sizes`, `sanawm.memory_need`); what the driver and the
libraries take is the part of the card's memory that `usable_bytes` leaves alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sanawm.card import STREAMING_CHUNK, ModelCard
from sanawm.memory_need import Clip, drawing_bytes, streaming_bytes
from sanawm.model_facts import ModelFacts
from sanawm.model_sizes import block_weights, transformer_weights, weights_outside_blocks
from sanawm.portions import WHOLE, Portions

GIB = 1 << 30
CARD_RESERVE = 600 << 20  # the driver's own, and handles of libraries
CARD_SHARE = 0.95  # of the rest: memory comes in blocks that do not fill up
HOST_SHARE = 0.7  # of a computer's memory; others live there, too
NUMBER_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}

# Bytes per pixel of a frame and byte of a number, counted like what the transformer takes.
ENCODE, DECODE, DECODE_AHEAD = 91, 1090, 1830
SMALL_DECODE = 2  # the same of the bundled kind, for each of its finest channels
TEXT_SHARE = 0.1  # of the text encoder's weights, at work; generous, as prompts are short


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One way to draw a clip."""

    precision: str  # float32 or bfloat16
    together: bool  # both halves of guidance at once; True without guidance
    portions: Portions
    visits: bool
    offloads: bool
    peak_bytes: int

    @property
    def words(self) -> str:
        """What is unusual about it, for a record: plans of one name take the same time."""
        told = [self.precision]
        told += [] if self.together else ["halves apart"]
        told += [] if self.portions == WHOLE else ["in portions"]
        told += ["parts visit"] if self.visits else []
        told += ["blocks offloaded"] if self.offloads else []
        return ", ".join(told)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What decides how much memory a clip takes."""

    num_frames: int
    guided: bool


def plans_for(
    facts: ModelFacts, card: ModelCard, job: Job, *, precision: str, on_card: bool
) -> tuple[Plan, ...]:
    """Ways to draw a clip, quickest first, each in less memory than the one before.

    On a processor nothing lies elsewhere.
    """
    places = ((False, False), (True, False), (True, True)) if on_card else ((False, False),)
    plans: list[Plan] = []
    for visits, offloads in places:
        for together, portions in _shapes(facts, card, job):
            rows = 2 if job.guided and together else 1
            drawing = _drawing_bytes(facts, card, job, precision, rows, portions)
            peak = _peak(facts, card, precision, drawing, visits=visits, offloads=offloads)
            plan = Plan(
                precision=precision,
                together=together,
                portions=portions,
                visits=visits,
                offloads=offloads,
                peak_bytes=peak,
            )
            if not plans or peak < plans[-1].peak_bytes:  # slower for nothing else
                plans.append(plan)
    return tuple(plans)


def best_plan(plans: Sequence[Plan], memory_bytes: int) -> Plan | None:
    """The quickest one that fits into so many usable bytes."""
    return next((plan for plan in plans if plan.peak_bytes <= memory_bytes), None)


def usable_bytes(memory_bytes: int, *, on_card: bool) -> int:
    """What of a device's memory a plan may count on."""
    if not on_card:
        return int(memory_bytes * HOST_SHARE)
    return max(0, int((memory_bytes - CARD_RESERVE) * CARD_SHARE))


def _shapes(facts: ModelFacts, card: ModelCard, job: Job) -> Iterator[tuple[bool, Portions]]:
    """Halves together or apart, and portions, each smaller than the one before."""
    yield True, WHOLE
    if card.streaming:  # a few frames at a time already
        return
    if job.guided:
        yield False, WHOLE
    heads = facts.config.num_attention_heads
    for share, frames in ((5, 8), (10, 2)):
        yield not job.guided, Portions(heads=max(1, heads // share), frames=frames)


def _drawing_bytes(
    facts: ModelFacts, card: ModelCard, job: Job, precision: str, rows: int, portions: Portions
) -> int:
    height, width = card.latent_size
    clip_frames = card.num_latent_frames(job.num_frames)
    clip = Clip(
        num_frames=2 * STREAMING_CHUNK if card.streaming else clip_frames,
        num_tokens=height * width,
        rows=rows,
        text_length=card.text_length,
        number_bytes=NUMBER_BYTES[precision],
    )
    if not card.streaming:
        return drawing_bytes(facts.config, clip, portions)
    count, left_over = divmod(clip_frames, STREAMING_CHUNK)
    chunks = (STREAMING_CHUNK + left_over, *(STREAMING_CHUNK,) * (count - 1))
    return streaming_bytes(facts.config, clip, chunks)


def _peak(
    facts: ModelFacts,
    card: ModelCard,
    precision: str,
    drawing: int,
    *,
    visits: bool,
    offloads: bool,
) -> int:
    """The most of what reading the prompt, drawing and decoding take, with all that lies there.

    Drawing and decoding of a streaming model go on side by side, so its autoencoder stays.
    """
    number = NUMBER_BYTES[precision]
    blocks = [block_weights(facts.config, index) for index in range(facts.config.num_layers)]
    network = transformer_weights(facts.config)
    if offloads:
        network = weights_outside_blocks(facts.config) + 2 * max(blocks)
    text, autoencoder = (
        number * weights for weights in (facts.text_encoder_weights, facts.autoencoder_weights)
    )
    pixels = card.height * card.width * number
    decoding = pixels * _decode_factor(facts, card)
    if card.streaming:
        drawing += decoding
    phases = (
        (int(text * TEXT_SHARE), True, not visits),
        (drawing, not visits, not visits or card.streaming),
        (max(decoding, pixels * ENCODE), not visits, True),
    )
    return number * network + max(
        own + has_text * text + has_autoencoder * autoencoder
        for own, has_text, has_autoencoder in phases
    )


def _decode_factor(facts: ModelFacts, card: ModelCard) -> int:
    """Bytes for each pixel and byte of a number; streaming needs a decoder that looks back only."""
    if facts.small_decoder:
        return SMALL_DECODE * facts.small_decoder
    return DECODE_AHEAD if facts.decodes_ahead and not card.streaming else DECODE
