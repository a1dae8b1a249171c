"""How long a person waits: for the page after starting the app, and for a video after Generate.

`python benchmarks/app.py [--json] [--repeat N]`. The real app, the bundled model, the default
clip, driven through the real page in Chromium, on two cores. Seconds of wall-clock, medians.

    clip_seconds            from the click on Generate until the video can play (readyState >= 2)
    first_clip_seconds      the same for the very first click, right after the page is up
    page_seconds            from starting the process until the page answers, whole
    bare_page_seconds       the same for a Gradio page of twenty components and nothing else
    page_seconds_over_bare  the difference: what our page costs over Gradio itself
"""

import sys

# Run as a program, this file's folder comes first in the search, and `queue.py` in it would be
# taken for the standard library's. Drop it before anything else is imported.
if __name__ == "__main__":
    del sys.path[0]

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
import live_page

CORES = 2
TARGETS = {"clip_seconds": 20.0, "page_seconds_over_bare": 1.5}
BARE_PAGE = """
import gradio
with gradio.Blocks() as page:
    for number in range(20):
        gradio.Textbox(label=str(number))
page.launch()
"""


def clip_seconds(repeat: int) -> list[float]:
    """Seconds from click to playable video, the first click of a fresh app first."""
    with (
        tempfile.TemporaryDirectory() as folder,
        live_page.notebook(Path(folder)) as address,
        live_page.look_at(address) as page,
    ):
        live_page.take_example(page, 0)
        return [_seconds_of_a_run(page) for _ in range(1 + repeat)]


def _seconds_of_a_run(page: Page) -> float:
    begin = time.monotonic()
    live_page.generate(page)
    return time.monotonic() - begin


def page_seconds(program: Sequence[str]) -> float:
    """Seconds from starting a program on a new data folder until its page has answered."""
    with (
        tempfile.TemporaryDirectory() as folder,
        live_page.serve(program, {"WANDERBOOK_DATA": folder}) as (_, seconds),
    ):
        return seconds


def cold_starts(repeat: int) -> dict[str, float]:
    """Ours and a bare page by turns, so that both meet the same machine; one of each unmeasured."""
    programs = {"page_seconds": ["app.py"], "bare_page_seconds": ["-c", BARE_PAGE]}
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(1 + repeat):
        for name, program in programs.items():
            taken[name].append(page_seconds(program))
    medians = {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}
    return {
        **medians,
        "page_seconds_over_bare": medians["page_seconds"] - medians["bare_page_seconds"],
    }


def main() -> None:
    """Measure, print the table and, if asked, the same as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--repeat", type=int, default=3, help="measurements of each (default 3)")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    figures = cold_starts(options.repeat)
    first, *others = clip_seconds(options.repeat)
    figures |= {"first_clip_seconds": first, "clip_seconds": statistics.median(others)}
    for name, seconds in figures.items():
        target = f"target {TARGETS[name]:g}" if name in TARGETS else ""
        print(f"{name:24}{seconds:8.2f} s   {target}".rstrip())
    if options.json:
        print(json.dumps({name: round(seconds, 3) for name, seconds in figures.items()}))


if __name__ == "__main__":
    main()
