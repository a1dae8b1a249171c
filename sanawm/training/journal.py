"""What a training run leaves to read: losses as csv and png, a progress bar on standard error."""

import csv
import sys
import time
from pathlib import Path

from sanawm.files import whole_file

BAR_WIDTH = 24
CLEAR_LINE = "\r\x1b[K"


class Journal:
    """Rows of one stage: a csv that grows, and a curve drawn from it."""

    def __init__(self, folder: Path, stage: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.stage = stage
        self.file = folder / f"{stage}.csv"
        self._is_terminal = sys.stderr.isatty()
        self._shown_at = 0.0

    def log(self, row: dict[str, float]) -> None:
        """Append one row; the first row's names are the header."""
        is_new = not self.file.exists()
        with self.file.open("a", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, fieldnames=list(row))
            if is_new:
                writer.writeheader()
            writer.writerow({name: f"{value:.6g}" for name, value in row.items()})

    def show(self, fraction: float, words: str) -> None:
        """A line of progress that stays."""
        self._write(fraction, words, end="\n")

    def show_running(self, fraction: float, words: str) -> None:
        """A line that the next one overwrites: once a second, on a terminal only."""
        if self._is_terminal and time.monotonic() - self._shown_at > 1:
            self._write(fraction, words, end="")

    def _write(self, fraction: float, words: str, *, end: str) -> None:
        filled = round(fraction * BAR_WIDTH)
        bar = "█" * filled + "·" * (BAR_WIDTH - filled)
        start = CLEAR_LINE if self._is_terminal else ""
        sys.stderr.write(f"{start}{self.stage:<13}{bar} {fraction:4.0%}  {words}{end}")
        sys.stderr.flush()
        self._shown_at = time.monotonic()

    def draw(self, columns: list[str]) -> None:
        """Write `<stage>.png` with the given columns over the steps."""
        import matplotlib.figure  # slow to import, and of use in training only

        with self.file.open(encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        figure = matplotlib.figure.Figure(figsize=(6, 3.4), layout="constrained")
        axes = figure.add_subplot()
        for column in columns:
            points = [(float(r["step"]), float(r[column])) for r in rows if r.get(column)]
            axes.plot(*zip(*points, strict=True), label=column)
        axes.set_xlabel("step")
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        with whole_file(self.file.with_suffix(".png")) as temporary:
            figure.savefig(temporary, dpi=110, format="png")
