"""The page's scripts and styles: real files, served under an address that names their content.

The address changes when any file does, so a browser may keep them for good. Gradio loads the
styles with its own; a `gr.HTML` loads its script by the snippet `mount` gives.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "static"
STYLES = (
    "tokens.css",
    "dark.css",
    "base.css",
    "gradio.css",
    "frame.css",
    "runs.css",
    "composer.css",
    "notebook.css",
    "book.css",
    "marks.css",
    "sweep.css",
    "queue.css",
    "gallery.css",
    "bundles.css",
    "runpage.css",
    "family.css",
    "compare.css",
    "settings.css",
    "share.css",
)
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@cache
def version() -> str:
    """A short hash of every file's name and content."""
    digest = hashlib.sha256()
    for file in sorted(FOLDER.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def find(name: str) -> tuple[Path, str] | None:
    """A static file and its media type; None for whatever is not one."""
    path = FOLDER / name
    media_type = MEDIA_TYPES.get(path.suffix)
    if media_type is None or path.name != name or not path.is_file():
        return None
    return path, media_type


def style_links() -> str:
    """The styles, for the head of the page."""
    folder = f"gradio_api/wm/static/{version()}"
    return "".join(f'<link rel="stylesheet" href="{folder}/{name}">' for name in STYLES)


def mount(function: str, *events: str) -> dict[str, Any]:
    """Arguments of a `gr.HTML` that `static/page.js` draws; `events` are what it may trigger."""
    return {
        "html_template": "",
        "apply_default_css": False,
        "elem_classes": "wb",
        "js_on_load": (
            f'import(new URL("gradio_api/wm/static/{version()}/page.js", document.baseURI).href)'
            f".then((page) => page.{function}"
            f"({{ element, props, trigger, watch, events: {list(events)!r} }}));"
        ),
    }
