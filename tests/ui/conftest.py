"""A studio whose runs are painted without a model, and a client for the page's own routes."""

import pytest
from browsing import BROWSER_ARGUMENTS, CHROMIUM, PAINTED_APP, RunningApp, Visit
from PIL import Image
from sample_runs import make_model
from starlette.applications import Starlette
from starlette.testclient import TestClient

from storage.database import Database
from studio.settings import Settings
from studio.studio import Studio
from ui.routes import build_routes

RUNNER = "painting_runner:PaintingRunner"
VISITOR = {"X-Wanderbook-Visitor": "a" * 32}


@pytest.fixture
def settings(tmp_path):
    model = make_model(tmp_path / "model")
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
def anonymous(studio):
    """A client that is not one of our pages: it sends no visitor's key."""
    app = Starlette(routes=build_routes(studio))
    with TestClient(app, base_url="http://127.0.0.1:7860") as client:
        yield client


@pytest.fixture
def client(anonymous):
    anonymous.headers.update(VISITOR)
    return anonymous


@pytest.fixture
def photo(tmp_path):
    """A photograph from a phone: 4:3, held upright, the sensor lying."""
    file = tmp_path / "IMG_0001.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.radial_gradient("L").resize((400, 300)).convert("RGB")
    picture.save(file, exif=exif)
    return file


@pytest.fixture(scope="module")
def browser():
    """A Chromium; tests that need one are skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("painted") / "model")


@pytest.fixture(scope="module")
def app(tmp_path_factory, model):
    """One notebook for most tests of a file; each makes runs of its own in it."""
    app = RunningApp(PAINTED_APP, tmp_path_factory.mktemp("app"), model).start()
    yield app
    assert app.stop() == 0


@pytest.fixture
def visit(app, browser):
    """Open tabs; whatever happened in them, none may complain or ask another host for anything."""
    visits = []

    def visit(**options):
        visits.append(Visit(browser, app.url, **options))
        return visits[-1]

    yield visit
    for tab in visits:
        tab.close()
        assert tab.complaints == []
        assert tab.foreign == []
