"""A notebook leaves as one file, plays without the program, and comes in again."""

import re
import zipfile

import pytest
from browsing import Visit, wait_until
from made_runs import MadeRuns, first_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]
PROMPT = "a lamp <b>by</b> night"


@pytest.fixture
def runs(app):
    made = MadeRuns(app.url)
    yield made
    made.http.close()


def book_menu(page, item):
    page.get_by_role("button", name="More for this notebook").click()
    page.get_by_role("menuitem", name=item).or_(page.get_by_role("option", name=item)).click()


def test_a_notebook_travels_as_one_file(app, browser, visit, runs, tmp_path):
    [run] = first_runs(app, browser, runs, tmp_path, PROMPT)
    page = visit().page

    with page.expect_download() as saved:
        book_menu(page, "Download bundle")
    bundle = tmp_path / saved.value.suggested_filename
    saved.value.save_as(bundle)
    assert bundle.name == "wanderbook-inbox.wanderbook.zip"

    page.goto(f"{app.url}/#/run/{run['id']}")
    with page.expect_download() as one:
        page.get_by_role("button", name="Download everything as a bundle").click()
    number = runs.read(run["id"])["number"]
    assert one.value.suggested_filename == f"wanderbook-run-{number}.wanderbook.zip"

    plays_offline(browser, bundle, tmp_path)
    for way in ("trash", "purge"):  # as if it had never been here
        assert runs.http.post(f"/{way}", json={"runs": [run["id"]]}).is_success
    comes_in(browser, app, bundle, tmp_path)


def plays_offline(browser, bundle, folder):
    """Unpacked and opened by a double click: nothing else is running, nothing is asked for."""
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder / "unpacked")
    context = browser.new_context(offline=True)
    page = context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((folder / "unpacked" / "index.html").as_uri())

    assert page.get_by_role("heading", name=PROMPT).is_visible()
    page.get_by_role("button", name="Play the video").first.click()
    video = page.locator("video").first
    wait_until(lambda: video.evaluate("v => v.currentTime > 0 && v.videoWidth > 0"), 60)
    page.get_by_text("First frame, path and recipe").click()
    assert page.get_by_role("img", name=re.compile("Camera path from above")).is_visible()
    still = page.get_by_role("img", name=re.compile("First frame"))
    assert still.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 0
    assert complaints == []
    context.close()


def comes_in(browser, app, bundle, folder):
    tab = Visit(browser, app.url)
    page = tab.page
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Bring in a bundle…").click()
    chooser.value.set_files(bundle)
    dialog = page.get_by_role("dialog", name="Bring in a bundle")
    dialog.get_by_text("one run").wait_for()
    assert dialog.get_by_text("Inbox", exact=True).is_visible()
    assert dialog.get_by_text(PROMPT).is_visible()
    page.keyboard.press("Enter")
    page.get_by_text("One run brought in.").wait_for()
    page.get_by_role("heading", name="Inbox (from a bundle)").wait_for()
    page.locator(".cell").get_by_text(PROMPT).wait_for()

    bring(page, bundle)
    dialog.get_by_text("Everything in it is here already.").wait_for()
    page.keyboard.press("Escape")
    wait_until(lambda: not dialog.count(), 60)

    torn = folder / "torn.wanderbook.zip"
    torn.write_bytes(bundle.read_bytes()[:-100])
    bring(page, torn)
    sentence = "torn.wanderbook.zip was not brought in: it is no bundle, or was not saved whole."
    dialog.get_by_text(sentence).wait_for()
    dialog.get_by_role("button", name="Close").last.click()
    wait_until(lambda: not any((app.folder / "data" / "imports").iterdir()), 60)
    tab.close()
    assert tab.complaints == []


def bring(page, file):
    with page.expect_file_chooser() as chooser:
        book_menu(page, "Bring in a bundle…")
    chooser.value.set_files(file)
