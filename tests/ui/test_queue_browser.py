"""The queue as people use it: order, changes, stops and repeats, the same in every tab at once."""

import re

import pytest
from browsing import plays, wait_until
from queue_view import empty_queue, ended, fill, open_queue, ordered, row

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def _quiet_afterwards(app):
    """What a test leaves behind does not hold up the next one."""
    yield
    empty_queue(app)


def drag(page, number, onto):
    """Take a run by its handle and let it go over the upper half of another one."""
    grip = page.get_by_role("button", name=f"Move run {number}", exact=True)
    grip.scroll_into_view_if_needed()
    start, goal = grip.bounding_box(), row(page, onto).bounding_box()
    x, y = start["x"] + start["width"] / 2, start["y"] + start["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, goal["y"] + 4, steps=8)
    page.mouse.up()


def test_dragging_a_run_changes_the_order_in_every_tab(visit, photo):
    tab, other = visit(), visit()
    _, second, third, fourth = fill(tab, photo, "second", "third", "fourth")
    page, mirror = open_queue(tab), open_queue(other)
    ordered(page, second, third, fourth)

    drag(page, fourth, onto=second)

    ordered(page, fourth, second, third)
    ordered(mirror, fourth, second, third)
    assert row(mirror, fourth).get_by_text("Next in line").is_visible()
    assert row(mirror, third).get_by_text("2 runs ahead").is_visible()
    page.reload()
    ordered(page, fourth, second, third)


@pytest.mark.slow
def test_a_run_that_starts_while_it_is_held_leaves_the_others_in_order(visit, photo):
    tab, other = visit(), visit()
    first, second, third, fourth = fill(tab, photo, "forever", "third", "fourth")
    page = open_queue(tab)
    ordered(page, second, third, fourth)
    grip = page.get_by_role("button", name=f"Move run {second}", exact=True).bounding_box()
    page.mouse.move(grip["x"] + 8, grip["y"] + 8)
    page.mouse.down()
    page.mouse.move(grip["x"] + 8, grip["y"] + 40, steps=4)

    other.cell(first).get_by_role("button", name=f"Cancel run {first}").click()
    ordered(page, third, fourth)
    page.mouse.up()

    open_queue(other).get_by_role("button", name=f"Run next run {fourth}").click()
    ordered(page, fourth, third)


def focused_on(page):
    """The name of what has the keyboard."""
    return page.evaluate("document.activeElement.getAttribute('aria-label')")


def test_the_arrow_keys_move_a_run_and_say_where_it_is(visit, photo):
    tab = visit()
    _, second, third, fourth = fill(tab, photo, "second", "third", "fourth")
    page = open_queue(tab)
    ordered(page, second, third, fourth)
    page.get_by_role("button", name=f"Move run {second}", exact=True).focus()

    page.keyboard.press("Alt+ArrowDown")
    page.keyboard.press("ArrowDown")

    ordered(page, third, fourth, second)
    said = page.locator("#wb-announce")
    wait_until(lambda: said.inner_text() == f"Run {second} is now 3 of 3.", 60)
    wait_until(lambda: focused_on(page) == f"Move run {second}", 60)
    page.keyboard.press("ArrowDown")
    wait_until(lambda: said.inner_text() == f"Run {second} is last already.", 60)
    page.keyboard.press("Home")
    ordered(page, second, third, fourth)
    tab.open()
    ordered(open_queue(tab), second, third, fourth)


def test_a_waiting_run_is_changed_and_the_draft_in_work_comes_back(visit, photo):
    tab = visit()
    _, waiting = fill(tab, photo, "a lamp")
    page = open_queue(tab)
    prompt = page.locator("#wb-prompt textarea")
    tab.fill("half a sen")

    page.get_by_role("button", name=f"Edit run {waiting}").click()
    page.get_by_role("heading", name=f"Editing run {waiting}").wait_for()
    assert prompt.input_value() == "a lamp"
    tab.fill("two lamps")
    page.get_by_role("radio", name="Walk").click()
    page.get_by_role("button", name="was push in").wait_for()
    page.get_by_role("button", name="Save changes").click()

    row(page, waiting).get_by_text("two lamps").wait_for()
    assert "Walk" in row(page, waiting).inner_text()
    page.get_by_role("heading", name="New run").wait_for()
    wait_until(lambda: prompt.input_value() == "half a sen", 60)
    page.wait_for_selector("[data-preset=push-in][aria-checked=true]")
    assert page.get_by_role("button", name="Generate").is_visible()

    page.get_by_role("button", name=f"Edit run {waiting}").click()
    page.get_by_role("button", name="Leave it as it was").click()
    wait_until(lambda: prompt.input_value() == "half a sen", 60)
    assert "two lamps" in row(page, waiting).inner_text()


@pytest.mark.slow
def test_a_run_that_starts_while_it_is_changed_can_become_a_new_one(visit, photo):
    tab = visit()
    first, waiting = fill(tab, photo, "slowly, a lamp")
    tab.cell(waiting).get_by_role("button", name=f"Edit run {waiting}").click()
    tab.page.get_by_role("heading", name=f"Editing run {waiting}").wait_for()
    tab.fill("two lamps")

    tab.cell(first).get_by_role("button", name=f"Cancel run {first}").click()

    refused = tab.page.locator("#wb-est").get_by_text("can be submitted as a new run")
    refused.wait_for()
    assert f"Run {waiting} has started." in tab.page.locator("#wb-est").inner_text()
    tab.page.get_by_role("button", name="Generate").click()
    child = tab.cell(waiting + 1)
    child.get_by_text("two lamps").wait_for()
    tab.cell(waiting + 1, "done").get_by_role("link", name=str(waiting), exact=True).wait_for()
    assert "slowly, a lamp" in tab.cell(waiting, "done").inner_text()


def test_a_run_is_doubled_put_first_and_removed(visit, photo):
    tab = visit()
    _, second, third = fill(tab, photo, "second", "third")
    page = open_queue(tab)

    page.get_by_role("button", name=f"More for run {second}").click()
    page.get_by_role("menuitem", name="Duplicate").click()
    ordered(page, second, third + 1, third)
    assert "second" in row(page, third + 1).inner_text()

    page.get_by_role("button", name=f"Run next run {third}").click()
    ordered(page, third, second, third + 1)
    assert row(page, third).get_by_role("button", name=f"Run next run {third}").count() == 0

    page.get_by_role("button", name=f"Remove run {second}").click()
    ordered(page, third, third + 1)
    ended(page, second).get_by_role("button", name=f"Run again run {second}").click()
    ordered(page, third, third + 1, second)


@pytest.mark.slow
def test_a_paused_queue_starts_nothing_until_it_goes_on(visit, photo):
    tab, other = visit(), visit()
    first, second = fill(tab, photo, "second")
    page = open_queue(tab)

    page.get_by_role("button", name="Pause").click()
    page.get_by_text("The queue is paused. What runs now is finished").wait_for()
    other.page.locator("#wb-book .queue").get_by_role("button", name="Go on").wait_for()
    page.get_by_role("button", name=f"Cancel run {first}").click()
    ended(page, first)

    row(page, second).get_by_text("Waits until the queue goes on.").wait_for()
    strip = other.page.locator("#wb-book .queue")
    strip.get_by_text("The queue is paused.").wait_for()
    assert other.cell(second, "queued").is_visible()
    strip.get_by_role("button", name="Go on").click()
    assert "second" in ended(page, second).inner_text()


def test_what_was_drawn_so_far_is_kept_and_plays(visit, photo):
    tab = visit()
    (first,) = fill(tab, photo)

    tab.cell(first).get_by_role("button", name=f"Stop and keep run {first}").click()

    done = tab.cell(first, "done")
    assert "stopped early at step 2 of 6" in done.locator(".facts").inner_text()
    assert plays(done)


def test_a_run_is_cancelled_from_the_queue(visit, photo):
    tab = visit()
    (first,) = fill(tab, photo)
    page = open_queue(tab)
    page.locator("#wb-queue-page").get_by_text("Rough preview, step 2").wait_for()

    page.get_by_role("button", name=f"Cancel run {first}").click()

    assert "Nothing was kept." in ended(page, first).inner_text()
    page.get_by_text("Nothing runs and nothing waits.").wait_for()


def test_a_failed_run_says_why_and_is_tried_with_a_shorter_clip(visit, photo):
    tab = visit()
    number = tab.generate(photo, "sentence")
    tab.cell(number, "failed")
    page = open_queue(tab)
    failed = ended(page, number)
    assert "Not enough memory" in failed.inner_text()
    failed.get_by_role("button", name=f"Log of run {number}").click()
    assert "NotEnoughMemoryError" in page.get_by_role("dialog").inner_text()
    page.keyboard.press("Escape")

    failed.get_by_role("button", name="Try 1 s").click()

    assert "1 s, seed" in ended(page, number + 1).inner_text()
    assert [int(text) for text in page.locator(".ended .num").all_text_contents()][:2] == [
        number + 1,
        number,
    ]


@pytest.mark.slow
def test_a_closed_tab_misses_nothing_and_another_browser_sees_the_same_at_once(visit, photo):
    tab = visit()
    first, second = fill(tab, photo, "second")
    before = tab.cell(first).locator(".rough").inner_text()
    tab.page.close()

    elsewhere = visit(width=390, height=844)
    running = elsewhere.cell(first, "running")
    assert running.locator(".rough").inner_text() == before
    assert running.get_by_text("Drawing, 2 of 6").is_visible()
    assert running.locator(".pic img").evaluate("i => i.complete && i.naturalWidth > 0")
    assert elsewhere.cell(second, "queued").get_by_text("next in line").is_visible()
    elsewhere.open()
    elsewhere.cell(first, "running").get_by_text("Drawing, 2 of 6").wait_for()


@pytest.mark.slow
def test_a_time_that_was_said_never_grows(visit, photo):
    tab = visit()
    tab.cell(tab.generate(photo, "slowly, once"), "done")
    number = tab.generate(photo, "slowly, twice")
    left = tab.cell(number, "running").locator(".cell-h [data-time=left]")

    said = []
    while now := left.all_text_contents():
        said += now
        tab.page.wait_for_timeout(100)
    seconds = [int(match[1]) for text in said if (match := re.search(r"about (\d+) s left", text))]

    assert len(set(seconds)) > 1
    assert seconds == sorted(seconds, reverse=True)


TIMES = """async () => {
  const times = await import(new URL("times.js", document.querySelector("link[href*=queue]").href));
  const run = (attempt, eta_s) => [{ id: "x", state: "running", attempt, eta_s }];
  const line = (...ids) => ids.map((id, at) => ({ id, eta_s: at ? 40 : 5 }));
  const say = (kind, id, runs, line, paused = false) => {
    times.hearTimes(runs, { paused, running: runs.length, line });
    return times.timeOf(kind, id).textContent;
  };
  return [
    say("left", "x", run(1, null), []),
    say("left", "x", run(1, 10), []),
    say("left", "x", run(1, 30), []),
    say("left", "x", run(1, 3), []),
    say("left", "x", run(2, 30), []),
    say("start", "a", run(2, 30), line("a")),
    say("start", "a", run(2, 30), line("b", "a")),
    say("start", "a", run(2, 30), line("b", "a"), true),
  ];
}"""


def test_a_time_grows_only_with_another_attempt_or_somebody_put_in_front(visit):
    assert visit().page.evaluate(TIMES) == [
        "estimating",
        "about 10 s left",
        "about 10 s left",
        "about 3 s left",
        "about 30 s left",
        "Starts in about 5 s.",
        "Starts in about 40 s.",
        "Waits until the queue goes on.",
    ]


NOTIFICATIONS = """
window.told = [];
window.Notification = class extends EventTarget {
  static permission = "default";
  static requestPermission() { this.permission = "granted"; return Promise.resolve("granted"); }
  constructor(title, options) { super(); told.push([title, options.body]); }
};
Object.defineProperty(document, "hidden", { get: () => window.away ?? false });
"""


@pytest.mark.slow
def test_the_browser_tells_of_an_end_only_if_asked_to_and_only_while_away(visit, photo):
    tab = visit()
    tab.page.add_init_script(NOTIFICATIONS)
    tab.open()
    page = tab.page
    page.evaluate("window.away = true")
    tab.cell(tab.generate(photo, "unasked"), "done")
    assert page.evaluate("told") == []

    open_queue(tab).get_by_role("button", name="Tell me when a run ends").click()
    page.get_by_role("button", name="You are told when a run ends").wait_for()
    page.get_by_role("link", name="Notebook").click()
    number = tab.generate(photo, "a lamp")
    tab.cell(number, "done")
    assert page.evaluate("told") == [[f"Run {number} is done", "a lamp"]]

    page.evaluate("window.away = false")
    tab.cell(tab.generate(photo, "in view"), "done")
    assert len(page.evaluate("told")) == 1
