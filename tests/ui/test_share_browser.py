"""A link as people use it: made, opened without scripts, remixed by somebody else, withdrawn."""

import re

import pytest
from browsing import wait_until
from made_runs import MadeRuns, first_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]
PROMPT = '<img src=x onerror="document.title=1"> a lamp'


@pytest.fixture(scope="module")
def notebook(app):
    runs = MadeRuns(app.url)
    yield runs
    runs.http.close()


@pytest.fixture(scope="module")
def first(app, browser, notebook, tmp_path_factory):
    [run] = first_runs(app, browser, notebook, tmp_path_factory.mktemp("photo"), PROMPT)
    return run


def make_link(page, *, recipe=True):
    """Make a link in the sheet that is open; its address."""
    sheet = page.locator("dialog.share-sheet")
    rows = sheet.locator(".share-row")
    before = rows.count()
    sheet.get_by_label("With the recipe").set_checked(recipe)
    sheet.get_by_role("button", name="Make a link").click()
    wait_until(lambda: rows.count() == before + 1, 30)
    return rows.first.locator("input").input_value()


def film(page):
    return page.locator("video").first


def test_a_run_is_shared_watched_and_taken_back(app, visit, browser, first):
    tab = visit()
    page = tab.page
    tab.cell(first["number"], "done").get_by_role("button", name="More for run").click()
    page.get_by_role("menuitem", name="Share…").click()
    sheet = page.locator("dialog.share-sheet")
    sheet.get_by_text("nothing else of the notebook").wait_for()
    assert page.evaluate("document.activeElement.textContent") == "Make a link"
    address = make_link(page)
    assert address.startswith(f"{app.url}/gradio_api/wm/r/")
    assert "this computer only" in sheet.inner_text()
    assert page.evaluate("document.activeElement.textContent") == "Copy"

    guest = visit()
    shared = guest.page
    shared.goto(address)
    assert shared.locator("h1").inner_text() == PROMPT
    assert shared.title().startswith("<img src=x")
    shared.get_by_role("button", name=f"Play the video: {PROMPT}").click()
    wait_until(lambda: film(shared).evaluate("v => v.currentTime > 0 && v.videoWidth > 0"), 60)
    assert film(shared).evaluate("v => v.controls")
    film(shared).evaluate("v => { v.pause(); v.currentTime = 1.5 }")
    wait_until(lambda: film(shared).evaluate("v => !v.seeking && v.currentTime === 1.5"), 30)
    assert not guest.scrolls_sideways()

    sheet.get_by_role("button", name="Withdraw the link").click()
    assert page.evaluate("document.activeElement.textContent") == "Withdraw it"
    page.keyboard.press("Escape")
    assert sheet.is_visible()
    sheet.get_by_role("button", name="Withdraw the link").click()
    sheet.get_by_role("button", name="Withdraw it").click()
    sheet.get_by_text("The link is withdrawn.").wait_for()
    gone = browser.new_page()
    assert gone.goto(address).status == 404
    assert gone.locator("h1").inner_text() == "This link shows nothing"
    gone.close()


def test_a_shared_run_fills_the_form_and_a_draft_of_ones_own_is_put_aside(
    app, visit, notebook, first
):
    made = notebook.http.post("/shares", json={"run": first["id"]}).json()["link"]
    guest = visit()
    shared = guest.page
    shared.goto(made["url"])
    shared.get_by_role("link", name="Remix in your Wanderbook").click()
    prompt = shared.locator("#wb-prompt textarea")
    wait_until(lambda: prompt.input_value() == PROMPT, 60)
    wait_until(lambda: "remix" not in shared.url, 30)
    assert "remix of" in shared.locator("#wb-head").inner_text()
    prompt.fill("a draft of my own")
    shared.goto(f"{app.url}/?remix={made['token']}")
    shared.get_by_text("Your draft was put aside").wait_for()
    wait_until(lambda: prompt.input_value() == PROMPT, 60)
    shared.get_by_role("button", name="Bring it back").click()
    wait_until(lambda: prompt.input_value() == "a draft of my own", 60)
    notebook.http.post(f"/shares/{made['token']}/withdraw", json={})
    shared.goto(f"{app.url}/?remix={made['token']}")
    shared.get_by_text("This link shows no run to remix.").wait_for()


def test_links_are_listed_on_the_settings_page_and_pages_work_without_scripts(
    app, visit, browser, first
):
    tab = visit(width=390, height=800)
    page = tab.page
    page.goto(f"{tab.url}/#/run/{first['id']}")
    page.locator("#wb-run").get_by_role("button", name="Share…").click()
    bare = make_link(page, recipe=False)
    assert not tab.scrolls_sideways()
    page.locator("dialog.share-sheet").get_by_role("button", name="Close").click()
    page.goto(f"{tab.url}/#/")
    page.get_by_role("button", name="More for this notebook").click()
    page.get_by_role("menuitem", name="Share…").click()
    whole = make_link(page)
    page.locator("dialog.share-sheet").get_by_role("button", name="Close").click()

    page.goto(f"{tab.url}/#/settings")
    rows = page.locator("#wb-settings .share-row")
    wait_until(lambda: rows.count() == 2, 30)
    assert re.search(r"Run \d+\s+without its recipe, until withdrawn", rows.nth(1).inner_text())
    assert not tab.scrolls_sideways()

    plain = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    reader = plain.new_page()
    for address, kind in ((bare, "Shared run"), (whole, "Shared notebook")):
        reader.goto(address)
        assert kind in reader.content()
        assert reader.locator("video").first.get_attribute("controls") is not None
        assert reader.get_by_role("button", name="Copy link").count() == 0
        for link in reader.get_by_role("link").all():
            assert link.get_attribute("href")
    assert reader.get_by_role("link", name="Remix").count() == 1
    reader.goto(bare)
    assert "Seed" not in reader.locator("main").inner_text()
    plain.close()
    rows.first.get_by_role("button", name="Withdraw the link").click()
    rows.first.get_by_role("button", name="Withdraw it").click()
    wait_until(lambda: rows.count() == 1, 30)
