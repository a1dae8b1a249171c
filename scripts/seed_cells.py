"""The notebooks of made-up runs: which run stands where, and what stands between them."""

from collections.abc import Sequence
from typing import Any

from seed_words import INBOX_TEXT, NOTEBOOKS
from ulid import ULID

from storage.tables import INBOX

Row = dict[str, Any]

FEW_RUNS = 20  # up to here everything is in the inbox
INBOX_SHARE = 6  # of ten runs in a row; the others belong to the notebook of the day
DAY_RUNS = 30  # runs after which another notebook is worked in
COMPARED = 3


class Pages:
    """Rows of notebooks and cells for runs, the oldest first; `swept` have no cell of their own."""

    def __init__(self, runs: Sequence[Row], swept: set[str]) -> None:
        self.notebooks: list[Row] = []
        self.cells: list[Row] = []
        self._ends: dict[str, int] = {}
        self._rev = len(runs)
        has_books = len(runs) >= FEW_RUNS
        if has_books:
            self.notebooks = [self._notebook(words, runs) for words in NOTEBOOKS]
        first_of_sweep = min(swept, default="")
        for index, run in enumerate(runs):
            if run["id"] == first_of_sweep:
                self._sweep([run for run in runs if run["id"] in swept])
            elif run["id"] not in swept:
                self._add(self._home(index, has_books), "run", run["created_at"], run_id=run["id"])
        for book, words in zip(self.notebooks, NOTEBOOKS, strict=False):
            self._close(book, words[2], runs)

    def _home(self, index: int, has_books: bool) -> str:
        if not has_books or index % 10 < INBOX_SHARE:
            return INBOX
        return str(self.notebooks[index // DAY_RUNS % len(self.notebooks)]["id"])

    def _notebook(self, words: tuple[str, str, str], runs: Sequence[Row]) -> Row:
        title, description, _ = words
        return {
            "id": str(ULID()), "rev": 1, "title": title, "description": description,
            "newest_first": True, "visitor": "", "created_at": runs[0]["created_at"],
            "deleted_at": None,
        }  # fmt: skip

    def _sweep(self, runs: Sequence[Row]) -> None:
        moment = runs[0]["created_at"]
        self._add(INBOX, "text", moment, content={"text": INBOX_TEXT})
        paths = {str(run["path_source"]): run["path_source"] for run in runs}
        content = {
            "seeds": sorted({run["seed"] for run in runs}),
            "paths": list(paths.values()),
            "prompts": [runs[0]["prompt"]],
            "runs": [run["id"] for run in runs],
        }
        self._add(INBOX, "sweep", moment, content=content)

    def _close(self, book: Row, text: str, runs: Sequence[Row]) -> None:
        """What is at the top of a notebook: a comparison of its best, and above it the text."""
        mine = {cell["run_id"] for cell in self.cells if cell["notebook_id"] == book["id"]}
        shown = [run for run in runs if run["id"] in mine and run["state"] == "done"]
        best = sorted(shown, key=lambda run: -run["rating"])[:COMPARED]
        moment = runs[-1]["created_at"]
        if len(best) > 1:
            content = {"runs": [run["id"] for run in best]}
            self._add(book["id"], "compare", moment, content=content)
        self._add(book["id"], "text", moment, content={"text": text})

    def _add(
        self,
        notebook: str,
        kind: str,
        moment: float,
        *,
        run_id: str | None = None,
        content: dict[str, Any] | None = None,
    ) -> None:
        self._rev += 1
        self._ends[notebook] = self._ends.get(notebook, 0) + 1
        self.cells.append({
            "id": str(ULID()), "rev": self._rev, "notebook_id": notebook, "kind": kind,
            "position": float(self._ends[notebook]), "run_id": run_id, "content": content or {},
            "collapsed": False, "created_at": moment, "deleted_at": None,
        })  # fmt: skip
