"""The pages of a link: one run, a notebook, a run inside another site's page, a link to nothing.

Each stands alone: no application, no cookie, nothing from elsewhere, and it works without scripts.
Search engines are asked to stay away.
"""

from typing import Any

from studio.views import CellView, RunView
from ui.markup import DARK, Markup, document, el, joined, prose
from ui.share_head import SITE, about_notebook, about_run, meta
from ui.share_parts import (
    NO_PROMPT,
    UNTITLED,
    Page,
    all_made,
    by_line,
    columns,
    film,
    note,
    remix_link,
    short,
    title,
    video_link,
)
from ui.static_files import version

NOTHING = "This link shows nothing"
WHY = "It may have been withdrawn, it may have expired, or it was not copied whole."
ENDS = "Its owner can withdraw the link at any time."


def run_page(page: Page) -> str:
    """One run."""
    run = page.shared.run
    content = [
        film(page.files, run, eager=True),
        _title(page, "h1", run),
        by_line(page, run),
        note(run),
        _acts(
            remix_link(page, run, "btn primary", "Remix in your Wanderbook"),
            video_link(page, run),
            _bundle_link(page),
            _copy(),
        ),
        columns(page, run),
    ]
    foot = f"This page shows one run and nothing else of the notebook. {ENDS}"
    name = short(run.prompt) or UNTITLED
    return _whole(name, about_run(page, run, name), "Shared run", content, foot)


def notebook_page(page: Page) -> str:
    """A notebook: its texts and its runs, in their order."""
    shared = page.shared
    said = all_made(shared.count)
    cells = [_cell(page, cell) for cell in shared.cells]
    behind = el("a", {"class": "btn", "href": f"{shared.token}?after={shared.more}"}, "Next page")
    content = [
        el("h1", {"class": "prompt"}, shared.title),
        el("p", {"class": "lead"}, shared.description) if shared.description else None,
        el("p", {"class": "by"}, said),
        _acts(_bundle_link(page), _copy()),
        *cells,
        None if any(cells) else el("p", {"class": "lead empty"}, "Nothing here is done yet."),
        _acts(behind) if shared.more else None,
    ]
    foot = f"This page shows one notebook and nothing else. {ENDS}"
    return _whole(shared.title, about_notebook(page, said), "Shared notebook", content, foot)


def embed_page(page: Page) -> str:
    """The video alone, for a frame in another site's page."""
    run = page.shared.run
    words = f"Generated with {SITE}, not filmed"
    link = {"class": "from", "href": f"../r/{page.shared.token}", "target": "_blank"}
    mark = el("a", {**link, "rel": "noopener"}, words)
    name = short(run.prompt) or UNTITLED
    frame = el("main", {"class": "embed"}, film(page.files, run, eager=True), mark)
    return document(_head(name, []), [frame])


def gone_page() -> str:
    """A link that shows nothing, whatever the reason."""
    content = [el("h1", {"class": "prompt"}, NOTHING), el("p", {"class": "lead"}, WHY)]
    return _whole(NOTHING, [], "", content, "")


# ---- cells of a notebook


def _cell(page: Page, cell: CellView) -> Markup | None:
    runs = page.shared.runs
    if cell.kind == "text":
        return el("section", {"class": "text"}, prose(cell.text)) if cell.text.strip() else None
    if cell.run_id:
        run = runs.get(cell.run_id)
        return _run_cell(page, run, folded=cell.collapsed) if run else None
    several = [runs[run_id] for run_id in cell.runs if run_id in runs]
    small = [_small(page, run) for run in several]
    return el("section", {"class": "several"}, *small) if small else None


def _run_cell(page: Page, run: RunView, *, folded: bool) -> Markup:
    more = columns(page, run)
    recipe = el("details", None, el("summary", None, "Recipe"), more) if more else None
    said = el(
        "div",
        {"class": "said"},
        _title(page, "h2", run),
        by_line(page, run),
        note(run),
        _acts(
            remix_link(page, run, "btn", "Remix"),
            video_link(page, run, "btn quiet"),
        ),
    )
    inside = joined([el("div", {"class": "beside"}, film(page.files, run), said), recipe])
    if folded:
        summary = el("summary", {"class": "prompt"}, short(run.prompt) or UNTITLED)
        inside = el("details", {"class": "folded"}, summary, inside)
    return el("article", {"class": "cell", "id": run.id}, inside)


def _small(page: Page, run: RunView) -> Markup:
    """One of several, with what tells them apart."""
    words = [run.path_label, f"seed {run.seed}"] if page.shared.with_recipe else []
    caption = el(
        "figcaption",
        None,
        el("span", {"class": "prompt"}, short(run.prompt)) if run.prompt else None,
        el("span", None, ", ".join(words)),
        remix_link(page, run, "", "Remix"),
    )
    return el("figure", {"id": run.id}, film(page.files, run), caption)


def _title(page: Page, tag: str, run: RunView) -> Markup:
    return title(tag, run, NO_PROMPT if page.shared.with_recipe else UNTITLED)


# ---- what every page has


def _whole(name: str, about: list[Markup], kind: str, content: list[Any], foot: str) -> str:
    bar = el(
        "header", {"class": "bar"}, el("span", {"class": "word"}, SITE), el("span", None, kind)
    )
    body = [
        el("a", {"class": "skip", "href": "#content"}, "Skip to the content"),
        el(
            "div",
            {"class": "share"},
            bar,
            el("main", {"id": "content"}, *content),
            el("footer", None, foot) if foot else None,
        ),
    ]
    return document(_head(name, about), body)


def _head(name: str, about: list[Markup]) -> list[Markup]:
    static = f"../static/{version()}"
    return [
        el("meta", {"charset": "utf-8"}),
        meta("viewport", "width=device-width, initial-scale=1"),
        el("title", None, f"{name} · {SITE}"),
        meta("color-scheme", "light dark"),
        meta("robots", "noindex, nofollow"),
        meta("referrer", "no-referrer"),
        *about,
        el("link", {"rel": "icon", "href": f"{static}/icon.svg"}),
        el("link", {"rel": "stylesheet", "href": f"{static}/tokens.css"}),
        el("link", {"rel": "stylesheet", "href": f"{static}/dark.css", "media": DARK}),
        el("link", {"rel": "stylesheet", "href": f"{static}/sharepage.css"}),
        el("script", {"type": "module", "src": f"{static}/sharepage.js"}),
    ]


def _acts(*acts: Markup | None) -> Markup:
    """Buttons in a row."""
    return el("div", {"class": "acts"}, *acts)


def _copy() -> Markup:
    """Shown only where scripts run."""
    return el("button", {"type": "button", "class": "btn quiet copy", "hidden": True}, "Copy link")


def _bundle_link(page: Page) -> Markup | None:
    if not (page.shared.with_recipe and (page.shared.count or page.shared.runs)):
        return None
    address = f"{page.shared.token}/bundle"
    return el("a", {"class": "btn", "href": address, "download": True}, "Download bundle")
