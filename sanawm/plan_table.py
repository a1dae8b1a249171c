"""Plans for cards of every size, as a table: what a card can draw, how, and in how much memory.

Bytes are counted, never measured here; seconds are estimated from published speeds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sanawm.card import ModelCard
from sanawm.memory_plan import GIB, Job, Plan, best_plan, plans_for, usable_bytes
from sanawm.model_facts import ModelFacts
from sanawm.portions import WHOLE

CARD_GIGABYTES = (8, 12, 16, 24, 32, 48, 80, 141)
LENGTHS = (81, 161, 321, 961)  # of the bidirectional model; a streaming one takes the same for all


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedClip:
    """The plan of one clip on a card of one size; None where it cannot be drawn."""

    gigabytes: int
    num_frames: int
    plan: Plan | None


def planned(
    facts: ModelFacts, card: ModelCard, sizes: Iterable[int], lengths: Sequence[int]
) -> list[PlannedClip]:
    """The best plan for each size of card, and each length."""
    clips = []
    for gigabytes in sizes:
        usable = usable_bytes(gigabytes * GIB, on_card=True)
        for num_frames in lengths:
            job = Job(num_frames=num_frames, guided=card.guidance_scale != 1)
            plans = plans_for(facts, card, job, precision="bfloat16", on_card=True)
            plan = best_plan(plans, usable)
            clips.append(PlannedClip(gigabytes=gigabytes, num_frames=num_frames, plan=plan))
    return clips


def as_markdown(clips: Sequence[PlannedClip], lengths: Sequence[int], fps: float) -> str:
    """One row for each size of card, one column for each length."""
    heads = [f"{length} frames, {(length - 1) / fps:.0f} s" for length in lengths]
    lines = [f"| card | {' | '.join(heads)} |", f"|--:|{'---|' * len(lengths)}"]
    for start in range(0, len(clips), len(lengths)):
        row = clips[start : start + len(lengths)]
        cells = [_cell(clip.plan) for clip in row]
        lines.append(f"| {row[0].gigabytes} GB | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def ways(plan: Plan) -> str:
    """How a plan differs from the quickest, in words for people."""
    told = [] if plan.together else ["guidance apart"]
    told += [] if plan.portions == WHOLE else ["in portions"]
    if plan.offloads:
        told.append("weights offloaded")
    elif plan.visits:
        told.append("parts visit")
    return ", ".join(told) or "all at once"


def _cell(plan: Plan | None) -> str:
    return f"{plan.peak_bytes / GIB:.1f} GB: {ways(plan)}" if plan else "does not fit"
