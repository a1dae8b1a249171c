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
from storage.runs import finished, newest_finish
from storage.settings import read_setting
from studio.countdown import Countdown
from studio.estimate import Speed, learn_speed
from studio.views import LineView
from studio.workbench import WORKER

Kind = tuple[str, str, int, bool]  # device, model, frames, guided
MOST_KINDS = 256  # speeds remembered


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
        self._speeds: dict[Kind, tuple[float, Speed | None]] = {}

    def line(self, session: Session, *, starts: bool) -> Line:
        """The line as it is in this reading; `starts` says whether anything will be started.

        Waits are sums of what the runs ahead still need, whatever those were promised.
        """
        found = places(session)
        needs = self._needs(session, found)
        running = [place for place in found if place.running]
        waiting = [place for place in found if not place.running]
        ends = {place.run_id: self._promise(place, "end", needs[place.run_id]) for place in running}
        ahead, wait_s = [_token(place) for place in running], _sum(needs, running)
        views = []
        for position, place in enumerate(waiting):
            start_s = self._promise(place, "start", wait_s if starts else None, ahead)
            views.append(LineView(id=place.run_id, position=position, eta_s=start_s))
            ahead.append(_token(place))
            wait_s = _plus(wait_s, needs[place.run_id])
        wishes = {place.run_id: place.wish for place in running}
        return Line(running=ends, waiting=views, wishes=wishes, wait_s=wait_s if starts else None)

    def speed(self, session: Session, model: str, num_frames: int, *, guided: bool) -> Speed | None:
        """What past runs of a model teach about clips of this length on the present device."""
        device = str(read_setting(session, WORKER).get("device", ""))
        kind, version = (device, model, num_frames, guided), newest_finish(session, model)
        known = self._speeds.get(kind)
        if known is None or known[0] != version:
            past = [run for run in finished(session, model) if run.device == device]
            known = (version, learn_speed(past, num_frames, guided=guided))
            if len(self._speeds) >= MOST_KINDS:
                self._speeds.clear()
            self._speeds[kind] = known
        return known[1]

    def _needs(self, session: Session, found: Sequence[Place]) -> dict[str, float | None]:
        """Seconds each run of the line still needs, None where nothing was measured."""

        @cache  # a long line is mostly of one kind
        def speed(model: str, num_frames: int, guided: bool) -> Speed | None:
            return self.speed(session, model, num_frames, guided=guided)

        return {
            place.run_id: self._left_s(place, speed(place.model, place.num_frames, place.guided))
            for place in found
        }

    def _left_s(self, place: Place, speed: Speed | None) -> float | None:
        if speed is None:
            return None
        if not place.running:
            return speed.total_s(place.steps)
        if place.stage == "drawing" and place.total > place.steps:
            return self._left_of_parts_s(place, speed)
        steps = place.step + 1 if place.wish == "keep" else place.steps
        return speed.left_s(place.stage, place.step, steps, place.drawing_s(self._clock()))

    def _left_of_parts_s(self, place: Place, speed: Speed) -> float:
        """Seconds until a clip that is drawn and decoded in parts is whole, or its part in hand."""
        last = place.total
        if place.wish == "keep":
            last = (place.step // place.steps + 1) * place.steps
        left, done = (last - place.step) / place.total, max(place.step, 1) / place.total
        whole_s = max(speed.total_s(place.steps), place.drawing_s(self._clock()) / done)
        return left * whole_s

    def _promise(
        self, place: Place, goal: str, seconds: float | None, ahead: Sequence[str] = ()
    ) -> float | None:
        key = f"{_token(place)} {goal}"
        if seconds is None:
            self._countdown.forget(key)
            return None
        return self._countdown.left_s(key, seconds, ahead)


def _token(place: Place) -> str:
    """A run as far as it decides how long others wait: another once it was edited or put back."""
    return f"{place.run_id} {place.attempt} {place.num_frames} {place.steps} {place.guided}"


def _sum(needs: dict[str, float | None], found: Sequence[Place]) -> float | None:
    total: float | None = 0.0
    for place in found:
        total = _plus(total, needs[place.run_id])
    return total


def _plus(seconds: float | None, more: float | None) -> float | None:
    return None if seconds is None or more is None else seconds + more
