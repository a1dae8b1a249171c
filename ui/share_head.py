"""What chats and social networks read of a shared page: OpenGraph and the like in its head.

Addresses are absolute, as crawlers ask for, and the picture is a JPEG, which all of them take.
"""

from typing import Any

from studio.views import RunView
from ui.markup import Markup, el
from ui.share_parts import POSTER, VIDEO, Page, made_line, short
from ui.words import length

SITE = "Wanderbook"


def about_run(page: Page, run: RunView, name: str) -> list[Markup]:
    """One run: a video that can be played where the link is shown."""
    does = f"{run.path_label}, " if page.shared.with_recipe else ""
    words = f"{does}{length(run.num_frames, run.fps)}. {made_line(run, page.terms(run)[1])}"
    size = {"width": run.width, "height": run.height}
    video, embed = _absolute(page, run, VIDEO), f"{page.base}/gradio_api/wm/embed/"
    return [
        *_about(page, "video.other", name, words, run),
        _property("og:video", video),
        _property("og:video:secure_url", video) if video.startswith("https:") else Markup(),
        _property("og:video:type", "video/mp4"),
        *(_property(f"og:video:{side}", pixels) for side, pixels in size.items()),
        meta("twitter:card", "player"),
        meta("twitter:player", f"{embed}{page.shared.token}"),
        *(meta(f"twitter:player:{side}", pixels) for side, pixels in size.items()),
    ]


def about_notebook(page: Page, words: str) -> list[Markup]:
    """A notebook: the picture of its first run."""
    first = next(iter(page.shared.runs.values()), None)
    return [
        *_about(page, "article", short(page.shared.title), words, first),
        meta("twitter:card", "summary_large_image"),
    ]


def _about(page: Page, kind: str, name: str, words: str, pictured: RunView | None) -> list[Markup]:
    told = [
        meta("description", words),
        _property("og:type", kind),
        _property("og:site_name", SITE),
        _property("og:title", name),
        _property("og:description", words),
        _property("og:url", page.address),
    ]
    if pictured is None:
        return told
    return [
        *told,
        _property("og:image", _absolute(page, pictured, POSTER)),
        _property("og:image:type", "image/jpeg"),
        _property("og:image:width", pictured.width),
        _property("og:image:height", pictured.height),
        _property("og:image:alt", name),
    ]


def _absolute(page: Page, run: RunView, name: str) -> str:
    return f"{page.address}/{run.id}/{name}"


def meta(name: str, content: Any) -> Markup:
    """One thing about a page."""
    return el("meta", {"name": name, "content": content})


def _property(name: str, content: Any) -> Markup:
    return el("meta", {"property": name, "content": content})
