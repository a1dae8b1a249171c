"""A page that others can see, with an owner, Anna, who has things, and Bert, who wants them."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

# The ways of the page's tests serve here too. This folder is a package, so that the page under
# attack ends with its last test; its own ways are found by the same list.
sys.path.insert(1, str(Path(__file__).parents[1] / "ui"))
sys.path.insert(1, str(Path(__file__).parent))

from attack_ways import (
    ANNA,
    BERT,
    FORM,
    OWNER_KEY,
    SECRET,
    Caller,
    ended,
    make_run,
    png,
    send_image,
)
from browsing import BROWSER_ARGUMENTS, CHROMIUM, PAINTED_APP, RunningApp
from sample_runs import make_model


@pytest.fixture(scope="package")
def besieged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("besieged")
    model = make_model(folder / "model")
    app = RunningApp(
        PAINTED_APP, folder, model, "--host", "0.0.0.0", WANDERBOOK_OWNER_KEY=OWNER_KEY
    ).start()
    yield app
    assert app.stop() == 0


@pytest.fixture(scope="package")
def caller(besieged):
    """Callers by their key."""
    callers = {}

    def caller(key):
        if key not in callers:
            callers[key] = Caller(besieged.url, key)
        return callers[key]

    yield caller
    for one in callers.values():
        one.http.close()


@pytest.fixture(scope="package")
def anna(caller):
    return caller(ANNA)


@pytest.fixture(scope="package")
def bert(caller):
    return caller(BERT)


@pytest.fixture(scope="package")
def owner(caller):
    return caller(OWNER_KEY)


@pytest.fixture(scope="package")
def hers(anna):
    """What Anna has: a finished run with marks, a notebook with a text, a draft."""
    image = send_image(anna, png()).json()
    second = make_run(anna, image["sha256"], f"a second lamp of {SECRET}")["id"]
    key = "c" * 32
    run = make_run(anna, image["sha256"], client_key=key)["id"]
    ended(anna, second)
    cell = ended(anna, run)
    anna.post(f"runs/{run}/note", {"text": f"a note with {SECRET}"})
    anna.post(f"runs/{run}/rate", {"stars": 4})
    anna.post("tags", {"runs": [run], "add": [SECRET], "drop": []})
    book = anna.post("books", {"title": f"The book of {SECRET}"}).json()["notebook"]["id"]
    text = anna.post(f"books/{book}/cells", {"kind": "text", "text": f"# words of {SECRET}"}).json()
    anna.post("draft", {"form": FORM | {"image": image}, "parent_id": run})
    link = anna.post("shares", {"run": second, "days": 1}).json()["link"]
    inbox = anna.get("books/inbox/cells").json()["cells"]
    return SimpleNamespace(
        image=image,
        run=run,
        second=second,
        key=key,
        book=book,
        link=link,
        text=text["cell"]["id"],
        shown=next(one["id"] for one in inbox if one.get("run") == run),
        media=cell["media"],
    )


@pytest.fixture(scope="module")
def browser():
    """A Chromium; tests that need one are skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER_ARGUMENTS)
        yield browser
        browser.close()
