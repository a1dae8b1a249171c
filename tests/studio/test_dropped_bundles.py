"""A bundle that any visitor may drop: refused by its list of files, unpacked without its videos."""

import tempfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from packing import make_good, pack

from sanawm.errors import InvalidRequestError
from studio import bundle_reading, limits, recipes
from studio.bundle_listing import run_ids
from studio.bundle_reading import inspect


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The files of a bundle of two runs."""
    return make_good(tmp_path_factory.mktemp("good"))[0]


@pytest.fixture
def alone(good, tmp_path):
    """A bundle of the first of them."""
    first = min(run_ids(good))
    kept = {name: data for name, data in good.items() if not name.startswith("runs/")}
    del kept["notebook.json"]
    own = {name: data for name, data in good.items() if first in name}
    return pack(tmp_path / "alone.wanderbook.zip", kept | own)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where temporary files of the test lie."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def opens_nothing(*_):
    raise AssertionError("a file of the bundle was opened")


def free(monkeypatch, size):
    monkeypatch.setattr(limits.shutil, "disk_usage", lambda place: SimpleNamespace(free=size))


def test_a_bundle_of_one_run_becomes_a_draft_and_its_video_is_not_unpacked(
    studio, alone, temporary, monkeypatch
):
    seen, real = set(), bundle_reading.read_run

    def looked(folder, *rest):
        seen.update(file.name for file in folder.rglob("*"))
        return real(folder, *rest)

    monkeypatch.setattr(bundle_reading, "read_run", looked)
    found = studio.recipes.read(alone)

    assert (found.prompt, found.seed, found.image.width) == ("a lamp", 7, 40)
    assert "run.json" in seen
    assert not any(name.endswith((".mp4", ".html")) for name in seen)
    assert list(temporary.iterdir()) == []


def test_several_runs_and_large_ones_are_refused_before_any_file_is_opened(
    studio, good, alone, tmp_path, monkeypatch
):
    both = pack(tmp_path / "both.wanderbook.zip", good)
    monkeypatch.setattr(zipfile.ZipFile, "open", opens_nothing)
    with pytest.raises(InvalidRequestError, match=r"both\.wanderbook\.zip holds 2 runs\. Take one"):
        studio.recipes.read(both)

    monkeypatch.setattr(recipes, "LARGEST_BUNDLE", 1000)
    with pytest.raises(InvalidRequestError, match=r"holds more than 512 MB\. Take its video"):
        studio.recipes.read(alone)


def test_no_bundle_is_unpacked_where_the_disk_is_nearly_full(studio, alone, temporary, monkeypatch):
    free(monkeypatch, limits.SPARE_BYTES - 1)
    monkeypatch.setattr(zipfile.ZipFile, "open", opens_nothing)
    with pytest.raises(InvalidRequestError, match="nearly full"):
        studio.recipes.read(alone)


def test_what_would_not_fit_unpacked_is_told_before_it_is_unpacked(alone, tmp_path, monkeypatch):
    with zipfile.ZipFile(alone) as archive:
        size = sum(info.file_size for info in archive.infolist())
    free(monkeypatch, limits.SPARE_BYTES + size // 2)
    place: Path = tmp_path / "into"
    place.mkdir()

    with pytest.raises(
        InvalidRequestError, match=r"holds 1 MB, and 0 MB of the disk are free\. Make"
    ):
        inspect(alone, place)
    assert list(place.iterdir()) == []
    free(monkeypatch, limits.SPARE_BYTES + size)
    assert len(inspect(alone, place).runs) == 1


def test_a_disk_that_fills_up_meanwhile_is_told_in_a_sentence(alone, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle_reading, "_take", full)
    with pytest.raises(InvalidRequestError, match="The disk is full, so nothing was changed"):
        inspect(alone)
    with pytest.raises(
        InvalidRequestError, match="was not brought in: the disk says: No such file"
    ):
        inspect(tmp_path / "gone.zip")
