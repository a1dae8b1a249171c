"""Marks on runs: stars, tags, a note, and whether they lie in the trash.

They say nothing about how a run was made and never change it. Only whoever started a run, or the
owner of the notebook, marks it.
"""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy.orm import Session

from sanawm.errors import InvalidRequestError
from storage import trash
from storage.database import Database
from storage.errors import StorageError
from storage.runs import touch
from storage.tables import Run
from studio.identity import Ownership
from studio.views import RunView

MOST_STARS = 5
LONGEST_NOTE = 20_000
LONGEST_TAG = 40
MOST_TAGS = 20
NOT_YOURS = "Only whoever started this run can change it."
UNKNOWN = "This run is not in the notebook."


class Marks:
    """What people say about runs; safe to call from many threads."""

    def __init__(
        self,
        database: Database,
        ownership: Ownership,
        view: Callable[[str], RunView],
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._ownership = ownership
        self._view = view
        self._clock = clock

    def rate(self, run_id: str, stars: int, visitor: str) -> RunView:
        """Give a run one to five stars; 0 takes them back."""
        if not 0 <= stars <= MOST_STARS:
            raise InvalidRequestError("A run has one to five stars, or none.")
        with self._database.write() as session:
            [run] = self._own(session, [run_id], visitor)
            run.rating = stars
            touch(session, run)
        return self._view(run_id)

    def write_note(self, run_id: str, text: str, visitor: str) -> RunView:
        """Write a note in Markdown; an empty one is none."""
        if len(text) > LONGEST_NOTE:
            raise InvalidRequestError(
                f"This note has {len(text):,} characters. Up to {LONGEST_NOTE:,} fit.", field="note"
            )
        with self._database.write() as session:
            [run] = self._own(session, [run_id], visitor)
            run.note = text.strip()
            touch(session, run)
        return self._view(run_id)

    def tag(
        self, run_ids: Sequence[str], add: Sequence[str], drop: Sequence[str], visitor: str
    ) -> dict[str, list[str]]:
        """Add tags to runs and take tags off them; what each carried before, to put it back."""
        new, old = [clean_tag(tag) for tag in add], {clean_tag(tag).lower() for tag in drop}
        with self._database.write() as session:
            runs = self._own(session, run_ids, visitor)
            before = {run.id: list(run.tags) for run in runs}
            for run in runs:
                kept = [tag for tag in run.tags if tag.lower() not in old]
                known = {tag.lower() for tag in kept}
                _set_tags(session, run, kept + [tag for tag in new if tag.lower() not in known])
        return before

    def set_tags(self, tags: Mapping[str, Sequence[str]], visitor: str) -> None:
        """Let runs carry exactly these tags."""
        with self._database.write() as session:
            for run in self._own(session, list(tags), visitor):
                _set_tags(session, run, [clean_tag(tag) for tag in tags[run.id]])

    def trash(self, run_ids: Sequence[str], visitor: str) -> list[str]:
        """Move ended runs to the trash, where they stay for 30 days."""
        try:
            with self._database.write() as session:
                runs = self._own(session, run_ids, visitor)
                trash.throw_away(session, runs, self._clock())
        except StorageError as error:
            raise InvalidRequestError(str(error)) from error
        return [run.id for run in runs]

    def restore(self, run_ids: Sequence[str], visitor: str) -> list[str]:
        """Take runs out of the trash."""
        with self._database.write() as session:
            runs = self._own(session, run_ids, visitor)
            trash.take_back(session, runs)
        return [run.id for run in runs]

    def purge(self, run_ids: Sequence[str], visitor: str) -> list[str]:
        """Delete runs that lie in the trash for good; the others stay."""
        with self._database.read() as session:
            self._own(session, run_ids, visitor)
        return trash.purge(self._database, run_ids)

    def _own(self, session: Session, run_ids: Sequence[str], visitor: str) -> list[Run]:
        """The rows of runs that this visitor may mark, or a sentence."""
        runs = []
        for run_id in dict.fromkeys(run_ids):
            run = session.get(Run, run_id)
            if run is None:
                raise InvalidRequestError(UNKNOWN)
            if not self._ownership.may_change(run.visitor, visitor):
                raise InvalidRequestError(NOT_YOURS)
            runs.append(run)
        return runs


def clean_tag(tag: str) -> str:
    """A tag as it is kept: without "#", spaces become hyphens; raises where nothing is left."""
    clean = "-".join(tag.strip().lstrip("#").split())
    if not clean or len(clean) > LONGEST_TAG or any(sign in clean for sign in '",:()'):
        raise InvalidRequestError(
            f"A tag is a word or two, at most {LONGEST_TAG} characters, "
            "without quotes, commas, colons and brackets.",
            field="tag",
        )
    return clean


def _set_tags(session: Session, run: Run, tags: Sequence[str]) -> None:
    each = {tag.lower(): tag for tag in reversed(tags)}  # once, as it was written first
    if len(each) > MOST_TAGS:
        raise InvalidRequestError(
            f"Run {run.number} would have {len(each)} tags. Up to {MOST_TAGS} fit.", field="tag"
        )
    run.tags = list(each.values())[::-1]
    touch(session, run)
