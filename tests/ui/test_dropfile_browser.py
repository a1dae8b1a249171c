"""A person drops files on the page, or chooses one: each becomes what it can be."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sanawm.video import write_mp4

pytestmark = pytest.mark.browser
DROP = """([name, bytes, type]) => {
  const data = Uint8Array.from(atob(bytes), (sign) => sign.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([data], name, { type }));
  const send = (kind) => document.body.dispatchEvent(
    new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
  send("dragenter");
  const said = document.querySelector("#wb-drop")?.textContent;
  send("drop");
  return said;
}"""


@pytest.fixture
def video(tmp_path):
    """A video as this program writes one, of a run that was made elsewhere."""
    request = {
        "prompt": "a hall <b>from a file",
        "camera_path": {"source": {"kind": "actions", "actions": "w-4,dw-4"}},
        "num_frames": 9,
        "seed": 4242,
        "num_inference_steps": 3,
        "guidance_scale": 1.0,
        "image_sha256": "f" * 64,
    }
    shades = [np.full((96, 160, 3), shade, np.uint8) for shade in (40, 80, 120)]
    write_mp4(shades, tmp_path / "clip.mp4", 8, {"schema": "wanderbook.run/1", "request": request})
    return tmp_path / "clip.mp4"


def drop(page, name, content, kind=""):
    return page.evaluate(DROP, [name, base64.b64encode(content).decode(), kind])


def form(page):
    fields = ("#wb-prompt textarea", "#wb-actions", "#wb-seed :is(input, textarea)")
    return [page.locator(field).first.input_value() for field in fields]


@pytest.mark.slow
def test_files_become_drafts_and_what_was_in_work_comes_back(visit, video, photo):
    tab = visit()
    page = tab.page
    tab.fill("my own words")

    page.evaluate("location.hash = '#/gallery'")
    assert "Let go to use this file" in drop(page, "clip.mp4", video.read_bytes())
    page.locator("#wb-first-frame .ff .pic img").wait_for()
    page.get_by_text("The first frame is that of the video").wait_for()
    assert form(page) == ["a hall <b>from a file", "w-4,dw-4", "4242"]
    assert page.locator("#wb-drop").count() == 0
    assert page.evaluate("location.hash") == "#/"

    page.get_by_role("button", name="Bring it back").click()
    page.wait_for_function("document.querySelector('#wb-prompt textarea').value === 'my own words'")
    drop(page, "notes.mp4", b"just words")
    page.get_by_text("notes.mp4 is no video, recipe, bundle or picture").wait_for()
    assert form(page)[0] == "my own words"

    page.get_by_label("Start a run from a file").set_input_files(video)  # the same by the keyboard
    page.wait_for_function(
        "document.querySelector('#wb-prompt textarea').value.startsWith('a hall')"
    )
    page.locator("#wb-generate:not([disabled])").click()
    assert "w-4,dw-4" in tab.cell(1, "done").inner_text()
    tab.cell(1, "done").get_by_role("button", name="Remix").click()
    page.get_by_role("button", name="Start clean").wait_for()
    chooser = page.get_by_label("Start a run from a file")
    chooser.focus()
    assert chooser.evaluate("input => input === document.activeElement")
    assert not tab.complaints
    assert not tab.foreign


@pytest.mark.slow
def test_a_picture_of_a_peer_is_the_first_frame_and_offers_its_recipe(visit):
    tab = visit()
    page = tab.page
    tab.fill("my own words")
    texts, file = PngInfo(), io.BytesIO()
    texts.add_text(
        "parameters", "a lighthouse\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 99"
    )
    Image.new("RGB", (320, 192), "teal").save(file, "PNG", pnginfo=texts)

    drop(page, "lighthouse.png", file.getvalue(), "image/png")
    page.locator("#wb-first-frame .ff .pic img").wait_for()
    assert form(page)[0] == "my own words"
    page.get_by_role("button", name="Use its prompt and settings").click()
    page.wait_for_function("document.querySelector('#wb-prompt textarea').value === 'a lighthouse'")
    assert form(page)[2] == "99"
    page.get_by_role("button", name="Bring it back").click()
    page.wait_for_function("document.querySelector('#wb-prompt textarea').value === 'my own words'")
    assert tab.complaints == []
