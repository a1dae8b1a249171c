"""Runs made of other runs: copies, new seeds, shorter clips, repetitions, and sweeps of many.

What stands in a notebook has its copies beside it: each goes where its original has a cell.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from sqlalchemy.orm import Session

from sanawm.errors import InvalidRequestError
from storage.notebooks import home_of
from storage.tables import Run
from studio import submission
from studio.cells import cell_view
from studio.desk import Desk, row_of, sentences
from studio.identity import visitor_id
from studio.views import CellView, Draft, RunView

MOST = 36  # runs of one sweep
TOO_MANY = "These are {count} runs, and one sweep holds up to {most}. Choose fewer."
NOT_DONE = "Run {number} is not done, so there is nothing to compare a repetition with."


class Series(Desk):
    """The desk, and what it makes of runs that are there; safe to call from many threads."""

    def duplicate(self, run_id: str, client_key: str, visitor: str) -> RunView:
        """The same run once more, seed and all; the owner's right behind the original."""
        behind = run_id if self.is_owner(visitor) else None  # before others is the owner's to say
        return self._submit(self._draft_of(run_id), client_key, visitor, behind=behind)

    def reseed(self, run_id: str, client_key: str, visitor: str) -> RunView:
        """The same run once more with a seed of its own, drawn now."""
        draft = replace(self._draft_of(run_id), seed=None)
        return self._submit(draft, client_key, visitor)

    def retry_smaller(self, run_id: str, client_key: str, visitor: str) -> RunView:
        """A failed run once more with the next shorter length its model offers."""
        run = self.run(run_id)
        if run.smaller is None:
            raise InvalidRequestError("There is no shorter clip to try.")
        draft = submission.shortened(self._draft_of(run_id), run.smaller)
        return self._submit(draft, client_key, visitor)

    def reproduce(self, run_id: str, client_key: str, visitor: str) -> RunView:
        """A finished run once more, with nothing taken from a cache, to see whether it comes out
        the same; what was found is in the new run's `check`.
        """
        run = self.run(run_id)
        if run.state != "done":
            raise InvalidRequestError(NOT_DONE.format(number=run.number))
        return self._submit(self._draft_of(run_id), client_key, visitor, relation="check")

    def sweep(
        self,
        draft: Draft,
        *,
        seeds: Sequence[int] | None,
        paths: Sequence[Mapping[str, Any]],
        prompts: Sequence[str],
        client_key: str,
        visitor: str,
        above: str | None = "",
    ) -> CellView:
        """Every seed with every path and every prompt, as one cell; what is empty is the draft's.

        All runs are queued, or none. Runs come prompt by prompt, then path by path.
        """
        count = max(1, len(seeds or ())) * max(1, len(paths)) * max(1, len(prompts))
        if count > MOST:
            raise InvalidRequestError(TOO_MANY.format(count=count, most=MOST))
        one_seed = submission.drawn_seed() if draft.seed is None else draft.seed
        drafts = list(_combined(replace(draft, seed=one_seed), seeds, paths, prompts))
        model, parent = self._shelf.find(draft.model), self._parent_of(draft.parent_id)
        with sentences():
            runs = [
                submission.make_run(
                    self._database, model, one, parent, f"{client_key}-{index}", visitor_id(visitor)
                )
                for index, one in enumerate(drafts)
            ]
            cell = self._queue.add_sweep(
                runs,
                limited=not self.is_owner(visitor),
                notebook_id=self._place_of(draft, visitor),
                above=above,
                content=_choices(runs, len(seeds or ()), len(paths)),
            )
        return cell_view(cell)

    def _draft_of(self, run_id: str) -> Draft:
        """The draft that makes a run once more, for the notebook it stands in."""
        with self._database.read() as session:
            return _draft_at_home(session, run_id)


def _draft_at_home(session: Session, run_id: str) -> Draft:
    draft = submission.draft_of(row_of(session, run_id))
    return replace(draft, notebook_id=home_of(session, run_id))


def _choices(runs: Sequence[Run], seeds: int, paths: int) -> dict[str, Any]:
    """What a sweep tries, as its checked runs have it; a page may have sent more, or less."""
    a_path = max(1, seeds)
    a_prompt = a_path * max(1, paths)
    return {
        "seeds": [run.seed for run in runs[:a_path]],
        "paths": [run.path_source for run in runs[:a_prompt:a_path]],
        "prompts": [run.prompt for run in runs[::a_prompt]],
    }


def _combined(
    draft: Draft,
    seeds: Sequence[int] | None,
    paths: Sequence[Mapping[str, Any]],
    prompts: Sequence[str],
) -> Iterator[Draft]:
    chosen_seeds: Sequence[int | None] = seeds or [draft.seed]
    chosen_paths = paths or [draft.path_source]
    for prompt, path, seed in product(prompts or [draft.prompt], chosen_paths, chosen_seeds):
        yield replace(draft, prompt=prompt, path_source=dict(path), seed=seed)
