"""A studio over a fresh data folder, with a model of a card only and a runner that draws grey."""

import itertools
import json

import pytest
from PIL import Image
from studio_ways import CARD, RUNNER, draft_of

from storage.database import Database
from studio.settings import Settings
from studio.studio import Studio


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
def picture(studio, tmp_path):
    file = tmp_path / "lamp.png"
    Image.new("RGB", (40, 30), "teal").save(file)
    return studio.store_image(file)


@pytest.fixture
def submit(studio, picture):
    clicks = itertools.count()

    def submit(prompt="a lamp", **changes):
        draft = draft_of(picture, prompt=prompt, **changes)
        return studio.submit(draft, f"click-{next(clicks)}", "visitor")

    return submit
