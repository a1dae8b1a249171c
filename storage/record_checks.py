"""Records beside the videos against the rows: what a rescan would miss, or find.

A finding is a sentence that says what to do. Nothing is changed.
"""

from sqlalchemy import select

from storage.database import Database
from storage.files import DataFolder
from storage.mirror_marker import is_foreign
from storage.notebook_rescue import kept_notebooks
from storage.records import DECIDING, NAME, read_record
from storage.set_aside import kept_aside
from storage.tables import Notebook, Run

RESCAN = "Run: python -m studio rescan"
UNREADABLE = (
    "{}. Mend it, or take it from a backup, and run: python -m studio rescan. Before Wanderbook "
    "writes there, it renames the file to keep it."
)
SET_ASIDE = (
    "{} could not be read and was renamed to keep it. Look whether you miss anything that is in "
    "it, and delete it."
)


def examine_records(database: Database) -> list[str]:
    """What is wrong with the records of finished runs and notebooks."""
    with database.read() as session:
        runs = session.scalars(select(Run)).all()
        books = set(session.scalars(select(Notebook.id)))
    findings = [
        sentence
        for run in runs
        if run.state == "done" and (sentence := _of_run(database.folder, run))
    ]
    findings += _without_rows(database.folder, {run.id for run in runs})
    return findings + _of_notebooks(database, books)


def _of_run(folder: DataFolder, run: Run) -> str:
    """What is wrong with a run's record; empty where it is sound, or missing as others tell."""
    file = folder.attempt(run.id, run.attempt) / NAME
    if not file.is_file():
        return ""
    try:
        kept, _, _ = read_record(file)
    except (ValueError, OSError) as error:
        return f"Run {run.number}: its record cannot be read ({error}). Take it from a backup."
    differs = [name for name in DECIDING if getattr(kept, name) != getattr(run, name)]
    if differs:
        return (
            f"Run {run.number}: {file} and the database differ in {', '.join(differs)}. "
            "Take the record from a backup."
        )
    return ""


def _without_rows(folder: DataFolder, known: set[str]) -> list[str]:
    strangers = {
        file.parents[1].name
        for file in folder.runs.glob(f"*/a*/{NAME}")
        if file.parents[1].name not in known and (file.parent / "video.mp4").is_file()
    }
    return (
        [f"{_counted(len(strangers), 'finished run')} without a row. {RESCAN}"] if strangers else []
    )


def _of_notebooks(database: Database, known: set[str]) -> list[str]:
    books, problems = kept_notebooks(database.folder)
    findings = [UNREADABLE.format(problem) for problem in problems]
    findings += [SET_ASIDE.format(file) for file in kept_aside(database.folder)]
    if is_foreign(database):
        findings.append(
            f"The notebooks in {database.folder.notebooks} are of another or a newer database, so "
            f"changes are not written there. {RESCAN}"
        )
        return findings
    wanted = [book.columns["id"] for book in books if book.columns["deleted_at"] is None]
    if lost := set(wanted) - known:
        findings.append(f"{_counted(len(lost), 'notebook')} without a row. {RESCAN}")
    return findings


def _counted(count: int, name: str) -> str:
    return f"1 {name} lies in the folder" if count == 1 else f"{count} {name}s lie in the folder"
