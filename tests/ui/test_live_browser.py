"""A video that is watched while it is made, in the notebook and on its page."""

import pytest
from browsing import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
NO_MEDIA_SOURCE = "delete window.MediaSource; delete window.ManagedMediaSource"


def moment(video):
    return video.evaluate("v => v.currentTime")


def test_a_run_in_parts_plays_while_it_is_made_and_is_stopped_and_kept(visit, photo):
    tab = visit()
    page = tab.page
    number = tab.generate(photo, "in parts, a lamp")
    cell = tab.cell(number, "running")
    video = cell.locator(".pic video")
    video.wait_for()
    wait_until(lambda: moment(video) > 0.2, 60)
    assert cell.get_attribute("data-state") == "running"
    cell.get_by_text("so far").wait_for()
    cell.get_by_text("Drawing, part 3 of 4").wait_for()  # it waits there
    wait_until(lambda: moment(video) > 0.6, 60)  # the second part follows without a gap
    size = video.bounding_box()

    late = visit()  # whoever comes later sees it from its beginning
    late_video = late.cell(number, "running").locator(".pic video")
    late_video.wait_for()
    wait_until(lambda: moment(late_video) > 0.2, 60)

    face = cell.get_by_role("button", name="Pause the video that is being made")
    face.focus()
    page.keyboard.press("Enter")
    cell.get_by_role("button", name="Play the video that is being made").wait_for()
    cell.get_by_text("so far, paused").wait_for()

    cell.get_by_role("button", name="Stop and keep").click()
    done = tab.cell(number, "done")
    done.get_by_text("8 frames").wait_for()
    assert done.locator(".pic").first.bounding_box()["width"] == pytest.approx(size["width"], abs=1)
    assert late.cell(number, "done").locator("video").count() <= 1
    assert tab.complaints == late.complaints == []


def test_on_its_page_the_finished_video_goes_on_where_one_was(visit, photo):
    tab = visit()
    view = tab.page.locator("#wb-run")
    number = tab.generate(photo, "in parts, watched to its end")
    tab.cell(number, "running").get_by_role("link", name=f"Run {number}").click()
    view.locator(".pic video").wait_for()
    wait_until(lambda: moment(view.locator(".pic video")) > 0.6, 60)
    view.get_by_role("button", name="Pause the video that is being made").click()
    view.get_by_role("button", name="Stop and keep").click()
    view.get_by_role("button", name="Continue from frame").wait_for()
    assert int(view.locator(".transport .count").inner_text().split()[1]) >= 5
    view.get_by_role("button", name="Play", exact=True).wait_for()
    assert tab.complaints == []


def test_a_browser_that_cannot_play_it_shows_previews(visit, photo):
    tab = visit()
    tab.context.add_init_script(NO_MEDIA_SOURCE)
    tab.open()
    number = tab.generate(photo, "in parts, seen roughly")
    cell = tab.cell(number, "running")
    cell.get_by_text("Rough preview, step").wait_for()
    assert cell.locator("video").count() == 0
    cell.get_by_role("button", name="Stop and keep").click()
    tab.cell(number, "done")
    assert tab.complaints == []
