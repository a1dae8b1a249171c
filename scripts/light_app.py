"""`python app.py` with a runner that only waits, for programs that measure or disturb the queue.

The prompt says how: "0.5 s a step" takes half a second for each. A step shows a preview of the
usual size, the files at the end hold a few bytes, and no model is opened.
"""

import functools
import importlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sanawm.progress import Finished, Progress

RUNNER = "light_app:LightRunner"
PREVIEW = bytes(range(256)) * 20  # 5 KiB, what a WebP 320 pixels wide takes
FILES = ("video.mp4", "poster.jpg", "thumb.webp")


class LightRunner:
    """Waits at every step and draws nothing."""

    device = "none"
    machine: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, model_folder: Path, *, cache_folder: Path, threads: int) -> None:
        pass

    def run(
        self, job_spec: Mapping[str, Any], folder: Path, *_: object
    ) -> Iterator[Progress | Finished]:
        """Tell each step, then write the files."""
        pause_s, total = float(job_spec["prompt"].split()[0]), job_spec["num_inference_steps"]
        for step in range(1, total + 1):
            time.sleep(pause_s)
            yield Progress(stage="drawing", step=step, total=total, preview=PREVIEW)
        for name in FILES:
            (folder / name).write_bytes(job_spec["run_id"].encode())
        yield Finished(video=folder / FILES[0], latents=None, timings={"drawing": 1.0}, record={})


def main() -> None:
    """Serve the page until told to end."""
    app: Any = importlib.import_module("app")  # only here: the worker needs the runner alone
    app.Studio = functools.partial(app.Studio, runner=RUNNER)
    app.end(app.main())


if __name__ == "__main__":
    main()
