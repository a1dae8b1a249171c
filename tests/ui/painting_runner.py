"""A runner without a model: the first frame drifts to the left, each step shows a rough preview.

Prompts: "slowly" takes its time, "forever" draws until it is cancelled or shall end early,
"sentence" fails with one, "in parts" draws part by part into a video that can be watched, and
waits after the second one until it shall end early.
"""

import io
import time
from types import MappingProxyType

import numpy as np
from PIL import Image

from sanawm.errors import NotEnoughMemoryError
from sanawm.live_video import live_writer
from sanawm.progress import Finished, Progress
from sanawm.stills import write_poster, write_thumbnail
from sanawm.video import write_mp4

WIDTH, HEIGHT = 160, 96


class PaintingRunner:
    device = "a processor"
    machine = MappingProxyType({})

    def __init__(self, model_folder, *, cache_folder, threads):
        self.threads = threads

    def run(self, job_spec, folder, wants_end):
        started = time.monotonic()
        prompt, steps = job_spec["prompt"], job_spec["num_inference_steps"]
        pause = {"slowly": 0.7, "forever": 0.2}.get(prompt.split(",")[0], 0.03)
        wide = Image.open(job_spec["image"]).convert("RGB").resize((WIDTH + 64, HEIGHT))
        yield Progress(stage="prompt", step=1, total=1)
        time.sleep(pause)
        yield Progress(stage="first_frame", step=1, total=1)
        if prompt.startswith("in parts"):
            yield from self.in_parts(job_spec, folder, wide, wants_end)
            return
        stopped_at = None
        for step in range(1, steps + 1):
            time.sleep(pause)
            if prompt == "sentence" and step == 2:
                raise NotEnoughMemoryError(
                    "Not enough memory. The prompt, the picture and the path are kept."
                )
            yield Progress(
                stage="drawing", step=step, total=steps, preview=rough(wide, step / steps)
            )
            while prompt == "forever" and step == 2 and not wants_end():
                time.sleep(pause)
                yield Progress(stage="drawing", step=step, total=steps)
            if step < steps and wants_end():
                stopped_at = step
                break
        frames = job_spec["num_frames"]
        yield Progress(stage="decoding", step=0, total=frames)
        video = folder / "video.mp4"
        write_mp4(drift(wide, frames), video, job_spec["fps"], {"seed": job_spec["seed"]})
        write_poster(video, folder / "poster.jpg")
        write_thumbnail(video, folder / "thumb.webp")
        yield Progress(stage="saving", step=1, total=1)
        took = time.monotonic() - started
        timings = {
            "prompt": 0.1,
            "first_frame": 0.1,
            "drawing": took,
            "decoding": 0.1,
            "saving": 0.1,
        }
        yield Finished(
            video=video, latents=None, timings=timings, record={"stopped_at": stopped_at}
        )

    def in_parts(self, job_spec, folder, wide, wants_end):
        steps, frames = job_spec["num_inference_steps"], job_spec["num_frames"]
        painted = list(drift(wide, frames))
        total, made = 4 * steps, 0
        with live_writer(folder / "live.mp4", job_spec["fps"]) as live:
            for part in range(4):
                for step in range(1, steps + 1):
                    time.sleep(0.05)
                    told = {"stage": "drawing", "step": part * steps + step, "total": total}
                    if step == steps:
                        made = frames * (part + 1) // 4
                        for frame in painted[frames * part // 4 : made]:
                            live.add(frame)
                    yield Progress(**told, preview=rough(wide, step / steps))
                while part == 1 and not wants_end():
                    time.sleep(0.2)
                    yield Progress(**told)
                if wants_end():
                    break
        video = folder / "video.mp4"
        write_mp4(painted[:made], video, job_spec["fps"], {"seed": job_spec["seed"]})
        write_poster(video, folder / "poster.jpg")
        write_thumbnail(video, folder / "thumb.webp")
        timings = {"drawing": 1.0, "decoding": 0.1, "saving": 0.1}
        record = {"stopped_at": None, "request": {"num_frames": made}}
        yield Finished(video=video, latents=None, timings=timings, record=record)


def drift(wide, frames):
    for frame in range(frames):
        left = 64 * frame // max(1, frames - 1)
        yield np.asarray(wide.crop((left, 0, left + WIDTH, HEIGHT)))


def rough(wide, share):
    small = np.asarray(wide.crop((32, 0, 32 + WIDTH, HEIGHT)).resize((40, 24)), np.float32)
    noise = np.random.default_rng(int(share * 100)).normal(128, 60, small.shape)
    mixed = Image.fromarray(np.uint8(np.clip(small * share + noise * (1 - share), 0, 255)))
    stream = io.BytesIO()
    mixed.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(stream, "WEBP")
    return stream.getvalue()
