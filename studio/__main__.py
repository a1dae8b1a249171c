"""Upkeep of the notebook from a terminal: python -m studio rescan|backup|restore|doctor.

    rescan   adds to the database the runs, notebooks and cells that lie in the folder alone
    backup   writes the whole notebook into one file, also while the program runs
    restore  makes a notebook of such a file, in an empty data folder
    doctor   names everything that is wrong, and changes nothing

The exit code is 0 when all is well and 1 when something was found.
"""

import argparse
import sys
from pathlib import Path

from storage import archive, restoring
from storage.database import Database
from storage.errors import StorageError
from storage.upkeep import rescan
from studio.doctor import diagnose
from studio.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m studio", description="Notebook upkeep.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("rescan", help="add to the database what lies in the folder alone")
    saving = commands.add_parser("backup", help="write the whole notebook into one file")
    saving.add_argument("file", type=Path, nargs="?", help="default: in the data folder's backups")
    restoring = commands.add_parser("restore", help="make a notebook of a backup")
    restoring.add_argument("file", type=Path)
    commands.add_parser("doctor", help="name everything that is wrong")
    options = parser.parse_args(arguments)
    root = Settings.from_environment().data_folder
    try:
        if options.command == "restore":
            return _restore(options.file, root)
        database = Database.open(root)
    except StorageError as error:
        return _say([str(error)], good=False)
    try:
        if options.command == "backup":
            return _backup(database, options.file)
        return {"rescan": _rescan, "doctor": _doctor}[options.command](database)
    except StorageError as error:
        return _say([str(error)], good=False)
    finally:
        database.close()


def _rescan(database: Database) -> int:
    done = rescan(database)
    return _say(done.sentences(), good=not done.problems)


def _backup(database: Database, output: Path | None) -> int:
    output = output or archive.default_place(database.folder)
    count = archive.make(database.folder, output)
    return _say([f"{count} files of the notebook are in {output}."], good=True)


def _restore(file: Path, root: Path) -> int:
    count = restoring.restore(file, root)
    Database.open(root).close()  # brought to this program's schema
    return _say([f"{count} files of the notebook are in {root}."], good=True)


def _doctor(database: Database) -> int:
    findings = diagnose(database, Settings.from_environment())
    return _say(findings or [f"All is well in {database.folder.root}."], good=not findings)


def _say(lines: list[str], *, good: bool) -> int:
    (sys.stdout if good else sys.stderr).write("\n".join(lines) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
