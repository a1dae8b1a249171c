"""A runner that draws grey frames at once, or does what the prompt tells it to suffer.

Prompts: "hold" shows step 2 over and over until the file `go` appears in the data folder or the
run shall end early; "early" ends as a streaming model does, with 9 frames; "freeze" sits inside
step 2 until `go` appears; "die" and "die once" kill the process there; "no memory", "crash" and
"sentence" raise. Any other prompt just works.
"""

import os
import signal
import time
from types import MappingProxyType

import numpy as np

from sanawm.errors import NotEnoughMemoryError
from sanawm.progress import Finished, Progress
from sanawm.stills import write_poster, write_thumbnail
from sanawm.video import write_mp4

STEPS = 4


class SmallRunner:
    device = "a processor"
    machine = MappingProxyType({})

    def __init__(self, model_folder, *, cache_folder, threads):
        self.threads = threads

    def run(self, job_spec, folder, wants_end):
        yield Progress(stage="prompt", step=1, total=1, savings={"text": 1.5})
        stopped_at = None
        for step in range(1, STEPS + 1):
            if step == 2:
                yield from self.suffer(job_spec, folder, wants_end)
            yield Progress(stage="drawing", step=step, total=STEPS, preview=b"webp %d" % step)
            if step < STEPS and wants_end():
                stopped_at = step
                break
        yield Progress(stage="saving", step=0, total=1)
        shades = [np.full((32, 128, 3), 20 * number, np.uint8) for number in range(3)]
        video = folder / "video.mp4"
        write_mp4(shades, video, job_spec["fps"], {"seed": job_spec["seed"]})
        write_poster(video, folder / "poster.jpg")
        write_thumbnail(video, folder / "thumb.webp")
        yield Finished(
            video=video,
            latents=None,
            timings={"prompt": 0.1, "drawing": 0.4, "decoding": 0.2, "saving": 0.1},
            record=self.record(job_spec, stopped_at),
        )

    def record(self, job_spec, stopped_at):
        record = {"runner": "small", "stopped_at": stopped_at}
        if job_spec["prompt"] == "early":
            record["request"] = {"num_frames": 9}
        return record

    def suffer(self, job_spec, folder, wants_end):
        prompt, go = job_spec["prompt"], folder.parents[2] / "go"
        deadline = time.monotonic() + 60  # a test that failed leaves nothing running for ever
        while prompt == "hold" and not (go.exists() or wants_end() or time.monotonic() > deadline):
            yield Progress(stage="drawing", step=2, total=STEPS)
            time.sleep(0.01)
        if prompt == "freeze":
            (folder / "frozen").touch()
        while prompt == "freeze" and not go.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        if prompt == "die" or (prompt == "die once" and job_spec["attempt"] == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if prompt == "no memory":
            raise MemoryError
        if prompt == "sentence":
            raise NotEnoughMemoryError("17 frames need more than there is.")
        if prompt == "crash":
            raise RuntimeError("secret detail")
