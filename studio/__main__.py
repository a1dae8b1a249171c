"""Upkeep of the notebook from a terminal: python -m studio rescan|backup|doctor.

    rescan   adds to the database the runs whose folders have no row
    backup   copies the database, also while the program runs
    doctor   names everything that is wrong, and changes nothing

The exit code is 0 when all is well and 1 when something was found.
"""

import argparse
import sys

from storage.database import Database
from storage.errors import StorageError
from storage.migrate import backup
from storage.upkeep import examine, rescan
from studio.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m studio", description="Notebook upkeep.")
    parser.add_argument("command", choices=["rescan", "backup", "doctor"])
    command = parser.parse_args(arguments).command
    try:
        database = Database.open(Settings.from_environment().data_folder)
    except StorageError as error:
        return _say([str(error)], good=False)
    try:
        return {"rescan": _rescan, "backup": _backup, "doctor": _doctor}[command](database)
    finally:
        database.close()


def _rescan(database: Database) -> int:
    added, problems = rescan(database)
    return _say([*problems, f"{added} runs added."], good=not problems)


def _backup(database: Database) -> int:
    return _say([f"The database is copied to {backup(database.folder, 'by-hand')}."], good=True)


def _doctor(database: Database) -> int:
    findings = examine(database)
    return _say(findings or [f"All is well in {database.folder.root}."], good=not findings)


def _say(lines: list[str], *, good: bool) -> int:
    (sys.stdout if good else sys.stderr).write("\n".join(lines) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
