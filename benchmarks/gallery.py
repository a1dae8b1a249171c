"""How fast the gallery is with ten thousand runs, and how little of it stands in the page.

`python benchmarks/gallery.py [--json] [--runs N] [--repeat N]`. A made-up notebook, the real app
and Chromium at 1280 x 900, on two cores. Milliseconds; medians, but where the slowest is named.

    first_page_ms  from the click on Gallery, in a page that is open, until its cards are drawn and
                   every picture in the window has arrived and is painted
    search_ms      from a key in the search box until the cards of the answer are painted, with the
                   pause that waits for the next key: the slowest of several searches
    counts_ms      from the same key until the counts of the facets are painted, too: the slowest
    dom_nodes      the most elements inside the gallery at any moment while it is scrolled from the
                   newest run to the oldest
    page_ms        the same at the server alone, without a page: the newest sixty runs
    deep_page_ms   the oldest sixty
    words_ms       a search for a word
    facets_ms      the counts of every facet
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(1, f"{sys.path[0]}/scripts")

import environment
import live_page
import seed_notebook
from sqlalchemy import select

from storage.database import Database
from storage.tables import Run
from studio.settings import Settings
from studio.studio import Studio

CORES = 2
BOX = "#wb-gallery input[type=search]"
TARGETS = {"first_page_ms": 300.0, "search_ms": 200.0, "dom_nodes": 1000.0}
SEARCHES = (
    "room",
    '"yellow ground" fog',
    "path:orbit rating:>=4",
    "tag:fog has:note",
    "len:>2 state:done parent:none",
    "notebook:inbox corridor",
)
SCROLL = 600  # pixels a step
SETTLED_MS = 900  # long after everything a key has set off
SEEN = """() => new Promise((done) => {
  const seen = (node) => {
    const { top, bottom } = node.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  };
  const look = () => {
    const pictures = [...document.querySelectorAll("#wb-gallery .days img")].filter(seen);
    const here = pictures.length && pictures.every((one) => one.complete && one.naturalWidth);
    requestAnimationFrame(here ? () => setTimeout(() => done(performance.now())) : look);
  };
  look();
})"""
WATCH = """() => {
  window.marks = { key: 0, cards: 0, counts: 0 };
  const stamp = (name) => setTimeout(() => (marks[name] = performance.now()));
  const painted = (name) => requestAnimationFrame(() => stamp(name));
  addEventListener("keydown", () => (marks.key = performance.now()), true);
  const days = document.querySelector("#wb-gallery .days"); // old from the question to the answer
  const answered = () => days.classList.contains("old") || painted("cards");
  new MutationObserver(answered).observe(days, { attributeFilter: ["class"] });
  const facets = document.querySelector("#wb-gallery .facets");
  const every = { subtree: true, childList: true, characterData: true };
  new MutationObserver(() => painted("counts")).observe(facets, every);
}"""
OPEN = """() => {
  const now = performance.now();
  document.querySelector("#wb-bar .nav a[data-view=gallery]").click();
  return now;
}"""
NODES = "document.querySelectorAll('#wb-gallery *').length"


def first_page_ms(page: Page, address: str) -> float:
    """From the click on the link until the pictures of the first page are painted."""
    page.goto(address, wait_until="load")
    page.locator("#wb-first-frame .ex button").first.wait_for()
    page.locator("#wb-book article").first.wait_for()
    page.wait_for_timeout(SETTLED_MS)
    begin = page.evaluate(OPEN)
    return float(page.evaluate(SEEN)) - begin


def search_ms(page: Page, text: str) -> tuple[float, float]:
    """From the last key of a search until its cards are painted, and until its counts are."""
    page.locator(BOX).fill(text[:-1])
    page.wait_for_timeout(SETTLED_MS)
    page.evaluate("marks.cards = marks.counts = 0")
    page.locator(BOX).press("End")
    page.keyboard.type(text[-1])
    page.wait_for_function("marks.cards > marks.key")
    page.wait_for_timeout(SETTLED_MS)
    marks = page.evaluate("marks")
    return marks["cards"] - marks["key"], max(marks["cards"], marks["counts"]) - marks["key"]


def searches(page: Page, repeat: int) -> dict[str, float]:
    """The slowest search: until its cards, and until its counts."""
    page.evaluate(WATCH)
    cards, counts = [], []
    for text in SEARCHES:
        taken = [search_ms(page, text) for _ in range(repeat)]
        cards.append(statistics.median(one for one, _ in taken))
        counts.append(statistics.median(other for _, other in taken))
    return {"search_ms": max(cards), "counts_ms": max(counts)}


def dom_nodes(page: Page, address: str) -> float:
    """The most elements in the gallery while it is scrolled to its first run."""
    page.goto(f"{address}/#/gallery")
    page.locator("#wb-gallery .card").first.wait_for()
    most = 0
    while not page.evaluate("document.querySelector('[aria-label=\"Select run 1\"]') !== null"):
        page.evaluate(f"scrollBy(0, {SCROLL})")
        most = max(most, page.evaluate(f"new Promise(requestAnimationFrame).then(() => {NODES})"))
    return float(most)


def in_browser(address: str, repeat: int) -> dict[str, float]:
    """What a person waits for, and what stands in the page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=environment.find_browser(), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(1000 * live_page.PATIENCE_S)
        taken = []
        for _ in range(repeat):
            page.goto("about:blank")
            taken.append(first_page_ms(page, address))
        figures = {"first_page_ms": statistics.median(taken), **searches(page, repeat)}
        return figures | {"dom_nodes": dom_nodes(page, address)}


def at_the_server(database: Database, repeat: int) -> dict[str, float]:
    """The same questions without a page."""
    studio = Studio(Settings(data_folder=database.folder.root), database, local_owner=True)
    with database.read() as session:
        oldest = session.scalars(select(Run.id).order_by(Run.id).offset(60).limit(1)).one()
    gallery = studio.gallery
    return {
        "page_ms": median_ms(lambda: gallery.search(""), repeat),
        "deep_page_ms": median_ms(lambda: gallery.search("", before=oldest), repeat),
        "words_ms": median_ms(lambda: gallery.search(SEARCHES[0]), repeat),
        "facets_ms": median_ms(lambda: gallery.facets(""), repeat),
    }


def median_ms(action: Callable[[], Any], repeat: int) -> float:
    """How long it takes, once it has been done before."""
    action()
    taken = []
    for _ in range(3 * repeat):
        begin = time.perf_counter()
        action()
        taken.append(1000 * (time.perf_counter() - begin))
    return statistics.median(taken)


def measure(runs: int, repeat: int) -> dict[str, float]:
    """Every figure, by name."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Path(folder))
        seed_notebook.seed(database, runs)
        with live_page.notebook(Path(folder)) as address:
            figures = in_browser(address, repeat)
        figures |= at_the_server(database, repeat)
        database.close()
    return figures


def main() -> None:
    """Measure, print the table and, if asked, the same as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--runs", type=int, default=10_000, help="runs (default 10000)")
    parser.add_argument("--repeat", type=int, default=3, help="of each question (default 3)")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    figures = measure(options.runs, options.repeat)
    for name, value in figures.items():
        unit = "ms" if name.endswith("_ms") else "elements"
        target = f"target {TARGETS[name]:g}" if name in TARGETS else ""
        print(f"{name:16}{value:8.1f} {unit:10}{target}".rstrip())
    if options.json:
        print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
