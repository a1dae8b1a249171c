"""The page inside a bundle: it plays everything by a double click, with no program around it.

It stands alone: styles and script are in it, videos and pictures lie beside it, and its own policy
lets it load nothing from elsewhere. Without scripts it shows and plays the same.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from sanawm.card import ModelCard
from studio.bundle_writing import Contents, Page
from studio.studio import Studio
from studio.views import RunView
from ui.markup import DARK, Markup, document, el, joined, prose
from ui.presenters import RELATIONS
from ui.share_parts import Rows, all_made, film, made_line, note, short, side_by_side, title
from ui.static_files import FOLDER
from ui.words import length

SITE = "Wanderbook"
SCRIPT = "offline.js"
FOOT = (
    "This page plays the files beside it. Drop the whole bundle on a Wanderbook to go on from it."
)
FILES = "runs/"  # where the files of runs lie


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """In whose terms runs are told of: the model's card, and the titles of all models."""

    card: ModelCard
    titles: Mapping[str, str]


def page_of(studio: Studio) -> Page:
    """Makes the page of a bundle that is written from this studio."""
    titles = {model.name: model.title for model in studio.models()}
    return partial(offline_page, Terms(card=studio.card(), titles=titles))


def offline_page(terms: Terms, contents: Contents) -> str:
    """The whole page."""
    runs = _Runs(terms, contents)
    book, count = contents.notebook, len(contents.runs)
    if book is not None:
        name, kind = str(book["title"]), "Notebook"
        content = [_opening(name, book["description"], count), *_cells(runs, book)]
    elif count == 1:
        run = contents.runs[0]
        name, kind = short(run.prompt) or "A run", f"Run {run.number}"
        content = [runs.alone(run)]
    else:
        name, kind = f"{count} runs", "Runs"
        content = [_opening(name, "", count), *map(runs.cell, contents.runs)]
    bar = el(
        "header", {"class": "bar"}, el("span", {"class": "word"}, SITE), el("span", None, kind)
    )
    main = el("main", {"id": "content"}, *content)
    body = el("div", {"class": "sheet"}, bar, main, el("footer", None, FOOT))
    skip = el("a", {"class": "skip", "href": "#content"}, "Skip to the content")
    return document(_head(name), [skip, body, el("script", None, Markup(_script()))])


# ---- a run


class _Runs:
    """Draws the runs of a bundle, each as large as its place allows."""

    def __init__(self, terms: Terms, contents: Contents) -> None:
        self._terms, self._images = terms, contents.images
        self.by_id = {run.id: run for run in contents.runs}

    def alone(self, run: RunView) -> Markup:
        """The only run of a bundle, as large as the page."""
        told = [title("h1", run), self._by(run), note(run), self._columns(run)]
        return joined([film(FILES, run), *told])

    def cell(self, run: RunView) -> Markup:
        """One of several runs: the film, what is said of it, and the rest behind a line."""
        heading = title("h2", run, number=str(run.number))
        said = el("div", {"class": "said"}, heading, self._by(run), note(run))
        beside = el("div", {"class": "beside"}, film(FILES, run), said)
        more = _more("First frame, path and recipe", self._columns(run))
        return el("article", {"id": _place(run)}, beside, more)

    def small(self, run: RunView, *, in_full: bool) -> Markup:
        """One of several side by side, with what tells them apart; the rest, too, where no other
        place on the page tells it.
        """
        link = {"class": "num", "href": f"#{_place(run)}", "aria-label": f"Run {run.number}"}
        marks = _marks(run) if in_full else []
        caption = el(
            "figcaption",
            None,
            el("span", {"class": "num"}, run.number) if in_full else el("a", link, run.number),
            el("span", {"class": "what"}, short(run.prompt)) if run.prompt else None,
            el("span", None, f"{run.path_label}, seed {run.seed}"),
            el("p", {"class": "by"}, *marks) if marks else None,
        )
        if not in_full:
            return el("figure", None, film(FILES, run), caption)
        made = el("p", {"class": "by"}, made_line(run, self._model(run)))
        rest = _more("Path and recipe", made, self._columns(run))
        return el("figure", {"id": _place(run)}, film(FILES, run), caption, note(run), rest)

    def _by(self, run: RunView) -> Markup:
        """That it was made by a model, which one and when; what the camera does; the stars."""
        made = el("span", None, made_line(run, self._model(run)))
        does = el("span", None, f"{run.path_label}, {length(run.num_frames, run.fps)}")
        return el("p", {"class": "by"}, made, does, *_marks(run))

    def _columns(self, run: RunView) -> Markup:
        terms, frame = (self._terms.card, self._model(run)), self._images[run.image_sha256]
        return side_by_side(run, terms, frame, self._origin(run), "h3")

    def _origin(self, run: RunView) -> Rows:
        """The run it was made of, where that one is on this page."""
        parent = self.by_id.get(run.parent_id or "")
        if parent is None:
            return []
        link = el("a", {"href": f"#{_place(parent)}"}, f"run {parent.number}")
        return [[RELATIONS[run.relation].capitalize(), link]]

    def _model(self, run: RunView) -> str:
        return self._terms.titles.get(run.model, run.model)


def _more(words: str, *content: Markup) -> Markup:
    """What a line unfolds."""
    return el("details", None, el("summary", None, words), *content)


def _marks(run: RunView) -> list[Markup]:
    """Stars and tags."""
    stars = {"role": "img", "aria-label": f"{run.rating} of 5 stars"}
    return [
        *([el("span", stars, "★" * run.rating)] if run.rating else []),
        *(el("span", {"class": "tag"}, f"#{tag}") for tag in run.tags),
    ]


def _place(run: RunView) -> str:
    return f"run-{run.number}"


# ---- a notebook


def _opening(name: str, description: str, count: int) -> Markup:
    lead = el("p", {"class": "lead"}, description) if description.strip() else None
    return joined([el("h1", None, name), lead, el("p", {"class": "by"}, all_made(count))])


def _cells(runs: _Runs, book: Mapping[str, Any]) -> Iterator[Markup]:
    """The cells as displayed. Each run is told of in full once: at its own cell, and where it has
    none, at the first cell that shows it among others.
    """
    cells = book["cells"][::-1] if book["newest_first"] else book["cells"]
    told = {cell["run"] for cell in cells if cell["kind"] == "run"}
    for cell in cells:
        if cell["kind"] == "text":
            yield el("section", {"class": "text"}, prose(cell["content"]["text"]))
        elif cell["kind"] == "run":
            yield runs.cell(runs.by_id[cell["run"]])
        else:
            shown = [run for run in cell["content"]["runs"] if run in runs.by_id]
            small = [runs.small(runs.by_id[run], in_full=run not in told) for run in shown]
            told.update(shown)
            kind = "together" if cell["kind"] == "compare" else "sweep"
            yield el("section", {"class": f"several {kind}"}, *small)


# ---- what every page has


def _head(name: str) -> list[Markup]:
    policy = (
        "default-src 'none'; img-src 'self' file: data:; media-src 'self' file:; "
        f"style-src 'unsafe-inline'; script-src '{_script_hash()}'; base-uri 'none'; "
        "form-action 'none'"
    )
    return [
        el("meta", {"charset": "utf-8"}),
        el("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        el("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        el("meta", {"name": "color-scheme", "content": "light dark"}),
        el("meta", {"name": "referrer", "content": "no-referrer"}),
        el("title", None, f"{name} · {SITE}"),
        el("link", {"rel": "icon", "href": "data:,"}),
        el("style", None, Markup(_styles())),
    ]


@cache
def _styles() -> str:
    """Our tokens, dark where the system is: no script decides it here."""
    tokens, dark, rules = (
        (FOLDER / name).read_text(encoding="utf-8")
        for name in ("tokens.css", "dark.css", "offline.css")
    )
    return f"{tokens}@media {DARK} {{\n{dark}}}\n{rules}"


@cache
def _script() -> str:
    return (FOLDER / SCRIPT).read_text(encoding="utf-8")


def _script_hash() -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode()}"
