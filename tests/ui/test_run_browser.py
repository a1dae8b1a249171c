"""A run's own page: playing, using its fields, going on from a frame, its family, a repetition."""

import json

import pytest
from browsing import wait_until
from made_runs import MadeRuns, first_runs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
HOSTILE = '<img src=x onerror="document.title=1"> a lamp'


@pytest.fixture(scope="module")
def notebook(app):
    runs = MadeRuns(app.url)
    yield runs
    runs.http.close()


@pytest.fixture(scope="module")
def first(app, browser, notebook, tmp_path_factory):
    """The first run of the notebook, which all others come from."""
    [run] = first_runs(app, browser, notebook, tmp_path_factory.mktemp("photo"), HOSTILE)
    return run


@pytest.fixture
def look(visit):
    """Open a view of the page."""

    def look(address, **options):
        tab = visit(**options)
        tab.page.goto(f"{tab.url}/#/{address}")
        return tab, tab.page

    return look


def frame(page):
    return page.locator("#wb-run .count").inner_text()


def test_a_run_is_shown_in_full_and_stepped_through_by_keys(look, first):
    _, page = look(f"run/{first['id']}")
    view = page.locator("#wb-run")
    view.get_by_role("heading", name="From the command line").wait_for()

    assert view.locator("h1").inner_text() == HOSTILE
    assert page.title() == f"Run {first['number']} · Wanderbook"
    for words in (
        "17 frames, 2 s at 8 fps",
        "c2w.npz",
        "run.json",
        "--preset push-in",
        "Push in, ",
    ):
        assert words in view.inner_text()
    view.locator("h1").focus()
    for key in (".", ".", ".", ","):
        page.keyboard.press(key)
    assert frame(page) == "frame 3 of 17"
    video = view.locator("video")
    wait_until(lambda: 2 / 8 <= video.evaluate("v => v.currentTime") < 3 / 8, 30)
    assert view.get_by_role("button", name="Continue from frame 3").is_visible()
    page.keyboard.press("Enter")
    wait_until(lambda: int(frame(page).split()[1]) > 5, 60)
    video.evaluate("v => v.pause()")  # as a media key does
    view.get_by_role("button", name="Play", exact=True).wait_for()
    video.evaluate("v => v.play()")
    view.get_by_role("button", name="Pause", exact=True).wait_for()
    page.keyboard.press("Enter")
    assert view.get_by_role("button", name="Play", exact=True).is_visible()
    view.get_by_label("Position").focus()
    page.keyboard.press("End")
    assert frame(page) == "frame 17 of 17"
    assert view.locator(".time").inner_text() == "2 of 2 s"

    with page.expect_download() as download:
        view.get_by_role("link", name="Download run.json").click()
    assert json.loads(download.value.path().read_text())["prompt"] == HOSTILE
    with page.expect_download() as picture:
        view.get_by_role("button", name="Save this frame").click()
    assert picture.value.suggested_filename.endswith("-frame-17.png")
    page.keyboard.press("r")
    page.locator("#wb-head").get_by_text(f"remix of {first['number']}").wait_for()


def test_fields_are_used_one_by_one_and_the_rest_of_the_draft_stays(look, first):
    tab, page = look("")
    prompt, seed = page.locator("#wb-prompt textarea"), page.locator("#wb-seed input")
    tab.fill("half a sentence of my own")
    page.get_by_role("radio", name="Truck left").click()
    page.goto(f"{tab.url}/#/run/{first['id']}")
    box = page.locator("#wb-run .usebox")
    for name in ("Prompt", "Camera path", "Settings"):
        box.get_by_label(name).uncheck()
    box.get_by_label("Seed").check()
    box.get_by_role("button", name="Use 2 fields").click()

    page.locator("#wb-head").get_by_text(f"remix of {first['number']}").wait_for()
    page.wait_for_selector("#wb-first-frame .ff img")
    assert prompt.input_value() == "half a sentence of my own"
    assert seed.input_value() == dict(first["facts"])["Seed"]
    page.wait_for_selector("[data-preset=truck-left][aria-checked=true]")
    assert page.get_by_role("button", name="was push in").is_visible()
    page.get_by_text("Your draft now has 2 fields").wait_for()
    page.get_by_role("button", name="Undo").click()
    wait_until(lambda: seed.input_value() == "", 60)
    assert prompt.input_value() == "half a sentence of my own"


def test_a_run_goes_on_from_a_frame_and_the_chain_plays_as_one(look, notebook, first):
    tab, page = look(f"run/{first['id']}")
    page.locator("#wb-run .scrub").focus()
    page.keyboard.press("End")
    page.keyboard.press(",")
    page.get_by_role("button", name="Continue from frame 16").press("Enter")
    head, line = page.locator("#wb-head .was-of"), page.locator("#wb-camera .goes-on")
    head.get_by_text("from frame 16").wait_for()
    page.get_by_role("radio", name="Orbit left").click()
    page.wait_for_selector("[data-preset=orbit-left][aria-checked=true]")
    assert f"speed and tilt of run {first['number']}" in line.inner_text()
    known = {run["id"] for run in notebook.all()}
    page.locator("#wb-generate:not([disabled])").click()
    new = wait_until(lambda: {run["id"] for run in notebook.all()} - known, 60).pop()
    run = notebook.done(new)
    assert run["relation"] == {
        "text": "continues",
        "id": first["id"],
        "number": first["number"],
        "frame": 16,
    }

    line.get_by_role("button", name="Start at rest").click()
    head.get_by_text("remix of").wait_for()
    page.goto(f"{tab.url}/#/run/{new}")
    view = page.locator("#wb-run")
    view.get_by_role("button", name="Play the whole chain (2 runs, 4 s)").click()
    view.get_by_text("as one video").wait_for()
    assert frame(page).endswith("of 32")  # fifteen of the first, whose sixteenth begins the second
    video = view.locator("video")
    wait_until(lambda: video.evaluate("v => v.duration"), 60)
    assert video.evaluate("v => v.duration") == pytest.approx(32 / 8, abs=0.05)
    view.get_by_role("button", name="Back to this run alone").click()
    assert frame(page).endswith("of 17")
    with page.expect_download() as download:
        view.get_by_role("button", name="Download as one file").click()
    assert download.value.suggested_filename.endswith(f"-to-{run['number']}.mp4")
    assert f"run {first['number']} from frame 16" in view.locator(".side").inner_text()


def test_the_family_is_walked_by_arrow_keys_and_two_of_it_compared(look, notebook, first):
    child = notebook.make(first["id"])
    grandchild = notebook.make(child["id"])
    _, page = look(f"family/{child['id']}")
    here = page.get_by_role("link", name=f"Run {child['number']}, this run")
    here.focus()
    focused = "document.activeElement.getAttribute('aria-label')"

    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == f"Run {grandchild['number']}"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(focused) == f"Run {first['number']}"
    page.keyboard.press("c")
    page.get_by_text("Press C on another run").wait_for()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("c")
    page.get_by_role("heading", name=f"Run {first['number']} beside run").wait_for()
    page.go_back()
    here.focus()
    page.keyboard.press("Enter")
    page.locator("#wb-run").get_by_role("heading", name="How it went").wait_for()
    page.locator("#wb-run .kin .tree .plus").last.click()
    page.locator("#wb-head").get_by_text("remix of").wait_for()
    assert page.title() == "Wanderbook"


@pytest.mark.slow
def test_a_run_that_is_made_again_says_whether_it_is_identical(look, first):
    _, page = look(f"run/{first['id']}")
    page.get_by_role("button", name="Reproduce").click()

    told = page.locator("#wb-run .check")
    told.get_by_text(f"Identical to run {first['number']}, all 17 frames.").wait_for()
    told.get_by_role("link").first.click()
    page.locator("#wb-run .side").get_by_text("Check of").wait_for()
    assert page.locator("#wb-run .check.same").is_visible()


@pytest.mark.slow
def test_a_run_in_the_making_turns_into_its_video_without_a_reload(look, notebook, first, photo):
    tab, page = look("")
    number = tab.generate(photo, "slowly, a lamp")
    run = next(one for one in notebook.all() if one["number"] == number)
    page.goto(f"{tab.url}/#/run/{run['id']}")
    view = page.locator("#wb-run")
    view.get_by_text("Rough preview, step").wait_for()
    assert view.get_by_role("button", name="Cancel").is_visible()
    view.locator("video").wait_for(state="attached")
    assert view.get_by_role("heading", name="Files").is_visible()
    page.goto(f"{tab.url}/#/run/01NOTHING")
    view.get_by_role("heading", name="No such run").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_width_scrolls_sideways(look, notebook, first, scheme):
    other = notebook.make(first["id"])
    both = f"{first['id']},{other['id']}"
    places = (f"run/{first['id']}", f"family/{first['id']}", f"compare/{both}", "compare")
    for place in places:
        tab, page = look(place, color_scheme=scheme)
        page.locator(
            "#wb-run .files, #wb-family .tree, #wb-compare .tbl, #wb-compare .tile"
        ).first.wait_for()
        for width in (360, 390, 820, 1024, 1280, 1600):
            page.set_viewport_size({"width": width, "height": 900})
            assert not tab.scrolls_sideways(), (place, width)
