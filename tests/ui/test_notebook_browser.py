"""Notebooks as people use them: made, written in, put in order, folded, shared out, taken back."""

import httpx
import pytest
from browsing import wait_until
from queue_view import VISITOR, WM

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
TITLE = "Slow turns in small rooms"
ABOUT = "How far can a camera turn before the room forgets itself?"
WORDS = "# Inside, where walls help\n\nBricks give it a **grid**. <b>Not bold</b>"


@pytest.fixture(scope="module", autouse=True)
def _inbox_is_in_use(app):
    """The first page of all, which teaches, has no other notebooks."""
    text = {"kind": "text", "text": "In use", "above": ""}
    httpx.post(f"{app.url}/{WM}/books/inbox/cells", json=text, headers=VISITOR).raise_for_status()


def new_notebook(page, title):
    page.get_by_role("button", name="Notebooks").click()
    page.get_by_role("menuitem", name="New notebook").click()
    page.get_by_label("Title of the notebook").fill(title)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=title).wait_for()


def open_notebook(page, title):
    page.get_by_role("button", name="Notebooks").click()
    page.get_by_role("menuitemradio", name=title).click()
    page.get_by_role("heading", name=title, exact=True).wait_for()


def more(page, act, name="More for this notebook"):
    page.get_by_role("button", name=name, exact=True).click()
    page.get_by_role("menuitem", name=act).click()


def write(page, text):
    more(page, "Write a text")
    page.get_by_role("textbox", name="Text").fill(text)
    page.keyboard.press("Control+Enter")
    page.get_by_role("textbox", name="Text").wait_for(state="detached")


CELLS = """cells => cells.map(cell => cell.querySelector(".num")
  ? Number(cell.querySelector(".num").textContent) : cell.dataset.kind)"""


def order(page):
    """The cells as displayed: runs by number, others by kind."""
    return page.locator("#wb-book .cells .cell").evaluate_all(CELLS)


def ordered(pages, *cells):
    """Wait until each of the tabs shows these cells."""
    for page in pages:
        wait_until(lambda page=page: order(page) == list(cells), 60)


def drag(page, cell, below):
    """Take a cell by its handle and let it go in the lower half of another one."""
    page.evaluate("scrollTo(0, 0)")
    cell.hover()
    grip = cell.locator(".grip").bounding_box()
    page.mouse.move(grip["x"] + 9, grip["y"] + 9)
    page.mouse.down()
    goal = below.bounding_box()
    page.mouse.move(goal["x"] + 20, goal["y"] + goal["height"] * 0.8, steps=6)
    assert page.locator(".drop-line").count() == 1
    page.mouse.up()


PLACE = """cell => {
  const outer = cell.getBoundingClientRect();
  const { left, top, width, height } = cell.querySelector(".out .pic").getBoundingClientRect();
  return [left - outer.left, top - outer.top, width, height];
}"""


def place_of_picture(cell):
    """Where in its cell the picture is, and how large."""
    return cell.evaluate(PLACE)


def fill(tab, photo):
    """A notebook with a title, a description and two runs; their numbers."""
    page = tab.page
    new_notebook(page, TITLE)
    page.get_by_text("Then a video, kept here.").wait_for()
    page.get_by_role("button", name="Describe this notebook").click()
    page.get_by_label("Description of the notebook").fill(ABOUT)
    page.keyboard.press("Control+Enter")
    second = tab.generate(photo, "forever")
    box = place_of_picture(tab.cell(second, "running"))
    page.get_by_role("button", name=f"Stop and keep run {second}").click()
    assert place_of_picture(tab.cell(second, "done")) == box
    third = tab.generate(photo, "three lamps")
    tab.cell(third, "done")
    return second, third


def compare(page, mirror, *numbers):
    """Put runs side by side; another tab shows what differs between them."""
    more(page, "Compare…")
    for number in numbers:
        page.get_by_role("checkbox", name=f"Run {number}").check()
    page.get_by_role("button", name="Put side by side").click()
    compared = mirror.get_by_role("article", name="Comparison")
    compared.wait_for()
    assert "stopped early" in compared.inner_text()
    assert "Model" not in compared.inner_text()  # it is the same
    link = compared.get_by_role("link", name="Compare").get_attribute("href")
    assert link.startswith("#/compare/")


def test_a_notebook_is_filled_put_in_order_and_taken_back_in_every_tab(visit, photo):
    tab, other = visit(), visit()
    page, mirror = tab.page, other.page
    second, third = fill(tab, photo)

    open_notebook(mirror, TITLE)
    ordered([page, mirror], third, second)
    mirror.get_by_text(ABOUT).wait_for()
    write(page, WORDS)
    ordered([page, mirror], "text", third, second)
    text = page.get_by_role("article", name="Text")
    text.get_by_role("heading", name="Inside, where walls help").wait_for()
    assert "<b>Not bold</b>" in text.inner_text()
    assert text.locator("strong").inner_text() == "grid"

    drag(page, text, below=page.get_by_role("article", name=f"Run {third}"))
    ordered([page, mirror], third, "text", second)
    page.get_by_role("button", name="Undo").click()
    ordered([page, mirror], "text", third, second)
    page.get_by_role("article", name=f"Run {third}").get_by_role("button", name="Fold").click()
    mirror.get_by_role("button", name=f"Unfold run {third}").first.wait_for()

    compare(page, mirror, second, third)
    ordered([page, mirror], "compare", "text", third, second)
    more(page, "Show newest last")
    ordered([page, mirror], second, third, "text", "compare")
    page.get_by_role("button", name="Outline").click()
    outline = page.get_by_role("menu", name="Outline")
    assert "Inside, where walls help" in outline.inner_text()
    outline.get_by_role("menuitem", name="three lamps").click()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == f"Run {third}"

    page.reload()
    ordered([page, mirror], second, third, "text", "compare")
    assert page.get_by_role("heading", level=1).inner_text() == TITLE
    assert page.get_by_role("button", name=f"Unfold run {third}").count() > 0


@pytest.mark.slow
def test_a_run_in_several_notebooks_and_everything_removed_comes_back(visit, photo):
    tab = visit()
    page = tab.page
    new_notebook(page, "One")
    number = tab.generate(photo, "a lamp")
    tab.cell(number, "done")
    new_notebook(page, "Other")
    open_notebook(page, "One")

    menu = f"More for run {number}"
    tab.cell(number, "done")
    more(page, "Also show in…", menu)
    page.get_by_role("menuitem", name="Other").click()
    page.get_by_text(f"Run {number} is in Other, too").wait_for()
    more(page, "Also show in…", menu)
    page.get_by_role("menuitem", name="Other").click()
    page.get_by_text("That notebook shows this run already.").wait_for()
    more(page, "Remove from this notebook", menu)
    ordered([page])
    open_notebook(page, "Other")
    ordered([page], number)

    page.get_by_role("article", name=f"Run {number}").focus()
    page.keyboard.press("Control+z")
    open_notebook(page, "One")
    ordered([page], number)
    write(page, "A few words")
    more(page, "Move to…", "Text, more")
    page.get_by_role("menuitem", name="Other").click()
    ordered([page], number)
    page.get_by_text("Text moved to Other").wait_for()
    page.keyboard.press("Control+z")
    ordered([page], "text", number)

    more(page, "Move to the trash", menu)
    ordered([page], "text")
    page.locator(".toast").filter(has_text="trash").get_by_role("button", name="Undo").click()
    ordered([page], "text", number)
    more(page, "Delete this notebook")
    page.get_by_role("heading", name="Inbox").wait_for()
    page.locator(".toast").filter(has_text="deleted").get_by_role("button", name="Undo").click()
    page.get_by_role("heading", name="One").wait_for()
    ordered([page], "text", number)


def fill_by_keys(tab, photo):
    """A notebook with two runs, made without a pointer; their numbers."""
    page, keys = tab.page, tab.page.keyboard
    page.get_by_role("button", name="Notebooks").focus()
    for key in ("Enter", "End", "Enter"):
        keys.press(key)
    page.get_by_label("Title of the notebook").wait_for()
    keys.type("By keys")
    keys.press("Enter")
    page.get_by_role("heading", name="By keys").wait_for()
    first = tab.generate(photo, "a lamp")
    tab.cell(first, "done")
    second = tab.generate(photo, "two lamps")
    tab.cell(second, "done")
    return first, second


def test_the_keyboard_is_enough_for_a_notebook(visit, photo):
    tab = visit()
    page, keys = tab.page, tab.page.keyboard
    first, second = fill_by_keys(tab, photo)

    page.get_by_role("toolbar", name="Insert here").first.get_by_role("button").first.focus()
    keys.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "Sweep"
    keys.press("ArrowLeft")
    keys.press("Enter")
    keys.type("Some wrods")
    keys.press("Control+Enter")
    ordered([page], "text", second, first)
    keys.press("e")
    page.get_by_role("textbox", name="Text").fill("Nothing of this")
    keys.press("Escape")
    page.get_by_text("Some wrods").wait_for()
    keys.press("Enter")
    assert page.get_by_role("textbox", name="Text").input_value() == "Some wrods"
    page.get_by_role("textbox", name="Text").fill("Some words")
    keys.press("Control+Enter")
    page.get_by_role("article", name="Text").get_by_text("Some words").wait_for()
    keys.press("e")
    assert page.get_by_role("textbox", name="Text").input_value() == "Some words"
    keys.press("Escape")

    for key in ("Alt+ArrowDown", "Alt+ArrowDown", "Alt+ArrowUp"):
        keys.press(key)
    ordered([page], second, "text", first)
    assert page.locator("#wb-announce").inner_text() == "Text is now 2 of 3."
    keys.press("k")
    assert page.evaluate("document.activeElement.id").startswith("run-")
    keys.press("j")
    assert page.evaluate("document.activeElement.dataset.kind") == "text"
    page.get_by_role("button", name="Text, more").focus()
    keys.press("Enter")
    page.wait_for_function("document.activeElement.role === 'menuitem'")
    for key in ("End", "Enter"):  # the last act takes it out
        keys.press(key)
    ordered([page], second, first)
    keys.press("Control+z")
    ordered([page], second, "text", first)
    keys.press("Control+z")
    ordered([page], "text", second, first)  # three moves of one cell are one step


@pytest.mark.slow
def test_a_phone_shows_every_kind_of_cell_and_moves_them_by_their_menu(visit, photo):
    tab = visit(width=390, height=844, has_touch=True, color_scheme="dark")
    page = tab.page
    new_notebook(page, "A phone, held upright, with a title that needs more than one line")
    for prompt in ("a lamp", "two lamps"):
        page.get_by_role("button", name="New run").last.click()
        number = tab.generate(photo, prompt)
        tab.cell(number, "done")
    write(page, WORDS)
    more(page, "Compare…")
    for box in page.get_by_role("checkbox", name="Run").all()[:2]:
        box.check()
    page.get_by_role("button", name="Put side by side").click()
    ordered([page], "compare", "text", number, number - 1)

    more(page, "Move down", "Text, more")
    ordered([page], "compare", number, "text", number - 1)
    more(page, "Fold to one line", f"More for run {number}")
    page.get_by_role("button", name=f"Unfold run {number}").first.wait_for()
    assert not tab.scrolls_sideways()
