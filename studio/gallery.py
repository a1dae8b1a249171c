"""Every run, found: pages of a search, what it can be narrowed to, and whole families."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy.orm import Session

from sanawm.camera.presets import PRESETS
from sanawm.errors import InvalidRequestError
from storage import search as rows
from storage.database import Database
from storage.tables import Run
from studio.search import parse
from studio.views import FacetView, GalleryPage, RunView

UNKNOWN = "This run is not in the notebook."
MOST_TAGS = 12
PATHS = {preset.id: preset.title for preset in PRESETS} | {"own": "Own path"}
STATES = {
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "queued": "Queued",
    "running": "Running",
}

Present = Callable[[Session, Sequence[Run]], list[RunView]]


class Gallery:
    """Reads over all notebooks; safe to call from many threads."""

    def __init__(self, database: Database, present: Present) -> None:
        self._database = database
        self._present = present

    def search(
        self,
        query: str = "",
        *,
        before: str | None = None,
        limit: int = 60,
        stacked: bool = False,
        utc_offset_min: int = 0,
    ) -> GalleryPage:
        """A page of what matches, newest first, older than `before`; stacked, one of a family."""
        wanted = parse(query, utc_offset_min)
        with self._database.read() as session:
            found = rows.page(session, wanted, before=before, limit=limit, stacked=stacked)
            roots = [run.root_id for run in found]
            days = rows.days(session, wanted, utc_offset_min, stacked=stacked)
            return GalleryPage(
                runs=self._present(session, found),
                total=rows.total(session, wanted, stacked=True) if stacked else sum(days.values()),
                days=days,
                families=rows.family_sizes(session, roots) if stacked else {},
            )

    def facets(self, query: str = "", utc_offset_min: int = 0) -> dict[str, list[FacetView]]:
        """What the runs that match differ in, with how many there are of each."""
        wanted = parse(query, utc_offset_min)
        trashed = rows.Filter(words=wanted.words, conditions=wanted.conditions, in_trash=True)
        with self._database.read() as session:
            counted = rows.tally(session, wanted)
            notebooks = _notebooks(session, wanted)
            in_trash = rows.total(session, trashed, stacked=False)
        return {
            "notebook": notebooks,
            "path": _facets("path", counted.path, PATHS),
            "tag": _facets("tag", counted.tag)[:MOST_TAGS],
            "rating": _ratings(counted.rating),
            "state": [*_facets("state", counted.state, STATES), *_trash(in_trash)],
            "model": _facets("model", counted.model),
        }

    def tags(self) -> dict[str, int]:
        """Every tag in use."""
        with self._database.read() as session:
            return dict(rows.tally(session, rows.Filter()).tag.most_common())

    def family(self, run_id: str) -> list[RunView]:
        """Everything that comes from the run's oldest ancestor, oldest first."""
        with self._database.read() as session:
            run = session.get(Run, run_id)
            if run is None:
                raise InvalidRequestError(UNKNOWN)
            return self._present(session, rows.family(session, run.root_id))


def _notebooks(session: Session, wanted: rows.Filter) -> list[FacetView]:
    """By title; by id where a title would say too little or cannot be written."""
    found = rows.counts_by_notebook(session, wanted)
    titles = [title.lower() for _, title, _ in found]
    return [
        FacetView(
            field=f"notebook:{notebook_id if is_odd else _quoted(title)}", title=title, count=count
        )
        for notebook_id, title, count in found
        for is_odd in ['"' in title or titles.count(title.lower()) > 1]
    ]


def _facets(
    field: str, counted: Counter[str], titles: Mapping[str, str] | None = None
) -> list[FacetView]:
    """The values of a field, the most frequent first."""
    return [
        FacetView(
            field=f"{field}:{_quoted(value)}", title=(titles or {}).get(value, value), count=count
        )
        for value, count in counted.most_common()
    ]


def _ratings(counted: Counter[int]) -> list[FacetView]:
    good = sum(count for stars, count in counted.items() if stars >= 4)
    choices = [
        FacetView(field="rating:>=4", title="Four and up", count=good),
        FacetView(field="rating:none", title="Not rated", count=counted[0]),
    ]
    return [choice for choice in choices if choice.count]


def _trash(count: int) -> list[FacetView]:
    return [FacetView(field="is:trash", title="In the trash", count=count)] if count else []


def _quoted(value: str) -> str:
    clean = value.replace('"', "")
    return f'"{clean}"' if " " in clean else clean
