"""Files of runs that are here and were lost: a bundle that holds the same run puts them back."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy.orm import Session

from storage.files import DataFolder, sync_tree
from storage.records import NAME, write_record
from storage.tables import Asset, Run
from studio.bundle_format import NEEDED, POSES

MENDED = "mended"  # a folder of the staged bundle: files where they lie in the data folder
OF_A_BUNDLE = [name for name in NEEDED if name != NAME]  # the record is written from the row


def has_all_files(session: Session, folder: DataFolder, run: Run) -> bool:
    """Whether a finished run has all its files."""
    attempt = folder.attempt(run.id, run.attempt)
    wanted = [*(attempt / name for name in NEEDED), *_assets(session, folder, run)]
    return all(file.is_file() for file in wanted)


def mend(session: Session, folder: DataFolder, staged: Path, lost: Mapping[str, str]) -> None:
    """Make ready what runs here lack; `lost` has their ids by those in the unpacked bundle."""
    for run_id, bundled in {here: one for one, here in lost.items()}.items():
        run = session.get_one(Run, run_id)
        for source, goal in _sources(session, folder, staged / "runs" / bundled, run):
            if not goal.exists():
                place = staged / MENDED / goal.relative_to(folder.root)
                place.parent.mkdir(parents=True, exist_ok=True)
                if goal.parent == folder.assets:  # new runs may begin with it, too
                    shutil.copyfile(source, place)
                else:
                    source.replace(place)
        attempt = folder.attempt(run.id, run.attempt)
        if not (attempt / NAME).exists():
            place = staged / MENDED / attempt.relative_to(folder.root)
            image, path = (
                session.get_one(Asset, one) for one in (run.image_sha256, run.path_sha256)
            )
            write_record(place, run, image, path)
    if lost:
        sync_tree(staged / MENDED)


def _assets(session: Session, folder: DataFolder, run: Run) -> tuple[Path, Path]:
    """Where its first frame and its poses lie."""
    names = (session.get_one(Asset, one) for one in (run.image_sha256, run.path_sha256))
    image, path = (folder.asset(one.sha256, one.extension) for one in names)
    return image, path


def _sources(
    session: Session, folder: DataFolder, unpacked: Path, run: Run
) -> Iterator[tuple[Path, Path]]:
    """Each file of a bundle that a run here has too, and where it lies here."""
    image, path = _assets(session, folder, run)
    yield unpacked.parent.parent / "assets" / image.name, image
    yield unpacked / POSES, path
    for name in OF_A_BUNDLE:
        yield unpacked / name, folder.attempt(run.id, run.attempt) / name
