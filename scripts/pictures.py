"""The pictures of the README: `python scripts/pictures.py`, made by the app itself.

Starts the app on an empty data folder, generates a few runs with the bundled model through the
page, and writes docs/images/page.webp (the page as it then is) and docs/images/clip.webp (the
newest video, enlarged and smoothed as the page shows it). Needs the development tools.
"""

import io
import tempfile
from pathlib import Path

import av
import live_page
from PIL import Image
from playwright.sync_api import Page

ROOT = live_page.ROOT
IMAGES = ROOT / "docs/images"
RUNS = ((2, "orbit-left"), (0, "push-in"))  # example and preset; the last one is the clip
SEED = "7"
SHOWN_AT = 1 / 3  # of the newest video
CLIP_WIDTH = 480
PAGE_WIDTH = 1280


def make_runs(page: Page) -> bytes:
    """Generate every run; the mp4 of the last."""
    for example, preset in RUNS:
        live_page.take_example(page, example)
        page.locator(f"[data-preset={preset}]").click()
        page.locator("#wb-seed input").fill(SEED)
        cell = live_page.generate(page)
    address = cell.locator("video").evaluate("video => video.currentSrc")
    return bytes(page.request.get(address).body())


def save_page(page: Page) -> None:
    """The page from its top, at the size of a laptop's window."""
    newest = page.locator("article.cell video").first
    newest.evaluate(
        f"video => {{ video.pause(); video.currentTime = video.duration * {SHOWN_AT} }}"
    )
    page.wait_for_function("video => !video.seeking", arg=newest.element_handle())
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    height = round(picture.height * PAGE_WIDTH / picture.width)
    picture.resize((PAGE_WIDTH, height), Image.Resampling.LANCZOS).save(
        IMAGES / "page.webp", quality=88, method=6
    )


def save_clip(mp4: bytes) -> None:
    """The video as an animated picture that any page can show."""
    with av.open(io.BytesIO(mp4)) as video:
        rate = video.streams.video[0].average_rate
        frames = [frame.to_image() for frame in video.decode(video=0)]
    height = round(frames[0].height * CLIP_WIDTH / frames[0].width)
    first, *rest = [
        frame.resize((CLIP_WIDTH, height), Image.Resampling.BICUBIC) for frame in frames
    ]
    first.save(
        IMAGES / "clip.webp",
        save_all=True,
        append_images=rest,
        duration=round(1000 / rate),
        loop=0,
        quality=72,
        method=6,
    )


def main() -> None:
    """Make both pictures anew."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        live_page.notebook(Path(folder)) as address,
        live_page.look_at(address) as page,
    ):
        mp4 = make_runs(page)
        save_page(page)
    save_clip(mp4)
    for path in sorted(IMAGES.glob("*.webp")):
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
