"""Numbers as a person says them: durations, the length of a clip, how many."""

from collections.abc import Sequence

SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def duration(seconds: float) -> str:
    """0.3 s, 18 s, 2 min 40 s, 1 h 5 min; `static/times.js` says the same of what is left."""
    if seconds < 0.95:
        return f"{max(seconds, 0.1):.1f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if not minutes:
        return f"{whole} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def length(num_frames: int, fps: float) -> str:
    """The time from the first frame to the last: 33 frames at 8 fps are 4 s."""
    return f"{round((num_frames - 1) / fps, 1):g} s"


def listed(words: Sequence[str]) -> str:
    """One, two and three."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def count_word(count: int) -> str:
    """A small number as a word, a larger one in figures."""
    return SMALL[count] if count < len(SMALL) else str(count)


def counted(count: int, noun: str) -> str:
    """One run, two runs, 14 runs."""
    return f"{count_word(count)} {noun}{'' if count == 1 else 's'}"
