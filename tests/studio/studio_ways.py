"""What several tests of the studio need: a card, a draft, a wait with a deadline, a bench."""

import threading
import time

from small_runner import SmallRunner

from sanawm.card import ModelCard
from storage.queue import Queue
from studio.generation import Generation
from studio.views import Draft
from studio.workbench import Workbench

RUNNER = "small_runner:SmallRunner"
CARD = ModelCard(
    name="grey",
    title="Grey",
    note="Draws grey.",
    fps=8,
    height=32,
    width=128,
    lengths=(9, 17),
    num_frames=17,
    num_inference_steps=4,
    guidance_scale=2.0,
    temporal_stride=8,
).to_dict()


def draft_of(picture, **changes):
    fields = {
        "image_sha256": picture.sha256,
        "prompt": "a lamp",
        "path_source": {"kind": "actions", "actions": "w-8"},
        "num_frames": 17,
        "num_inference_steps": 4,
        "guidance_scale": 2.0,
    }
    return Draft(**(fields | changes))


def eventually(condition, seconds=120):
    """Wait for something another thread or process will do; the deadline only ends a failure."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
    return value


class Bench:
    """A worker inside this process, one run at a time."""

    def __init__(self, settings, database, name="w1", queue=None):
        self.name = name
        self.database = database
        self.queue = queue or Queue(database)
        self.stopping = threading.Event()
        self.workbench = Workbench(
            database, settings, open_runner=SmallRunner, worker=name, threads=1
        )

    def claim(self):
        claim = self.queue.claim(self.name)
        return Generation(self.database, self.queue, self.workbench, claim, self.stopping)

    def make_next(self):
        self.claim().make()

    def start_next(self):
        thread = threading.Thread(target=self.claim().make, daemon=True)
        thread.start()
        return thread
