"""The page as a person meets it: a real app, a real worker process, a real browser.

Most tests paint instead of running the model, so that every stage can be met at will; the last
one is the bundled model itself, from a photo to a video that plays.
"""

import itertools

import httpx
import pytest
from browsing import PAINTED_APP, ROOT, RunningApp, Visit, plays, wait_until
from PIL import Image

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
TINY = ROOT / "models" / "tiny"


def test_a_photo_becomes_a_video_that_stays(visit, photo):
    tab = visit()
    assert tab.page.locator("#wb-est").inner_text() == "Choose a first frame to begin."
    assert tab.page.locator("#wb-generate").is_disabled()

    number = tab.generate(photo, "slowly, a lamp in the mist")
    running = tab.cell(number, "running")
    assert "cropped from 300 × 400" in tab.page.locator("#wb-first-frame .lab").inner_text()
    running.get_by_text("Rough preview, step").wait_for()
    running.get_by_text("Prompt read").wait_for()
    assert running.locator(".stages .meter").get_attribute("aria-valuenow")
    assert running.locator(".pic img").evaluate("i => i.naturalWidth") > 0

    done = tab.cell(number, "done")
    assert plays(done)
    told = done.inner_text()
    for words in ("a lamp in the mist", "Push in", "2 s, 17 frames", "6, guidance 2", "Took"):
        assert words in told

    second = visit()
    assert plays(second.cell(number, "done"))
    tab.open()
    assert plays(tab.cell(number, "done"))
    tab.cell(number).get_by_role("button", name="More for run").click()
    with tab.page.expect_download() as download:
        tab.page.get_by_role("menuitem", name="Download").click()
    assert download.value.suggested_filename == f"wanderbook-{number}.mp4"


def test_where_a_clip_does_not_fit_the_longest_that_does_is_one_click_away(visit, photo):
    tab = visit()
    tight = '{"sentence": "Needs 18 GB of memory; 8 GB are there.", "seconds": null, "nearest": 9}'
    roomy = '{"sentence": "About 40 s, estimated · 6 GB of 8 GB", "seconds": 40, "nearest": null}'

    def answer(route):
        short = "frames=9&" in route.request.url
        route.fulfill(content_type="application/json", body=roomy if short else tight)

    tab.page.route("**/estimate?*", answer)
    tab.choose(photo)
    line = tab.page.locator("#wb-est")
    offer = line.get_by_role("button", name="Use 9 frames")
    offer.wait_for()
    assert line.inner_text().startswith("Needs 18 GB of memory; 8 GB are there.")
    assert tab.page.locator("#wb-generate").is_enabled()
    offer.focus()
    tab.page.keyboard.press("Enter")
    line.get_by_text("6 GB of 8 GB").wait_for()
    assert tab.page.get_by_role("radio", name="1 s", exact=True).is_checked()
    assert not offer.is_visible()


def test_a_remix_fills_the_form_and_remembers_its_parent(visit, photo):
    tab = visit()
    prompt, seed = tab.page.locator("#wb-prompt textarea"), tab.page.locator("#wb-seed input")
    parent = tab.generate(photo, "a lamp")
    tab.cell(parent, "done").get_by_role("button", name="Remix").click()
    tab.page.locator("#wb-head").get_by_text(f"remix of {parent}").wait_for()
    assert prompt.input_value() == "a lamp"
    kept = seed.input_value()
    assert kept.isdigit()

    tab.page.get_by_role("radio", name="Truck left").click()
    tab.page.get_by_role("button", name="was push in").wait_for()
    tab.fill("another lamp")
    tab.page.locator("#wb-prompt .was").click()
    wait_until(lambda: prompt.input_value() == "a lamp", 120)
    tab.page.locator("#wb-generate").click()

    child = tab.cell(parent + 1, "done")
    assert child.get_by_role("link", name=str(parent), exact=True).is_visible()
    assert " ".join(child.locator(".diffs").inner_text().split()) == "path push in truck left"
    assert kept in child.locator(".facts").inner_text()
    tab.cell(parent).get_by_role("link", name="1 child").wait_for()
    tab.page.get_by_role("button", name="Start clean").click()
    wait_until(lambda: prompt.input_value() == "", 120)
    assert seed.input_value() == ""


def test_a_running_run_is_cancelled_and_a_queued_one_removed(visit, photo):
    tab, other = visit(), visit()
    first = tab.generate(photo, "forever")
    tab.cell(first, "running").get_by_text("Drawing, 2 of 6").wait_for()
    second = tab.generate(photo, "after it")
    queued = tab.cell(second, "queued")
    assert queued.get_by_text("Queued, next in line").is_visible()

    queued.get_by_role("button", name="Remove").click()
    tab.cell(second, "cancelled")
    other.cell(first, "running").get_by_role("button", name="Cancel").click()

    tab.cell(first, "cancelled").get_by_text("Nothing was kept.").wait_for()
    other.cell(first, "cancelled")
    assert tab.page.locator("#wb-prompt textarea").input_value() == "after it"


def test_a_failed_run_says_why_and_can_be_tried_again(visit, photo):
    tab = visit()
    number = tab.generate(photo, "sentence")

    failed = tab.cell(number, "failed")
    assert failed.locator(".state").inner_text() == "Not enough memory"
    failed.get_by_role("button", name="Retry").click()
    tab.page.wait_for_function("document.querySelector('.cell').dataset.state !== 'failed'")
    tab.cell(number, "failed")


def test_bad_input_is_a_sentence_at_the_field_and_the_page_lives_on(visit, photo, tmp_path):
    notes = tmp_path / "notes.png"
    notes.write_text("Dear diary, this is no picture.")
    bomb = tmp_path / "bomb.png"
    Image.new("1", (12_000, 12_000)).save(bomb)
    tab = visit()
    first_frame = tab.page.locator("#wb-first-frame")

    tab.choose(notes)
    first_frame.get_by_text("Drop another picture").wait_for()
    assert first_frame.get_by_text("notes.png").is_visible()
    tab.choose(bomb)
    first_frame.get_by_text("12,000 × 12,000").wait_for()
    assert tab.page.locator("#wb-generate").is_disabled()

    tab.choose(photo)
    tab.page.wait_for_selector("#wb-first-frame .ff img")
    assert first_frame.locator(".err").count() == 0
    actions = tab.page.get_by_label("Actions")
    actions.fill("w-8,q-4")
    tab.page.get_by_text('"q-4" is not an action').wait_for()
    assert tab.page.locator("#wb-est").inner_text() == "The camera path needs a correction."
    assert tab.page.locator("#wb-generate").is_disabled()
    tab.page.get_by_role("button", name="Remove it").click()
    wait_until(lambda: actions.input_value() == "w-8", 120)

    tab.page.locator("#wb-seed input").fill("seven")
    tab.page.locator("#wb-generate:not([disabled])").click()
    tab.page.locator("#wb-seed .err").wait_for()
    tab.page.locator("#wb-seed input").fill("7")
    known = tab.numbers()
    tab.page.locator("#wb-generate:not([disabled])").click()
    number = max(wait_until(lambda: tab.numbers() - known, 60))
    assert "Seed\n7\n" in tab.cell(number, "done").locator(".facts").inner_text()


def test_words_a_person_typed_are_shown_and_never_run(visit, photo):
    hostile = (
        "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    )
    tab = visit()
    number = tab.generate(photo, hostile)

    assert tab.cell(number, "done").locator(".prompt").inner_text() == hostile
    tab.cell(number).get_by_role("button", name="Remix").click()
    tab.page.locator("#wb-head").get_by_text(f"remix of {number}").wait_for()
    assert tab.page.title() == "Wanderbook"


@pytest.mark.slow
def test_a_killed_app_loses_no_queued_run_and_open_pages_catch_up(tmp_path, model, browser, photo):
    app = RunningApp(PAINTED_APP, tmp_path / "app", model).start()
    tab = Visit(browser, app.url)
    try:
        assert tab.page.get_by_text("Then a video, kept here.").is_visible()
        tab.generate(photo, "slowly, once more")
        tab.cell(1, "running").get_by_text("Rough preview").wait_for()
        tab.generate(photo, "the one that waits")

        app.kill()
        tab.page.get_by_text("Lost the connection").wait_for()
        app.start()
        tab.page.get_by_text("Lost the connection").wait_for(state="detached")
        tab.page.get_by_text("Wanderbook was not shut down properly").wait_for()
        tab.page.get_by_role("button", name="Go on").click()

        assert plays(tab.cell(1, "done"))
        assert plays(tab.cell(2, "done"))
        assert tab.foreign == []
    finally:
        tab.close()
        assert app.stop() == 0


def test_the_keyboard_is_enough(visit):
    tab = visit()
    page = tab.page
    page.get_by_role("button", name="Red room. CC0").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#wb-first-frame .ff img")
    page.get_by_role("radio", name="Push in").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("[data-preset=pull-out][aria-checked=true]")
    page.locator("#wb-prompt textarea").focus()
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".cell.current")
    number = max(tab.numbers())
    done = tab.cell(number, "done")

    page.keyboard.press("k")
    assert "current" in done.get_attribute("class")
    page.keyboard.press("Enter")
    done.locator("video").wait_for(state="attached")
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keyboard").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    tab.cell(number + 1, "done")
    page.keyboard.press("r")
    page.locator("#wb-head").get_by_text(f"remix of {number}").wait_for()


def test_a_page_elsewhere_cannot_reach_this_computer_under_a_name_of_its_own(app):
    with httpx.Client(base_url=app.url) as client:
        assert client.get("/config", headers={"Host": "evil.example"}).status_code == 400
        assert client.get("/openapi.json").status_code == 404
        assert client.get("/monitoring/summary").status_code in (403, 404)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_reads_first_and_composes_in_a_sheet(visit, photo, scheme):
    tab = visit(width=390, height=844, color_scheme=scheme, has_touch=True)
    page = tab.page
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(21, 20, 18)") == (scheme == "dark")
    assert not page.locator("#wb-composer").is_visible()

    page.get_by_role("button", name="New run").click()
    assert page.locator("#wb-composer").is_visible()
    assert not tab.scrolls_sideways()
    page.keyboard.press("Escape")
    assert not page.locator("#wb-composer").is_visible()
    page.get_by_role("button", name="New run").click()
    number = tab.generate(photo, "a very long word: " + "wander" * 60)

    assert plays(tab.cell(number, "done"))
    assert not page.locator("#wb-composer").is_visible()
    assert not tab.scrolls_sideways()


@pytest.mark.slow
def test_no_width_scrolls_sideways(visit, photo):
    tab = visit()
    number = tab.generate(photo, "a lamp")
    tab.cell(number, "done")

    for width, step in itertools.product((360, 390, 820, 1024, 1280, 1600), ("new", "remix")):
        tab.page.set_viewport_size({"width": width, "height": 900})
        if step == "remix":
            tab.cell(number).get_by_role("button", name="Remix").click()
            tab.page.wait_for_selector("#wb-head .was-of a", state="attached")
        assert not tab.scrolls_sideways(), width
        tab.page.keyboard.press("Escape")


@pytest.mark.skipif(not (TINY / "wanderbook.json").exists(), reason="the bundled model is not here")
@pytest.mark.slow
def test_the_bundled_model_makes_a_video_of_a_photo(tmp_path, browser, photo):
    app = RunningApp(ROOT / "app.py", tmp_path / "app", TINY).start()
    tab = Visit(browser, app.url)
    try:
        number = tab.generate(photo, "A room with red walls, warm light")
        # Its previews pass in less time than a busy browser takes to look: the painter shows them.
        assert plays(tab.cell(number, "done"))
        assert tab.complaints == tab.foreign == []
    finally:
        tab.close()
        assert app.stop() == 0
