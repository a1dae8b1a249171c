"""What the render queue costs, and how soon it is whole again after a kill.

`python benchmarks/queue.py [--json] [--repeat N]`. The real app on two cores, with a runner that
only waits in the pipeline's place: but for the last, no figure holds any time of a model. Medians;
p95 is the 95th percentile. Linux only: CPU time is read from /proc.

    enqueue_ms        what a press on Generate costs at the server until the row is committed:
                      the draft checked, its camera path resolved and kept, the row queued
    add_ms            the last part of it alone, the queue's own transaction
    submit_ms         the whole of it, until the answer to the press is there
    claim_ms          a worker takes the next of two hundred waiting runs
    cancel_queued_ms  from the press on Cancel until a waiting run's row says cancelled
    cancel_ms         the same for a run that is being made, in steps of 10 ms
    sse_p95_ms        from the commit of a step until a page has heard of it: 50 pages, one run
                      drawn with a step and a preview each 0.5 s, five runs waiting
    page_cpu_percent  CPU of the page's process meanwhile, of one core; page_idle_percent: with
                      nobody looking and nothing to do; page_cpu_previews_percent: where each of
                      the fifty also fetches every preview
    recovery_s        from kill -9 of the worker until the row is queued again and a page knows
    next_step_s       from the same kill until the run's next finished step
    real_next_step_s  the same with the bundled model, which the next worker has to open first
    exit_s            from SIGTERM inside a step of a minute until the app has ended, its run queued
"""

import sys

# Run as a program, this file's folder comes first in the search, and there this file would be
# taken for the standard library's `queue`. Drop it before anything else is imported.
if __name__ == "__main__":
    del sys.path[0]

import argparse
import json
import os
import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(1, f"{sys.path[0]}/scripts")

import light_app
from filelock import FileLock
from light_notebook import REAL_APP, Heard, Notebook, Pages, children, cpu_seconds, notebook, served

from storage.queue import Claim
from storage.tables import Run
from studio import submission
from studio.models import ModelShelf
from studio.studio import Studio
from studio.worker import GPU_LOCK

CORES = 2
TARGETS = {
    "enqueue_ms": 5.0,
    "sse_p95_ms": 100.0,
    "page_cpu_percent": 15.0,
    "recovery_s": 3.0,
    "exit_s": 8.0,
}
ROWS = 200
PAGES = 50
WAITING = 5
STEP_S = 0.5
STEPS = 30  # fifteen seconds of drawing
CANCELS = 20


def first_word(stream: Heard, rev: int) -> float:
    """When a page first heard of a revision or of one after it."""
    return min(seconds for seconds, heard, _ in stream if heard >= rev)


def milliseconds(action: Callable[[], Any]) -> float:
    """How long it takes."""
    begin = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - begin)


def stamp_commits(studio: Studio) -> list[float]:
    """From now on, when each new run was committed: the queue returns right after."""
    add, stamps = studio._queue.add, []

    def stamped(*arguments: Any, **options: Any) -> Run:
        run = add(*arguments, **options)
        stamps.append(time.perf_counter())
        return run

    studio._queue.add = stamped
    return stamps


def statements() -> dict[str, list[float]]:
    """What single calls cost in a notebook of some hundred runs, with no page and no worker."""
    taken: dict[str, list[float]] = {"enqueue": [], "submit": [], "cancel_queued": []}
    with notebook() as book:
        committed = stamp_commits(book.studio)
        for _ in range(ROWS):
            draft, click, begin = book.draft(0.01), book.click(), time.perf_counter()
            run = book.studio.submit(draft, click, "benchmark")
            taken["submit"].append(1000 * (time.perf_counter() - begin))
            taken["enqueue"].append(1000 * (committed[-1] - begin))
            taken["cancel_queued"].append(milliseconds(lambda r=run: book.cancel(r)))
        model = ModelShelf(book.settings).default()
        rows = [
            submission.make_run(
                book.database, model, book.draft(0.01), None, client_key=book.click(), visitor=""
            )
            for _ in range(ROWS)
        ]
        taken["add"] = [milliseconds(lambda r=row: book.queue.add(r)) for row in rows]
        taken["claim"] = [milliseconds(lambda: book.queue.claim("benchmark")) for _ in rows]
    return taken


def live(book: Notebook, address: str, page: int, *options: str) -> tuple[list[float], float]:
    """Fifty pages follow a run that this process makes, so that each commit's time is known.

    The milliseconds from each commit to each page, and the CPU of the page's process in percent.
    """
    run, *waiting = (book.submit(STEP_S, STEPS) for _ in range(1 + WAITING))
    claim = book.queue.claim("benchmark")
    assert claim is not None
    assert claim.run_id == run.id
    pages = Pages(address, PAGES, *options)
    time.sleep(2 * STEP_S)  # what opening them set off is over
    used, began, commits = cpu_seconds(page), time.monotonic(), []
    for step in range(1, STEPS + 1):
        commits.append(_draw(book, claim, step))
        time.sleep(max(0.0, began + step * STEP_S - time.monotonic()))
    share = 100 * (cpu_seconds(page) - used) / (time.monotonic() - began)
    streams = pages.heard(book.studio.rev())
    book.queue.finish(claim, "cancelled")
    for other in waiting:
        book.cancel(other)
    delays = [
        1000 * (first_word(stream, rev) - committed)
        for stream in streams
        for committed, rev in commits
    ]
    return delays, share


def _draw(book: Notebook, claim: Claim, step: int) -> tuple[float, int]:
    """Show a step as a worker does; when it was committed, under which revision."""
    folder = book.database.folder.attempt(claim.run_id, claim.attempt)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"preview-{step}.webp"
    (folder / name).write_bytes(light_app.PREVIEW)
    book.queue.report(claim, stage="drawing", step=step, total=STEPS, preview=name)
    return time.time(), book.studio.rev()


def idle_percent(page: int) -> float:
    """CPU of the page's process with nobody looking."""
    used, began = cpu_seconds(page), time.monotonic()
    time.sleep(4)
    return 100 * (cpu_seconds(page) - used) / (time.monotonic() - began)


def cancels(book: Notebook) -> list[float]:
    """From the press on Cancel until a running run's row says cancelled."""
    taken = []
    for _ in range(CANCELS):
        run = book.submit(0.01)
        book.wait_for(run, lambda row: row.step > 0)
        begin = time.perf_counter()
        book.cancel(run)
        book.wait_for(run, lambda row: row.state == "cancelled")
        taken.append(1000 * (time.perf_counter() - begin))
    return taken


def recovery(book: Notebook, address: str, page: int, steps: int = 100) -> tuple[float, float]:
    """Seconds from kill -9 of the worker until a page knows, and until the next step."""
    run, pages = book.submit(0.05, steps), Pages(address, 1)
    book.wait_for(run, lambda row: row.stage == "drawing" and row.step > 1)
    [worker] = children(page)
    killed = time.time()
    os.kill(worker, signal.SIGKILL)
    rev = book.wait_for(run, lambda row: row.state == "queued" or row.attempt > 1).rev
    book.wait_for(run, lambda row: row.attempt > 1 and row.stage == "drawing" and row.step > 0)
    next_step = time.time()
    [stream] = pages.heard(rev)
    book.cancel(run)
    return first_word(stream, rev) - killed, next_step - killed


def exit_seconds() -> float:
    """From SIGTERM until the app has ended, with a worker deep in a step."""
    with notebook() as book, served(book) as (_, page):
        run = book.submit(60.0, 2)
        book.wait_for(run, lambda row: row.state == "running")
        begin = time.monotonic()
        os.kill(page, signal.SIGTERM)
        os.waitid(os.P_PID, page, os.WEXITED | os.WNOWAIT)
        seconds = time.monotonic() - begin
        book.wait_for(run, lambda row: row.state == "queued")
    return seconds


def measure(repeat: int) -> dict[str, float]:
    """Every figure, by name."""
    figures: dict[str, float] = {}
    for name, taken in statements().items():
        figures |= {f"{name}_ms": statistics.median(taken), f"{name}_p95_ms": p95(taken)}
    recoveries = []
    with (
        notebook() as book,
        FileLock(book.settings.data_folder / GPU_LOCK) as lock,  # the app's worker has to wait
        served(book) as (address, page),
    ):
        time.sleep(2)
        figures["page_idle_percent"] = idle_percent(page)
        delays, figures["page_cpu_percent"] = live(book, address, page)
        figures |= {"sse_ms": statistics.median(delays), "sse_p95_ms": p95(delays)}
        _, figures["page_cpu_previews_percent"] = live(book, address, page, "previews")
        lock.release()
        taken = cancels(book)
        figures |= {"cancel_ms": statistics.median(taken), "cancel_p95_ms": p95(taken)}
        recoveries.append(recovery(book, address, page))
    for _ in range(repeat - 1):  # a fresh app each: the supervisor waits longer after each death
        with notebook() as book, served(book) as (address, page):
            recoveries.append(recovery(book, address, page))
    with notebook() as book, served(book, REAL_APP) as (address, page):
        _, real_next_step = recovery(book, address, page, steps=8)
    known, next_step = zip(*recoveries, strict=True)
    return figures | {
        "recovery_s": statistics.median(known),
        "next_step_s": statistics.median(next_step),
        "real_next_step_s": real_next_step,
        "exit_s": exit_seconds(),
    }


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


def main() -> None:
    """Measure, print the table and, if asked, the same as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--repeat", type=int, default=3, help="recoveries (default 3)")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    figures = measure(options.repeat)
    for name, value in figures.items():
        unit = {"ms": "ms", "percent": "%", "s": "s"}[name.rpartition("_")[2]]
        target = f"target {TARGETS[name]:g}" if name in TARGETS else ""
        print(f"{name:26}{value:8.2f} {unit:4}{target}".rstrip())
    if options.json:
        print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
