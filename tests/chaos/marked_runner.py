"""A runner whose files say whose they are: run, attempt and seed, written in pieces.

Prompts: "slowly" waits a little at every step; "until told" waits at the second one until the file
`go` is in the data folder; "stall" lets the first attempt stop its own process there, "stall with
the lock" while it holds the database's write lock. Any other prompt just works.
"""

import os
import signal
import sqlite3
import time
from types import MappingProxyType

from moments import moment

from sanawm.progress import Finished, Progress

FILES = ("video.mp4", "poster.jpg", "thumb.webp")
STEPS = 3
PIECES = 4


def mark(run_id, attempt, seed):
    """What the files of an attempt hold, whole."""
    return f"run {run_id}, attempt {attempt}, seed {seed}.\n".encode() * PIECES


class MarkedRunner:
    device = "none"
    machine = MappingProxyType({})

    def __init__(self, model_folder, *, cache_folder, threads):
        moment("opening")

    def run(self, job_spec, folder, *_):
        yield Progress(stage="prompt", step=1, total=1)
        for step in range(1, STEPS + 1):
            if step == 2:
                suffer(job_spec, folder.parents[2])
            time.sleep(0.05 * job_spec["prompt"].startswith("slowly"))
            moment("drawing")
            yield Progress(stage="drawing", step=step, total=STEPS, preview=b"webp %d" % step)
        yield Progress(stage="saving", step=0, total=1)
        for name in FILES:
            content = mark(job_spec["run_id"], job_spec["attempt"], job_spec["seed"])
            with (folder / name).open("wb", buffering=0) as file:
                for piece in content.splitlines(keepends=True):
                    file.write(piece)
                    moment("writing")
        yield Finished(video=folder / FILES[0], latents=None, timings={"drawing": 0.1}, record={})


def suffer(job_spec, data_folder):
    prompt, _, _ = job_spec["prompt"].partition(",")
    deadline = time.monotonic() + 60  # a test that failed leaves nothing running for ever
    while prompt == "until told" and not (data_folder / "go").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    if prompt.startswith("stall") and job_spec["attempt"] == 1:
        connection = sqlite3.connect(data_folder / "app.db", isolation_level=None)
        if prompt == "stall with the lock":
            connection.execute("BEGIN IMMEDIATE")
        os.kill(os.getpid(), signal.SIGSTOP)
