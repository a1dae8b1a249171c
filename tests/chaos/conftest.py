"""A studio over a fresh data folder, and a nursery of workers that can be told when to die."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

# The ways of the studio's and of the page's tests serve here too.
sys.path.insert(1, str(Path(__file__).parents[1] / "ui"))
sys.path.insert(1, str(Path(__file__).parents[1] / "studio"))

from browsing import RunningApp
from chaos_ways import Nursery, worker_settings
from studio_ways import CARD, draft_of

from storage.database import Database
from storage.queue import Queue
from studio.settings import Settings
from studio.studio import Studio
from studio.supervisor import Supervisor

MARKED_APP = Path(__file__).with_name("marked_app.py")
RUNNER = "marked_runner:MarkedRunner"


@pytest.fixture
def settings(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "wanderbook.json").write_text(json.dumps(CARD))
    return Settings(data_folder=tmp_path / "data", model_folder=model)


@pytest.fixture
def database(settings):
    database = Database.open(settings.data_folder)
    yield database
    database.close()


@pytest.fixture
def studio(settings, database):
    studio = Studio(settings, database, local_owner=True, runner=RUNNER)
    yield studio
    studio.stop()


@pytest.fixture
def submit(studio, tmp_path):
    file = tmp_path / "lamp.png"
    Image.new("RGB", (40, 30), "teal").save(file)
    picture, clicks = studio.store_image(file), itertools.count()

    def submit(prompt="a lamp", **changes):
        draft = draft_of(picture, prompt=prompt, **changes)
        return studio.submit(draft, f"click-{next(clicks)}", "visitor")

    return submit


@pytest.fixture
def nursery(settings):
    search = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("nursery.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": search},
    )
    nursery = Nursery(process, settings, RUNNER)
    yield nursery
    nursery.close()


@pytest.fixture
def start_worker(settings, database):
    """A worker program, and the supervisor that watches it."""
    started = []

    def start_worker(**changes):
        def next_settings():
            return worker_settings(settings, RUNNER, **changes)

        supervisor = Supervisor(database, Queue(database), next_settings, first_delay_s=0.01)
        supervisor.start()
        started.append(supervisor)
        return supervisor

    yield start_worker
    (settings.data_folder / "go").touch()
    for supervisor in started:
        supervisor.stop()


@pytest.fixture
def start_app(settings, tmp_path):
    """The whole program on the data folder, as often as wanted, each on a port of its own."""
    started = []

    def start_app(program=MARKED_APP, model=settings.model_folder):
        app = RunningApp(program, tmp_path, model).start()
        started.append(app)
        return app

    yield start_app
    (settings.data_folder / "go").touch()
    for app in started:
        if app.process.poll() is None:
            app.stop()
