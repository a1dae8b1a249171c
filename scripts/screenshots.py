"""Every view of the page, photographed: `python scripts/screenshots.py --out FOLDER`.

Starts the app on made-up notebooks of 0, 3 and 200 runs and takes each view at two widths, light
and dark. Beside the single pictures, named `200-gallery-1280-dark.png`, FOLDER gets a contact sheet
for every notebook, width and theme, `sheet-200-1280-dark.png`. Needs the development tools.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import live_page
import seed_notebook
from PIL import Image, ImageDraw
from playwright.sync_api import Page
from sqlalchemy import func, select

from storage.database import Database
from storage.tables import Notebook, Run

NOTEBOOKS = (0, 3, 200)  # runs
SIZES = ((1280, 1000), (390, 1000))  # CSS pixels; twice as many are taken
THEMES = ("light", "dark")
SILENCE_S = 1.2  # after which pictures and cells are there
COLUMNS = {1280: 3, 390: 8}
THUMB_WIDTH = {1280: 900, 390: 390}
LABEL = 28  # pixels of a contact sheet above each picture

Views = dict[str, str]  # a name for the file, and the address's hash


def views_of(data: Path) -> Views:
    """Every view there is something to see in."""
    database = Database.open(data)
    with database.read() as session:
        done = select(Run.id).where(Run.state == "done", Run.deleted_at.is_(None))
        runs = session.scalars(done.order_by(Run.id.desc())).all()
        family = session.scalar(
            select(Run.root_id).group_by(Run.root_id).order_by(func.count().desc()).limit(1)
        )
        failed = session.scalar(select(Run.id).where(Run.state == "failed").limit(1))
        continued = session.scalar(select(Run.id).where(Run.relation == "extend").limit(1))
        notebook = session.scalar(select(Notebook.id).where(Notebook.id != "inbox").limit(1))
    database.close()
    views = {"notebook": "#/", "gallery": "#/gallery", "queue": "#/queue", "settings": "#/settings"}
    if runs:
        views |= {"run": f"#/run/{runs[0]}", "family": f"#/family/{family}"}
    if failed:
        views["failed"] = f"#/run/{failed}"
    if continued:
        views["continued"] = f"#/run/{continued}"
    if notebook:
        views["second-notebook"] = f"#/n/{notebook}"
        views["search"] = f"#/gallery?q={quote('rating:>=3 sphere')}"
    views["nothing-found"] = f"#/gallery?q={quote('elephant')}"
    views["trash"] = f"#/gallery?q={quote('is:trash')}"
    views["compare"] = f"#/compare/{','.join(runs[:3])}"
    views["missing"] = "#/run/01AAAAAAAAAAAAAAAAAAAAAAAA"
    return views


def photograph(page: Page, address: str, view: str, file: Path) -> None:
    """One view as it is once nothing loads any more."""
    page.goto("about:blank")  # so that nothing is left of another view
    page.goto(f"{address}/{view}", wait_until="load")
    page.locator("body[data-wb-view]").wait_for()
    wait_for_silence(page)
    page.mouse.move(0, 0)
    page.screenshot(path=file)


def wait_for_silence(page: Page, seconds: float = SILENCE_S) -> None:
    """Until no file and no answer has come for so long."""
    heard = [time.monotonic()]

    def listen(_: object) -> None:
        heard[0] = time.monotonic()

    page.on("response", listen)
    while time.monotonic() - heard[0] < seconds:
        page.wait_for_timeout(100)
    page.remove_listener("response", listen)


def photograph_all(address: str, views: Views, runs: int, out: Path) -> Iterator[Path]:
    """Every view at every size and theme; the contact sheets."""
    for width, height in SIZES:
        for theme in THEMES:
            dark = theme == "dark"
            with live_page.look_at(address, width=width, height=height, dark=dark) as page:
                files = []
                for name, view in views.items():
                    file = out / f"{runs}-{name}-{width}-{theme}.png"
                    photograph(page, address, view, file)
                    files.append(file)
            yield contact_sheet(files, width, out / f"sheet-{runs}-{width}-{theme}.png")


def contact_sheet(files: Sequence[Path], width: int, sheet: Path) -> Path:
    """The pictures beside one another, small, each under its name."""
    small = []
    for file in files:
        picture = Image.open(file).convert("RGB")
        scale = THUMB_WIDTH[width] / picture.width
        size = (THUMB_WIDTH[width], round(picture.height * scale))
        small.append((file.stem, picture.resize(size, Image.Resampling.LANCZOS)))
    columns = COLUMNS[width]
    cell = (THUMB_WIDTH[width] + 8, small[0][1].height + LABEL)
    rows = -(-len(small) // columns)
    page = Image.new("RGB", (cell[0] * columns, cell[1] * rows), "grey")
    draw = ImageDraw.Draw(page)
    for index, (name, picture) in enumerate(small):
        left, top = index % columns * cell[0], index // columns * cell[1]
        draw.text((left + 4, top + 6), name, "white", font_size=18)
        page.paste(picture, (left, top + LABEL))
    page.save(sheet)
    return sheet


def main() -> None:
    """Make every picture anew."""
    parser = argparse.ArgumentParser(description="Photograph every view of the page.")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--runs", type=int, nargs="+", default=NOTEBOOKS, help="of each notebook")
    options = parser.parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    for runs in options.runs:
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder)
            database = Database.open(data)
            if runs:
                seed_notebook.seed(database, runs)
            database.close()
            with live_page.notebook(data) as address:
                for sheet in photograph_all(address, views_of(data), runs, out):
                    print(sheet)


if __name__ == "__main__":
    main()
