"""What hangs on a run and on the form, as a person meets it: marks, keys, drafts, sweeps."""

import httpx
import pytest
from browsing import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
WM = "/gradio_api/wm"


def as_this_visitor(tab, path, body):
    """Change something as another tab of the same person would."""
    key = tab.page.evaluate("localStorage.getItem('wanderbook.visitor')")
    headers = {"X-Wanderbook-Visitor": key}
    assert httpx.post(f"{tab.url}{WM}/{path}", json=body, headers=headers).is_success


def stars_of(cell):
    return cell.locator(".stars label.on").count()


def id_of(cell):
    return cell.get_attribute("id").removeprefix("run-")


def focused(page):
    return page.evaluate("document.activeElement.getAttribute('aria-label')")


def test_stars_tags_and_a_note_by_pointer_and_by_keys(visit, photo):
    tab = visit()
    page, keys = tab.page, tab.page.keyboard
    cell = tab.cell(tab.generate(photo, "a lamp"), "done")

    cell.get_by_label("4 stars").check()
    wait_until(lambda: stars_of(cell) == 4, 60)
    cell.get_by_label("4 stars").click()
    wait_until(lambda: stars_of(cell) == 0, 60)
    keys.press("3")
    wait_until(lambda: stars_of(cell) == 3, 60)
    keys.press("ArrowRight")
    wait_until(lambda: stars_of(cell) == 4, 60)

    cell.get_by_role("button", name="Add tag").click()
    keys.type("warm,cold light")
    keys.press("Enter")
    keys.press("Enter")
    assert cell.locator(".tags a").all_inner_texts() == ["#warm", "#cold-light"]
    assert cell.locator("[href='#/gallery?q=tag%3Awarm']").is_visible()
    page.get_by_text("is tagged #cold-light").wait_for()
    cell.focus()
    keys.press("Control+z")
    wait_until(lambda: cell.locator(".tags a").all_inner_texts() == ["#warm"], 60)

    keys.press("n")
    assert focused(page).startswith("Note about run")
    keys.type("The *lamp* drifts <b>1")
    as_this_visitor(tab, f"runs/{id_of(cell)}/rate", {"stars": 2})
    wait_until(lambda: stars_of(cell) == 2, 60)  # heard of, and nothing that was typed is lost
    keys.type(" j4")
    assert page.evaluate("document.activeElement.value") == "The *lamp* drifts <b>1 j4"
    cell.locator(".prompt").click()
    assert cell.locator(".note em").inner_text() == "lamp"
    assert "drifts <b>1 j4" in cell.locator(".note").inner_text()
    cell.locator(".note p").click()
    keys.type(" never kept")
    keys.press("Escape")
    assert "never kept" not in cell.locator(".note").inner_text()
    assert stars_of(cell) == 2  # the keys rested

    tab.open()
    assert (cell.locator(".note em").inner_text(), stars_of(cell)) == ("lamp", 2)
    assert cell.locator(".tags a").all_inner_texts() == ["#warm"]


@pytest.mark.slow
def test_known_tags_are_offered_and_tags_are_taken_off(visit, photo):
    tab = visit()
    keys = tab.page.keyboard
    number = tab.generate(photo, "a room")
    cell = tab.cell(number, "done")
    as_this_visitor(tab, "tags", {"runs": [id_of(cell)], "add": ["mist", "orbit"]})
    wait_until(lambda: cell.locator(".tags a").count() == 2, 60)
    other = tab.cell(tab.generate(photo, "another room"), "done")

    other.get_by_role("button", name="Add tag").focus()
    keys.press("Enter")
    keys.type("mi")
    other.get_by_role("option", name="#mist").wait_for()
    keys.press("ArrowDown")
    keys.press("Enter")
    other.get_by_role("button", name="Remove tag mist").wait_for()
    keys.press("Escape")
    assert other.locator(".tags a").all_inner_texts() == ["#mist"]
    assert focused(tab.page).startswith("Add tag")

    keys.press("Enter")
    other.get_by_role("button", name="Remove tag mist").click()
    wait_until(lambda: other.locator(".tag-chip").count() == 0, 60)
    tab.page.get_by_role("button", name="Undo").last.click()
    other.get_by_role("link", name="#mist").wait_for()


@pytest.mark.slow
def test_keys_go_from_a_run_to_its_page_its_family_and_the_search(visit, photo):
    tab = visit()
    page, keys = tab.page, tab.page.keyboard
    cell = tab.cell(tab.generate(photo, "a way"), "done")
    run = id_of(cell)

    cell.focus()
    with page.expect_response(f"**/runs/{run}/page") as unrated:
        keys.press("d")
    page.locator("#wb-run .stars").wait_for()
    assert page.evaluate("location.hash") == f"#/run/{run}"
    for pressed, address in (("gl", f"#/family/{run}"), ("gn", "#/")):
        for key in pressed:
            keys.press(key)
        wait_until(lambda address=address: page.evaluate("location.hash") == address, 60)
    keys.press("/")
    wait_until(lambda: page.locator("#wb-gallery input[type=search]:focus").count() == 1, 60)
    keys.type("gl4?")  # a field has the focus: these are letters
    assert page.locator("#wb-gallery input[type=search]").input_value() == "gl4?"
    assert page.evaluate("location.hash").startswith("#/gallery")

    late = []  # what was asked for before the rating arrives after the event that tells of it
    old = unrated.value.body()
    page.route(f"**/runs/{run}/page", lambda route: late.append(route))
    page.goto(f"{tab.url}/#/run/{run}")
    page.locator("#wb-run .stars").wait_for()
    wait_until(lambda: page.evaluate("1") and late, 60)
    with page.expect_response("**/rate"):
        keys.press("5")
    wait_until(lambda: stars_of(page.locator("#wb-run")) == 5, 60)
    page.wait_for_timeout(500)
    for route in late:
        route.fulfill(body=old, content_type="application/json")
    page.wait_for_timeout(500)
    assert stars_of(page.locator("#wb-run")) == 5
    keys.press("n")
    keys.type("seen")
    keys.press("Control+Enter")
    page.locator("#wb-run .note", has_text="seen").wait_for()


def test_a_draft_outlives_the_page_and_makes_room_without_being_lost(visit, photo):
    tab = visit()
    page, prompt = tab.page, tab.page.locator("#wb-prompt textarea")
    number = tab.generate(photo, "a first try")
    tab.cell(number, "done").get_by_role("button", name="Remix").click()
    page.locator("#wb-head").get_by_text(f"remix of {number}").wait_for()
    assert page.get_by_text("Your draft was put aside").count() == 0  # it was submitted

    page.get_by_role("radio", name="Truck left").click()
    page.get_by_role("button", name="was push in").wait_for()
    with page.expect_response(f"**{WM}/draft") as kept:
        tab.fill("half a sen")
    assert kept.value.ok
    tab.fill("half a sentence")
    tab.open()  # at once: what was typed last is sent while the page goes
    wait_until(lambda: prompt.input_value() == "half a sentence", 60)
    page.locator("#wb-head").get_by_text(f"remix of {number}").wait_for()
    page.get_by_role("button", name="was push in").wait_for()
    assert page.locator("#wb-first-frame .ff > .pic img").evaluate(
        "i => i.complete && i.naturalWidth > 0"
    )

    tab.cell(number, "done").get_by_role("button", name="Remix").click()
    page.get_by_text("Your draft was put aside").wait_for()
    wait_until(lambda: prompt.input_value() == "a first try", 60)
    page.get_by_role("button", name="Bring it back").click()
    wait_until(lambda: prompt.input_value() == "half a sentence", 60)
    page.get_by_role("button", name="was push in").wait_for()

    page.get_by_role("button", name="Start clean").click()
    wait_until(lambda: prompt.input_value() == "", 60)
    page.locator("#wb-head h2").focus()
    page.keyboard.press("Control+z")
    wait_until(lambda: prompt.input_value() == "half a sentence", 60)


def test_a_sweep_fills_in_and_is_sifted_by_keys(visit, photo):
    tab = visit()
    page, keys = tab.page, tab.page.keyboard
    tab.choose(photo)
    page.wait_for_selector("#wb-first-frame .ff img")
    tab.fill("a sweep")

    page.locator("#wb-foot").get_by_role("button", name="Sweep…").click()
    sheet = page.get_by_role("dialog", name="Sweep")
    sheet.get_by_label("Seeds to draw").fill("40")
    sheet.get_by_text("one sweep holds up to 36").wait_for()
    assert sheet.get_by_role("button", name="Queue").is_disabled()
    sheet.get_by_label("or these seeds").fill("3, 14")
    sheet.get_by_role("button", name="Truck left").click()
    sheet.get_by_text("2 seeds × 2 paths × 1 prompt = 4 runs").wait_for()
    sheet.get_by_role("button", name="Queue 4 runs").focus()
    keys.press("Enter")

    cell = page.locator(".sweep-cell").last
    cell.get_by_text("2 seeds × 2 paths, 4 runs", exact=True).wait_for()
    assert cell.locator(".col-h").all_inner_texts() == ["Seed 3", "Seed 14"]
    assert cell.locator(".row-h").all_inner_texts() == ["Push in", "Truck left"]
    tiles = cell.locator(".tile")
    assert tiles.evaluate_all("all => all.map((one) => one.dataset.state)") == ["done"] * 4
    assert page.get_by_role("button", name="Show", exact=True).count() == 0

    tiles.first.focus()
    for key in ("ArrowRight", "ArrowDown", "5"):
        keys.press(key)
    wait_until(lambda: "5 of 5 stars" in tiles.nth(3).get_attribute("aria-label"), 60)
    keys.press("ArrowLeft")
    keys.press("x")
    wait_until(lambda: tiles.nth(2).get_attribute("data-state") == "trash", 60)
    keys.press("Control+z")
    wait_until(lambda: tiles.nth(2).get_attribute("data-state") == "done", 60)
    run = tiles.nth(2).get_attribute("data-run")
    keys.press("Enter")
    wait_until(lambda: page.evaluate("location.hash") == f"#/run/{run}", 60)
