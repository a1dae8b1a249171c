"""Runs compared: chosen, in sync, one on the other, judged, kept in the notebook."""

import pytest
from browsing import wait_until
from made_runs import MadeRuns, first_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]
TIMES = "[...document.querySelectorAll('#wb-compare video')].map((v) => v.currentTime)"
FRAME = 1 / 8


@pytest.fixture(scope="module")
def runs(app, browser, tmp_path_factory):
    """Three runs; the last one is twice as long."""
    made = MadeRuns(app.url)
    folder = tmp_path_factory.mktemp("photo")
    first, third = first_runs(app, browser, made, folder, "a lamp", ("2 s", "4 s"))
    yield first, made.make(first["id"]), third, made
    made.http.close()


@pytest.fixture
def compared(visit, runs):
    """The view of some of the runs, ready to play."""

    def compared(*chosen):
        tab = visit()
        tab.page.goto(f"{tab.url}/#/compare/{','.join(run['id'] for run in chosen)}")
        tab.page.wait_for_selector("#wb-compare .tbl-box, #wb-compare .differs p")
        ready = (
            "[...document.querySelectorAll('#wb-compare video')].every((v) => v.readyState >= 2)"
        )
        tab.page.wait_for_function(ready)
        return tab, tab.page, tab.page.locator("#wb-compare")

    return compared


def apart(page):
    """How many frames two clips are apart; the shorter one holds its last frame."""
    one, other = page.evaluate(TIMES)
    return abs(min(one, 16.5 * FRAME) - min(other, 16.5 * FRAME)) / FRAME


def test_clips_stay_within_a_frame_and_the_shorter_one_holds_its_last(compared, runs):
    short, _, long, _ = runs
    _, page, view = compared(short, long)
    position = view.get_by_label("Position")
    position.focus()
    for key, frame, times in (
        ("End", "frame 33 of 33", (16.5, 32.5)),
        ("Home", "frame 1 of 33", (0.5, 0.5)),
        ("ArrowRight", "frame 2 of 33", (1.5, 1.5)),
        (".", "frame 3 of 33", (2.5, 2.5)),
        (",", "frame 2 of 33", (1.5, 1.5)),
    ):
        page.keyboard.press(key)
        assert view.locator(".count").inner_text() == frame
        assert page.evaluate(TIMES) == pytest.approx([time * FRAME for time in times], abs=0.01)

    view.get_by_role("button", name="Speed 1×").click()
    view.get_by_role("button", name="Speed 0.5×").click()
    view.locator("h1").focus()
    page.keyboard.press("Enter")
    wait_until(lambda: page.evaluate(TIMES)[1] > 3 * FRAME, 60)
    page.evaluate("document.querySelectorAll('#wb-compare video')[0].currentTime = 0")
    wait_until(lambda: apart(page) <= 1, 60)
    page.keyboard.press("Enter")
    wait_until(lambda: apart(page) < 0.05, 30)
    position.focus()
    page.keyboard.press("End")
    view.get_by_role("button", name="Speed 0.25×").click()
    view.get_by_role("button", name="Play", exact=True).click()
    wait_until(lambda: 1 < int(view.locator(".count").inner_text().split()[1]) < 33, 60)


@pytest.mark.slow
def test_runs_lie_on_each_other_and_keys_move_the_wipe(compared, runs):
    first, second, long, _ = runs
    _, page, view = compared(first, second, long)
    figures = view.locator(".cmp figure")
    view.get_by_role("radio", name="Side by side").focus()
    page.keyboard.press("ArrowRight")
    handle = view.get_by_role("slider", name="Where run")
    handle.focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
    assert handle.get_attribute("aria-valuenow") == "48"
    box = view.locator(".wipe").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.mouse.up()
    assert handle.get_attribute("aria-valuenow") == "25"
    assert not figures.nth(2).is_visible()
    view.get_by_role("button", name=f"With {long['number']}").click()
    assert figures.nth(2).is_visible()
    assert "25%" in figures.nth(2).evaluate("f => getComputedStyle(f).clipPath")

    view.get_by_role("radio", name="Difference").check(force=True)
    assert figures.nth(2).evaluate("f => getComputedStyle(f).mixBlendMode") == "difference"
    view.get_by_role("radio", name="Blink").check(force=True)
    seen = {wait_until(lambda: view.locator(".stamp").inner_text(), 30)}
    wait_until(lambda: seen.add(view.locator(".stamp").inner_text()) or len(seen) == 3, 60)
    view.get_by_role("button", name="Hold").click()
    held = view.locator(".stamp").inner_text()
    view.get_by_role("button", name="Show the next").click()
    assert view.locator(".stamp").inner_text() != held

    view.get_by_role("radio", name="Side by side").check(force=True)
    view.get_by_role("button", name=f"Take run {first['number']} out").click()
    view.get_by_role(
        "heading", name=f"Run {second['number']} beside run {long['number']}"
    ).wait_for()


def test_what_differs_is_said_and_a_verdict_can_be_taken_back(compared, runs):
    first, second, _, made = runs
    tab, page, view = compared(first, second)
    rows = view.locator(".tbl tbody th")
    assert set(rows.all_inner_texts()) <= {"Seed", "Time taken"}
    view.get_by_label("Show all").check()
    assert {"Prompt", "Model", "First frame"} <= set(rows.all_inner_texts())
    assert view.locator(".map .p").count() == 2
    assert "fields are the same, among them" in view.inner_text()

    view.get_by_role("button", name=f"{second['number']} is better").click()
    wait_until(lambda: made.read(second["id"])["rating"] == second["rating"] + 1, 60)
    assert made.read(first["id"])["note"] == f"Run {second['number']} holds up better."
    view.get_by_role("group", name=f"Rating of run {second['number']}").locator(".on").wait_for()
    page.get_by_role("button", name="Undo").click()
    wait_until(lambda: made.read(second["id"])["rating"] == second["rating"], 60)
    wait_until(lambda: made.read(first["id"])["note"] == "", 60)

    view.get_by_role("button", name="Keep in the notebook").click()
    page.get_by_text("The comparison is now in").wait_for()
    page.goto(f"{tab.url}/#/")
    numbers = f"Runs {first['number']} and {second['number']} side by side"
    page.locator("#wb-book").get_by_text(numbers).wait_for()


@pytest.mark.slow
def test_without_runs_the_view_teaches_how_to_choose_two(visit, runs):
    first, second, long, _ = runs
    tab = visit()
    page = tab.page
    page.goto(f"{tab.url}/#/compare/{first['id']}")
    view = page.locator("#wb-compare")
    view.get_by_text("Two, three or four runs can be compared.").wait_for()
    tile = view.get_by_role("button", name=f"Choose run {first['number']},")
    tile.press("Enter")
    assert tile.get_attribute("aria-pressed") == "true"
    view.get_by_role("button", name=f"Choose run {second['number']},").press("Enter")
    view.get_by_role(
        "heading", name=f"Run {first['number']} beside run {second['number']}"
    ).wait_for()
    view.get_by_role("button", name="Add a run").click()
    view.get_by_role("button", name=f"Choose run {long['number']},").click()
    view.get_by_role("heading", name=f"and {long['number']}").wait_for()
    assert view.locator("video").count() == 3
