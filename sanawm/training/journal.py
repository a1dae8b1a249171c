"""What a training run leaves to read: losses as csv and png, a progress bar on the terminal."""

import csv
import sys
from pathlib import Path

BAR_WIDTH = 24


class Journal:
    """Rows of one stage: a csv that grows, and a curve drawn from it."""

    def __init__(self, folder: Path, stage: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.stage = stage
        self.file = folder / f"{stage}.csv"
        self._is_terminal = sys.stderr.isatty()

    def log(self, row: dict[str, float]) -> None:
        """Append one row; the first row's names are the header."""
        is_new = not self.file.exists()
        with self.file.open("a", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, fieldnames=list(row))
            if is_new:
                writer.writeheader()
            writer.writerow({name: f"{value:.6g}" for name, value in row.items()})

    def show(self, fraction: float, words: str) -> None:
        """Progress on standard error: a bar that redraws itself, or a line where it cannot."""
        filled = round(fraction * BAR_WIDTH)
        bar = "█" * filled + "░" * (BAR_WIDTH - filled)
        end = "\r" if self._is_terminal and fraction < 1 else "\n"
        sys.stderr.write(f"{self.stage:<13}{bar} {fraction:4.0%}  {words}{end}")
        sys.stderr.flush()

    def draw(self, columns: list[str]) -> None:
        """Write `<stage>.png` with the given columns over the steps."""
        import matplotlib.figure  # a training-only dependency

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
        figure.savefig(self.file.with_suffix(".png"), dpi=110)
