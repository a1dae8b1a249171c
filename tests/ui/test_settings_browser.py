"""The settings page as its owner meets it, and as a visitor of a shared page does."""

import os

import pytest
from browsing import BROWSER_ARGUMENTS, CHROMIUM, ROOT, RunningApp, Visit, wait_until
from sample_runs import make_model

sync_api = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
PAINTED_APP = ROOT / "tests" / "ui" / "painted_app.py"
OWNER_KEY = "the owner's own words"


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A notebook on this computer alone."""
    folder = tmp_path_factory.mktemp("own")
    app = RunningApp(PAINTED_APP, folder, make_model(folder / "model"), GRADIO_TEMP_DIR="").start()
    yield app
    assert app.stop() == 0


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One that others can see."""
    folder = tmp_path_factory.mktemp("shared")
    model = make_model(folder / "model")
    app = RunningApp(
        PAINTED_APP, folder, model, "--host", "0.0.0.0", WANDERBOOK_OWNER_KEY=OWNER_KEY
    ).start()
    yield app
    assert app.stop() == 0


@pytest.fixture
def visit(browser):
    """Open tabs on the settings; none may complain or ask another host for anything."""
    visits = []

    def visit(app, **options):
        tab = Visit(browser, app.url, **options)
        visits.append(tab)
        show_settings(tab)
        return tab

    yield visit
    for tab in visits:
        tab.close()
        assert tab.complaints == []
        assert tab.foreign == []


def show_settings(tab):
    tab.page.evaluate("location.hash = '#/settings'")
    tab.page.wait_for_selector("#wb-settings .part, #wb-settings .stranger")


def entry(app, kind, number=1, size=3000):
    file = app.folder / "data" / "cache" / kind / f"{number}.safetensors"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(size))
    return file


def row(tab, title):
    return tab.page.locator("#wb-settings .row").filter(has=tab.page.get_by_text(title, exact=True))


def test_a_cache_is_cleaned_after_it_was_said_what_goes_and_what_stays(own, visit):
    file, other = entry(own, "text"), entry(own, "latents")
    tab = visit(own)
    prompts = row(tab, "Prompts")
    assert prompts.locator(".size").inner_text() == "2.9 KB"

    prompts.get_by_role("button", name="Clean up").click()
    assert "Every run stays." in prompts.inner_text()
    prompts.get_by_role("button", name="Leave it").click()
    assert file.exists()
    prompts.get_by_role("button", name="Clean up").click()
    prompts.get_by_role("button", name="Remove 2.9 KB").click()

    prompts.get_by_text("1 file is gone, 2.9 KB free again.").wait_for()
    assert prompts.locator(".size").inner_text() == "nothing"
    assert not file.exists()
    assert other.exists()


def test_choices_are_kept_over_a_reload(own, visit):
    tab = visit(own)
    limit = tab.page.get_by_label("First frames: at most, in MB")
    limit.fill("77")
    limit.press("Enter")
    row(tab, "First frames").get_by_text("Kept").wait_for()
    tab.page.get_by_label("Go on by itself").check()
    tab.page.locator(".choice").get_by_text("Kept").wait_for()
    tab.page.get_by_label("Keep the drawing of every new run").check()
    row(tab, "Drawings").get_by_text("Kept").wait_for()

    tab.open()
    show_settings(tab)

    assert tab.page.get_by_label("First frames: at most, in MB").input_value() == "77"
    assert tab.page.get_by_label("Go on by itself").is_checked()
    assert tab.page.get_by_label("Keep the drawing of every new run").is_checked()


def test_a_limit_that_is_none_is_refused_where_it_was_typed(own, visit):
    tab = visit(own)
    limit = tab.page.get_by_label("Camera paths: at most, in MB")
    for wrong in ("-5", "1.5", ""):
        limit.fill(wrong)
        limit.press("Tab")
        row(tab, "Camera paths").locator(".err").wait_for()
        assert limit.get_attribute("aria-invalid") == "true"
    limit.fill("50")
    limit.press("Tab")
    row(tab, "Camera paths").get_by_text("Kept").wait_for()
    assert row(tab, "Camera paths").locator(".err").count() == 0


@pytest.mark.slow
def test_figures_are_new_each_time_the_page_is_shown(own, visit, photo):
    tab = visit(own)
    tab.page.evaluate("location.hash = '#/'")
    number = tab.generate(photo, "a lamp")
    tab.cell(number, "done")

    show_settings(tab)

    videos = row(tab, "Videos").locator(".size")
    wait_until(lambda: "KB" in videos.inner_text(), 60)
    tab.page.locator("#wb-report").get_by_text("done 1").wait_for()


def test_a_report_is_copied_without_a_word_of_what_was_written(own, visit, photo):
    tab = visit(own, permissions=["clipboard-read", "clipboard-write"])
    tab.page.evaluate("location.hash = '#/'")
    number = tab.generate(photo, "an unmistakable lamp")
    tab.cell(number, "done")
    show_settings(tab)

    tab.page.get_by_role("button", name="Copy the command for SANA-WM", exact=True).click()
    tab.page.get_by_text("Copied", exact=True).wait_for()
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    assert copied == "python -m sanawm models fetch sana-wm"
    tab.page.locator("#wb-copy").click()
    tab.page.locator("#wb-copy").get_by_text("Copied").wait_for()

    copied = tab.page.evaluate("navigator.clipboard.readText()")
    assert copied == tab.page.locator("#wb-report").text_content()
    assert "Python: 3." in copied
    assert "unmistakable" not in copied
    assert photo.stem not in copied


def test_what_programs_sent_long_ago_can_go(own, visit):
    file = own.folder / "data" / "gradio" / ("a" * 64) / "photo.jpg"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(2000))
    os.utime(file, (1, 1))
    tab = visit(own)

    row(tab, "Passing files").get_by_role("button", name="Clean up").click()
    row(tab, "Passing files").get_by_role("button", name="Remove 2.0 KB").click()

    row(tab, "Passing files").get_by_text("1 file is gone").wait_for()
    assert not file.exists()


def test_everything_can_be_done_with_the_keyboard(own, visit):
    file = entry(own, "features")
    tab = visit(own)
    focus = "document.activeElement"

    def go_to(identity):
        for _ in range(60):
            tab.page.keyboard.press("Tab")
            if tab.page.evaluate(f"{focus}.id") == identity:
                return
        raise AssertionError(f"{identity} cannot be reached")

    tab.page.locator("#wb-settings h1").focus()
    go_to("wb-clean-features")
    tab.page.keyboard.press("Enter")
    assert tab.page.evaluate(f"{focus}.textContent") == "Remove 2.9 KB"
    tab.page.keyboard.press("Escape")
    assert tab.page.evaluate(f"{focus}.id") == "wb-clean-features"
    tab.page.keyboard.press("Enter")
    tab.page.keyboard.press("Enter")
    row(tab, "Camera paths").locator(".said").wait_for()
    assert tab.page.evaluate(f"{focus}.textContent").startswith("1 file is gone")
    assert not file.exists()

    go_to("wb-limit-stage1")
    tab.page.keyboard.press("Control+A")
    tab.page.keyboard.type("12")
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate(f"{focus}.id") == "wb-keep-stage1"
    row(tab, "Drawings").get_by_text("Kept").wait_for()
    go_to("wb-report")
    go_to("wb-copy")


@pytest.mark.parametrize("width", [360, 390, 820, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_scrolls_sideways(own, visit, width, scheme):
    entry(own, "latents")
    tab = visit(own, width=width, color_scheme=scheme)
    row(tab, "First frames").get_by_role("button", name="Clean up").click()

    assert not tab.scrolls_sideways()
    box = row(tab, "First frames").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


def test_a_visitor_sees_nothing_until_the_owners_key_is_entered(shared, visit):
    tab = visit(shared)
    settings = tab.page.locator("#wb-settings")
    assert "These are the settings of the notebook's owner." in settings.inner_text()
    assert str(shared.folder) not in tab.page.content()

    key = tab.page.get_by_label("Owner's key")
    for wrong in ("a guess", "ключ"):
        key.fill(wrong)
        key.press("Enter")
        settings.get_by_text("This is not the owner's key.").wait_for()
    key.fill(OWNER_KEY)
    key.press("Enter")
    row(tab, "Videos").wait_for()

    tab.open()
    show_settings(tab)
    assert row(tab, "Videos").is_visible()
    tab.page.get_by_role("button", name="Forget the key").click()
    tab.page.wait_for_selector("#wb-settings .stranger")


@pytest.mark.slow
def test_an_owner_by_key_can_generate(shared, visit, photo):
    tab = visit(shared)
    before = tab.page.evaluate("localStorage.getItem('wanderbook.visitor')")
    tab.page.get_by_label("Owner's key").fill(OWNER_KEY)
    tab.page.get_by_role("button", name="Enter").click()
    tab.page.wait_for_selector("#wb-settings .part.models")
    tab.page.evaluate("location.hash = '#/'")

    tab.cell(tab.generate(photo, "a lamp"), "done")

    assert tab.page.evaluate("localStorage.getItem('wanderbook.visitor')") == before
