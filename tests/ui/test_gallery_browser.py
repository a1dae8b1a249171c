"""The gallery as people use it: scrolled, searched, chosen from by hand and by keyboard."""

import re

import pytest
from browsing import PAINTED_APP, RunningApp, Visit, wait_until
from many_runs import fill

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
COUNT = 150
MOST_NODES = 1000


@pytest.fixture(scope="module")
def app(tmp_path_factory, model):
    folder = tmp_path_factory.mktemp("app")
    fill(folder / "data", COUNT)
    app = RunningApp(PAINTED_APP, folder, model).start()
    yield app
    assert app.stop() == 0


@pytest.fixture(scope="module")
def tab(app, browser):
    """One tab for most tests of the file: opening it takes longer than what they do."""
    tab = Visit(browser, app.url)
    yield tab
    tab.close()
    assert tab.complaints == tab.foreign == []


@pytest.fixture
def gallery(tab):
    """The gallery with a search, as if it had just been opened."""

    def gallery(what=""):
        tab.page.goto(f"{tab.url}/#/gallery?q=nothing")
        found(tab.page, "0 runs")
        tab.page.goto(f"{tab.url}/#/gallery{what}")
        tab.page.locator("#wb-gallery .card").first.wait_for()
        return tab.page

    return gallery


@pytest.fixture
def gallery_of(visit):
    """The gallery in a tab of its own."""

    def gallery(**options):
        page = visit(**options).page
        page.goto(f"{page.url.partition('#')[0]}#/gallery")
        found(page, r"\d+ runs")
        return page

    return gallery


def card(page, number):
    return page.locator("#wb-gallery .card").filter(
        has=page.get_by_label(f"Select run {number}", exact=True)
    )


def found(page, words):
    page.locator("#wb-gallery .found", has_text=re.compile(f"^{words}$")).wait_for()


def numbers(page):
    return [int(text) for text in page.locator("#wb-gallery .card .m b").all_text_contents()]


def nodes(page):
    return page.evaluate("document.querySelectorAll('#wb-gallery *').length")


def focused(page):
    return page.evaluate("document.activeElement.closest('.card')?.querySelector('b').textContent")


def box(page):
    return page.get_by_role("searchbox", name="Search runs")


def search(page, text, words):
    box(page).fill(text)
    found(page, words)


def undo(page, sentence):
    note = page.locator(".toast", has_text=sentence)
    note.get_by_role("button", name="Undo").click()
    note.wait_for(state="detached")


def test_any_depth_has_few_nodes_and_nothing_jumps(gallery):
    page = gallery()
    found(page, f"{COUNT} runs")
    assert page.locator(".day").first.inner_text().startswith("Today")
    place = "n => n.getBoundingClientRect().top + scrollY"
    third = card(page, COUNT - 6).evaluate(place)
    most = 0
    while page.locator("[aria-label='Select run 1']").count() == 0:
        page.mouse.wheel(0, 700)
        page.wait_for_timeout(30)
        most = max(most, nodes(page))
    assert most <= MOST_NODES
    assert len(numbers(page)) < COUNT / 2
    page.evaluate("scrollTo(0, 0)")
    card(page, COUNT).wait_for()
    assert card(page, COUNT - 6).evaluate(place) == third
    assert numbers(page) == sorted(numbers(page), reverse=True)


def test_the_search_is_one_text_that_the_boxes_write_and_the_address_keeps(gallery):
    page = gallery()
    search(page, "lamp", "50 runs")
    assert all(number % 3 == 0 for number in numbers(page))
    cave = page.get_by_role("checkbox", name=re.compile("^cave"))
    wait_until(lambda: "5" in cave.locator("xpath=..").inner_text(), 30)
    cave.check()
    found(page, "5 runs")
    assert box(page).input_value() == "lamp tag:cave"
    assert set(numbers(page)) == {30, 60, 90, 120, 150}
    page.reload()
    found(page, "5 runs")
    assert cave.is_checked()
    page.go_back()
    found(page, "50 runs")
    assert (box(page).input_value(), cave.is_checked()) == ("lamp", False)

    box(page).fill("colour:red")
    page.get_by_role("alert").get_by_text('"colour:" is not a field.').wait_for()
    assert box(page).get_attribute("aria-invalid") == "true"
    search(page, "harbour", "0 runs")
    assert 'No run matches "harbour".' in page.locator("#wb-gallery .empty").inner_text()
    page.get_by_role("button", name="Clear the search").click()
    found(page, f"{COUNT} runs")
    page.get_by_role("checkbox", name="Stack families").check()
    found(page, f"{COUNT - 12} families")
    assert card(page, 144).locator("[data-said='2 runs']").count() == 1
    assert card(page, 143).count() == 0


def test_the_keyboard_alone_moves_chooses_throws_away_and_takes_back(gallery):
    page = gallery()
    found(page, f"{COUNT} runs")
    box(page).press("ArrowDown")
    assert focused(page) == str(COUNT)
    page.keyboard.press("ArrowDown")
    assert focused(page) == str(COUNT - 4)
    page.keyboard.press("End")
    assert int(focused(page)) < COUNT - 40
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    bar = page.get_by_role("toolbar", name="2 runs selected")
    assert bar.is_visible()
    page.keyboard.press("Escape")
    assert not page.locator(".selbar").is_visible()

    page.keyboard.press("x")
    page.keyboard.press("Delete")
    found(page, f"{COUNT - 1} runs")
    assert focused(page) == str(COUNT - 3)
    undo(page, f"Run {COUNT - 2} moved to the trash")
    found(page, f"{COUNT} runs")
    assert card(page, COUNT - 2).count() == 1
    page.keyboard.press("Home") if focused(page) else box(page).press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("#/run/"))
    page.go_back()
    card(page, COUNT).wait_for()


def test_chosen_runs_are_tagged_moved_compared_and_taken_back(gallery):
    page = gallery()
    found(page, f"{COUNT} runs")
    first, last = card(page, 149), card(page, 147)
    first.get_by_role("checkbox").check()
    last.locator("a").click(modifiers=["Shift"])
    bar = page.get_by_role("toolbar", name="3 runs selected")
    bar.get_by_role("button", name="Tag").click()
    page.get_by_label("New tags").fill("night, two words")
    page.get_by_role("button", name="Save").click()
    page.locator(".toast", has_text="3 runs tagged").wait_for()
    page.get_by_role("checkbox", name=re.compile("^night")).wait_for()
    undo(page, "3 runs tagged")

    bar.get_by_role("button", name="Move").click()
    asked = page.get_by_role("dialog", name="3 runs to a notebook")
    asked.get_by_role("radio", name="Slow turns").check()
    asked.get_by_role("button", name="Move").click()
    page.locator(".toast", has_text='3 runs moved to "Slow turns".').wait_for()
    search(page, 'notebook:"slow turns"', "3 runs")
    undo(page, "3 runs moved")
    search(page, 'notebook:"slow turns" ', "3 runs")
    search(page, "notebook:inbox", f"{COUNT} runs")

    card(page, 149).locator("a").click(modifiers=["ControlOrMeta"])
    assert bar.get_by_role("button", name="Compare").count() == 0
    card(page, 140).get_by_role("checkbox").check()
    with page.expect_request("**/wm/bundles") as asked:
        page.get_by_role("button", name="Download bundle").click()
    assert len(asked.value.post_data_json["runs"]) == 2
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_url(re.compile("#/compare/.+,.+"))


def test_the_trash_gives_back_or_deletes_for_good(gallery):
    page = gallery("?q=run%3A5")
    found(page, "1 run")
    card(page, 5).get_by_role("checkbox").check()
    page.get_by_role("button", name="To trash").click()
    found(page, "0 runs")
    search(page, "is:trash", "1 run")
    assert page.get_by_text("Runs stay here for 30 days").is_visible()
    card(page, 5).get_by_role("checkbox").check()
    page.get_by_role("button", name="Restore").click()
    found(page, "0 runs")
    assert "The trash is empty." in page.locator("#wb-gallery .empty").inner_text()
    undo(page, "Run 5 taken out of the trash.")
    card(page, 5).get_by_role("checkbox").check()
    page.get_by_role("button", name="Delete for good").click()
    asked = page.get_by_role("dialog", name="Delete run 5 for good")
    assert "Nothing brings them back." in asked.inner_text()
    asked.get_by_role("button", name="Delete for good").click()
    found(page, "0 runs")
    search(page, "run:5", "0 runs")


@pytest.mark.slow
def test_a_card_plays_under_the_pointer_and_the_pointer_moves_through_it(gallery):
    page = gallery()
    picture = card(page, 149).locator(".pic")
    picture.hover()
    video = page.locator("#wb-gallery video.ready")
    video.wait_for()
    assert (
        video.evaluate("v => v.muted && v.closest('.card').querySelector('b').textContent") == "149"
    )
    at = picture.bounding_box()
    page.mouse.move(at["x"] + 10, at["y"] + 20)
    page.mouse.move(at["x"] + at["width"] - 5, at["y"] + 20)
    assert wait_until(lambda: video.evaluate("v => v.currentTime / v.duration") > 0.9, 30)
    card(page, 146).locator(".pic").hover()
    wait_until(lambda: video.count() == 1 and card(page, 146).locator("video.ready").count(), 30)
    page.mouse.move(5, 5)
    video.wait_for(state="detached")

    page.emulate_media(reduced_motion="reduce")
    picture.hover()
    page.wait_for_timeout(500)
    assert video.count() == 0
    page.emulate_media(reduced_motion="no-preference")


@pytest.mark.slow
def test_a_new_run_appears_at_the_top_and_is_only_told_of_further_down(gallery_of, visit, photo):
    page, tab = gallery_of(), visit()
    number = tab.generate(photo, "a harbour")
    card(page, number).wait_for()
    tab.cell(number, "done")
    page.locator("#wb-gallery .card", has=page.get_by_label(f"Select run {number}")).and_(
        page.locator(":not(:has([data-said]))")
    ).wait_for()

    page.mouse.wheel(0, 900)
    seen = numbers(page)[len(numbers(page)) // 2]
    top = card(page, seen).bounding_box()["y"]
    other = tab.generate(photo, "a second harbour")
    page.get_by_role("button", name="1 new run. Show").wait_for()
    assert card(page, seen).bounding_box()["y"] == top
    page.get_by_role("button", name="1 new run. Show").click()
    card(page, other).wait_for()
    assert page.evaluate("scrollY") == 0


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_width_of_the_gallery_scrolls_sideways(gallery_of, scheme):
    page = gallery_of(color_scheme=scheme)
    card(page, 149).get_by_role("checkbox").check()
    for width in (360, 390, 820, 1024, 1280, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(60)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        assert page.get_by_role("toolbar").is_visible()
        assert nodes(page) <= MOST_NODES
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Path", exact=True).click()
    page.get_by_role("checkbox", name=re.compile("^Orbit left")).check()
    found_on_phone = page.locator("#wb-gallery .fbtn.on", has_text="Path, 1")
    found_on_phone.wait_for()
    assert box(page).input_value() == "path:orbit-left"
