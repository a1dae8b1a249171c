"""How long a run will take, learned from the runs this computer has finished.

A run is a part before drawing, so many steps, and a part after it. Each is a moving average over
past runs of the same model on the same device, newest weighing most. Runs of another length serve
where there is none of this one, scaled by the number of frames. Nothing is said before something
was measured. A run that was stopped early or took its latents from a cache teaches no step.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from storage.tables import Run
from studio.views import EstimateView, MemoryView

NEWEST_WEIGHT = 0.4
BEFORE, AFTER = ("prompt", "first_frame"), ("decoding", "saving")
UNMEASURED = "The first run on this computer also measures its speed."


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """Seconds of each part of a run."""

    before_s: float
    step_s: float
    after_s: float

    def total_s(self, steps: int) -> float:
        """Seconds from start to end."""
        return self.before_s + steps * self.step_s + self.after_s

    def left_s(self, stage: str, step: int, steps: int, drawing_s: float) -> float:
        """Seconds a running run still needs: its stage, finished steps, and seconds of drawing.

        Where this run draws slower than past ones did, its own pace counts.
        """
        if stage in AFTER:
            return self.after_s
        if stage == "drawing":
            step_s = max(self.step_s, drawing_s / (step + 1))
            return self.after_s + step_s * max(0, steps - step)
        return self.total_s(steps)


def learn_speed(past: Sequence[Run], num_frames: int, *, guided: bool) -> Speed | None:
    """The speed for clips of a length, from finished runs of one model, newest first.

    Where a model came to be run by another plan, such as another precision, only runs by the newest
    plan count.
    """
    usable = [run for run in past if _teaches(run)]
    alike = [run for run in usable if run.num_frames == num_frames and is_guided(run) == guided]
    chosen = [run for run in alike if run.plan == alike[0].plan] or usable
    if not chosen:
        return None
    oldest_first = chosen[::-1]
    return Speed(
        before_s=_average(_before(run) for run in oldest_first),
        step_s=_average(_step(run, num_frames, guided=guided) for run in oldest_first),
        after_s=_average(_after(run) * num_frames / run.num_frames for run in oldest_first),
    )


def describe(
    seconds: float | None,
    wait_s: float | None,
    *,
    measured: bool = True,
    memory: MemoryView | None = None,
) -> EstimateView:
    """The sentence over the Generate button."""
    sentence = UNMEASURED if seconds is None else _time_words(seconds, wait_s, measured=measured)
    if memory is not None and not memory.fits:
        sentence = memory.words
    elif memory is not None:
        sentence = f"{sentence.removesuffix('.')} · {memory.words}"
    return EstimateView(seconds=seconds, wait_s=wait_s, sentence=sentence, memory=memory)


def _time_words(seconds: float, wait_s: float | None, *, measured: bool) -> str:
    about = f"About {duration(seconds)}" + ("" if measured else ", estimated")
    if wait_s is None:
        return f"{about} once it starts."
    if wait_s < 1:
        return f"{about}."
    return f"{about} once it starts, in about {duration(wait_s)}."


def duration(seconds: float) -> str:
    """Seconds in words: 18 s, 2 min 40 s, 1 h 5 min."""
    whole = max(1, round(seconds))
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"


def is_guided(run: Run) -> bool:
    """Whether each step predicts twice, with and without the prompt."""
    return run.guidance_scale > 1


def _teaches(run: Run) -> bool:
    drew = run.timings.get("drawing", 0) > 0 and "stage1" not in run.savings
    return drew and run.stopped_at is None


def _before(run: Run) -> float:
    return sum(run.timings.get(stage, 0.0) for stage in BEFORE)


def _after(run: Run) -> float:
    return sum(run.timings.get(stage, 0.0) for stage in AFTER)


def _step(run: Run, num_frames: int, *, guided: bool) -> float:
    step = run.timings["drawing"] / run.num_inference_steps
    return step * num_frames / run.num_frames * (1 + guided) / (1 + is_guided(run))


def _average(oldest_first: Iterable[float]) -> float:
    average = None
    for value in oldest_first:
        average = value if average is None else average + NEWEST_WEIGHT * (value - average)
    assert average is not None
    return average
