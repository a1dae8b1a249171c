"""Progress in a terminal: one line that fills; in a log, one line for each finished stage."""

from typing import TextIO

from sanawm.progress import Progress, Stage

WIDTH = 28
TITLES: dict[Stage, str] = {
    "prompt": "Prompt",
    "first_frame": "First frame",
    "drawing": "Drawing",
    "decoding": "Decoding",
    "saving": "Saving",
}


class ProgressBar:
    """Writes to a stream; a terminal's line is overwritten, a file's never."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()

    def show(self, progress: Progress) -> None:
        """Draw one step."""
        title = TITLES[progress.stage]
        if self._is_terminal:
            filled = WIDTH * progress.step // max(progress.total, 1)
            bar = "█" * filled + "·" * (WIDTH - filled)
            self._write(f"\r\x1b[K{title:<12} {bar} {progress.step}/{progress.total}")
        elif progress.step == progress.total:
            self._write(f"{title} {progress.step}/{progress.total}\n")

    def close(self) -> None:
        """Leave the line empty for what comes next."""
        if self._is_terminal:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
