"""The real worker with the bundled model, killed while it draws: the video is the same."""

import os
import random
import signal

import av
import numpy as np
import pytest
from browsing import ROOT, wait_until
from chaos_ways import all_runs, worker_settings
from studio_ways import draft_of

from storage.queue import Queue
from studio.settings import Settings
from studio.studio import REAL_RUNNER
from studio.supervisor import Supervisor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

KILLS = 5
STEPS = 60  # so many that a kill meets the drawing on a quick machine, too
MINUTES = 300


@pytest.fixture
def settings(tmp_path):
    return Settings(data_folder=tmp_path / "data", model_folder=ROOT / "models" / "tiny")


@pytest.fixture
def submit(studio):
    picture = studio.use_example(studio.examples()[0].id)

    def submit(seed, click):
        draft = draft_of(picture, num_frames=9, num_inference_steps=STEPS, seed=seed)
        return studio.submit(draft, click, "visitor")

    return submit


def frames(database, run):
    """The decoded video."""
    with av.open(database.folder.attempt(run.id, run.attempt) / "video.mp4") as video:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)])


def test_a_video_whose_worker_was_killed_is_the_same_as_without(settings, database, submit):
    draw = random.Random(5)
    for seed in range(KILLS):
        submit(seed, f"disturbed-{seed}")
    supervisor = Supervisor(
        database,
        Queue(database),
        lambda: worker_settings(settings, REAL_RUNNER),
        first_delay_s=0.01,
    )
    supervisor.start()
    try:
        for number in range(KILLS):
            step = draw.randrange(0, STEPS // 2)
            wait_until(lambda n=number, s=step: has_drawn(database, n, s), MINUTES)
            os.kill(supervisor.pid, signal.SIGKILL)
            wait_until(lambda n=number: all_runs(database)[n].state == "done", MINUTES)
        for seed in range(KILLS):
            submit(seed, f"undisturbed-{seed}")
        wait_until(lambda: all(run.state == "done" for run in all_runs(database)), MINUTES)
    finally:
        supervisor.stop()
    runs = all_runs(database)
    assert [run.attempt for run in runs] == [2] * KILLS + [1] * KILLS
    for disturbed, undisturbed in zip(runs[:KILLS], runs[KILLS:], strict=True):
        np.testing.assert_array_equal(frames(database, disturbed), frames(database, undisturbed))


def has_drawn(database, number, step):
    """Whether the n-th run has this many steps behind it in its first attempt."""
    run = all_runs(database)[number]
    return run.stage == "drawing" and run.step >= step
