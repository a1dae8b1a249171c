"""The views of the page: moving between them, at every width, and as a guest sees the queue."""

import pytest
from browsing import PAINTED_APP, RunningApp, Visit, wait_until
from queue_view import empty_queue, ended, fill, open_queue, ordered, row

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def _quiet_afterwards(app):
    """What a test leaves behind does not hold up the next one."""
    yield
    empty_queue(app)


def test_moving_about_keeps_the_draft_and_the_back_button_works(visit):
    tab = visit()
    page = tab.page
    tab.fill("half a sen")

    open_queue(tab)
    assert page.title() == "Queue · Wanderbook"
    assert page.evaluate("document.activeElement.textContent") == "Queue"
    page.get_by_role("link", name="Settings").click()
    wait_until(lambda: page.title() == "Settings · Wanderbook", 30)
    assert not page.locator("#wb-composer").is_visible()
    page.go_back()
    page.go_back()
    wait_until(lambda: page.title() == "Wanderbook", 30)
    assert page.locator("#wb-prompt textarea").input_value() == "half a sen"

    page.goto(f"{tab.url}/#/queue")
    page.reload()
    page.keyboard.press("s")  # a key for cells, of which none is in view
    page.get_by_role("heading", name="Queue", exact=True).wait_for()
    assert page.title() == "Queue · Wanderbook"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.slow
def test_no_width_of_the_queue_scrolls_sideways(visit, photo, scheme):
    tab = visit(color_scheme=scheme)
    _, number = fill(tab, photo, "a very long word: " + "wander" * 60)
    page = open_queue(tab)
    for width in (360, 390, 820, 1024, 1280, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        assert not tab.scrolls_sideways(), width
        assert row(page, number).is_visible()


@pytest.mark.slow
def test_a_guest_sees_their_own_runs_and_leaves_the_order_alone(tmp_path, model, browser, photo):
    app = RunningApp(PAINTED_APP, tmp_path / "app", model, "--host", "0.0.0.0").start()
    guest, other = Visit(browser, app.url), Visit(browser, app.url)
    try:
        first, mine = fill(guest, photo, "of the guest")
        theirs = other.generate(photo, "of another guest")
        page = open_queue(guest)
        ordered(page, mine)

        page.get_by_text("One run of somebody else is in it.").wait_for()
        assert page.get_by_role("button", name="Pause").is_disabled()
        assert page.get_by_text("Only the owner of this notebook").is_visible()
        assert page.get_by_role("button", name=f"Move run {mine}", exact=True).count() == 0
        row(page, mine).get_by_role("button", name=f"Remove run {mine}").click()
        ordered(page)
        page.get_by_role("button", name=f"Cancel run {first}").click()
        other_page = open_queue(other)
        assert "of another guest" in ended(other_page, theirs).inner_text()
        assert page.locator(".ended").get_by_text("of another guest").count() == 0
        page.locator(".ended").get_by_text("forever").wait_for()
        assert guest.complaints == other.complaints == []
    finally:
        guest.close()
        other.close()
        assert app.stop() == 0
