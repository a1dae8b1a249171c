"""Who is made when: places in the line and the time until each run starts or ends.

Speeds are learned from past runs per device, model, length and plan (`studio.estimate`), and kept
until another run of the model has ended. Nothing is said where nothing was measured, and no time
ever grows (`studio.countdown`).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from sqlalchemy.orm import Session

from storage.line import Place, places
from storage.runs import finished, last_finish
from storage.settings import read_setting
from studio.countdown import Countdown
from studio.estimate import Speed, learn_speed
from studio.views import LineView
from studio.workbench import WORKER

SpeedOf = Callable[[str, int, bool], Speed | None]  # of a model, frames, guided


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One reading of the line."""

    running: dict[str, float | None] = field(default_factory=dict)  # seconds until each ends
    waiting: list[LineView] = field(default_factory=list)  # next one first
    wishes: dict[str, str] = field(default_factory=dict)  # what was asked of those that run
    wait_s: float | None = 0.0  # until a new run would start; None: not measured


class Pace:
    """What this process has learned and promised; safe to share between threads."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        countdown: Countdown | None = None,
    ) -> None:
        self._clock = clock
        self._countdown = countdown or Countdown()
        self._speeds: dict[tuple[str, str, int, bool], tuple[float, Speed | None]] = {}

    def line(self, session: Session, *, paused: bool) -> Line:
        """The line as it is in this reading; while the queue is paused nobody is told a start."""
        found = places(session)
        running, waiting = _split(found)

        @cache  # a long line is mostly of one kind
        def speed(model: str, num_frames: int, guided: bool) -> Speed | None:
            return self.speed(session, model, num_frames, guided=guided)

        ends = {place.run_id: self._end_s(place, speed) for place in running}
        before, wait_s = [place.run_id for place in running], _sum(list(ends.values()))
        views = []
        for position, place in enumerate(waiting):
            start_s = None if paused else self._promise(place, "start", wait_s, before)
            views.append(LineView(id=place.run_id, position=position, eta_s=start_s))
            before.append(place.run_id)
            wait_s = _sum([wait_s, _total_s(place, speed)])
        self._countdown.forget_others(
            _key(place, goal) for place in found for goal in ("start", "end")
        )
        return Line(
            running=ends,
            waiting=views,
            wishes={place.run_id: place.wish for place in running},
            wait_s=None if paused else wait_s,
        )

    def speed(self, session: Session, model: str, num_frames: int, *, guided: bool) -> Speed | None:
        """What past runs of a model teach about clips of this length on the present device."""
        device = str(read_setting(session, WORKER).get("device", ""))
        key, version = (device, model, num_frames, guided), last_finish(session, model)
        known = self._speeds.get(key)
        if known is None or known[0] != version:
            past = [run for run in finished(session, model) if run.device == device]
            known = (version, learn_speed(past, num_frames, guided=guided))
            self._speeds[key] = known
        return known[1]

    def _end_s(self, place: Place, speed: SpeedOf) -> float | None:
        known = speed(place.model, place.num_frames, place.guided)
        if known is None:
            return None
        left_s = known.left_s(place.stage, place.step, place.steps, place.drawing_s(self._clock()))
        return self._promise(place, "end", left_s, [])

    def _promise(
        self, place: Place, goal: str, seconds: float | None, ahead: Sequence[str]
    ) -> float | None:
        if seconds is None:
            return None
        return self._countdown.left_s(_key(place, goal), seconds, ahead)


def _total_s(place: Place, speed: SpeedOf) -> float | None:
    known = speed(place.model, place.num_frames, place.guided)
    return None if known is None else known.total_s(place.steps)


def _key(place: Place, goal: str) -> str:
    return f"{place.run_id} {place.attempt} {goal}"


def _split(found: Sequence[Place]) -> tuple[list[Place], list[Place]]:
    running = [place for place in found if place.running]
    return running, [place for place in found if not place.running]


def _sum(seconds: Sequence[float | None]) -> float | None:
    total = 0.0
    for one in seconds:
        if one is None:
            return None
        total += one
    return total
