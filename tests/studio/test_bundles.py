import io
import json
import signal
import subprocess
import sys
import time
import zipfile
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.orm import undefer
from studio_ways import Bench

from sanawm.errors import InvalidRequestError
from storage.database import Database
from storage.files import clean
from storage.records import FIELDS
from storage.streamed_zip import Entry, zip_chunks, zip_size
from storage.tables import INBOX, Run
from storage.upkeep import examine, rescan
from studio.open_links import ToPack
from studio.settings import Settings
from studio.studio import Studio

ROOT = Path(__file__).parents[2]


def page(contents):
    return f"<title>{len(contents.runs)} runs</title>"


@pytest.fixture
def made(studio, settings, database, submit):
    """Three finished runs: one, a new seed of it, and one that goes on from its frame 8."""
    bench, clicks = Bench(settings, database), count()
    first = submit("a lamp", seed=7)
    bench.make_next()
    second = studio.reseed(first.id, f"again-{next(clicks)}", "visitor")
    bench.make_next()
    start = studio.chains.start_of(first.id, 8)
    third = submit(
        "a lamp",
        parent_id=first.id,
        path_source={"kind": "actions", "actions": "w-8", "start": start},
    )
    bench.make_next()
    return [studio.run(run.id) for run in (first, second, third)]


@pytest.fixture
def elsewhere(tmp_path, settings):
    """Another computer's studio."""
    database = Database.open(tmp_path / "elsewhere")
    there = Settings(data_folder=tmp_path / "elsewhere", model_folder=settings.model_folder)
    studio = Studio(there, database, local_owner=True)
    yield studio
    studio.stop()
    database.close()


def saved(bundle, folder):
    file = folder / bundle.name
    content = b"".join(bundle.chunks())
    assert len(content) == bundle.size
    file.write_bytes(content)
    return file


def rows(studio):
    with studio._everything.read() as session:
        return {run.id: run for run in session.scalars(select(Run).options(undefer(Run.record)))}


def test_a_bundle_is_a_zip_whose_manifest_knows_every_file(studio, made, tmp_path):
    file = saved(studio.bundles.of_notebook(INBOX, page), tmp_path)

    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
        assert names[-1] == "manifest.json"
        assert set(manifest["files"]) == set(names) - {"manifest.json"}
        assert archive.read("index.html") == b"<title>3 runs</title>"
        told = b"".join(archive.read(name) for name in names if name.endswith(".json"))
    assert b"visitor" not in told


def test_what_one_computer_packs_another_one_has_afterwards(studio, made, elsewhere, tmp_path):
    book = studio.book.create("Harbour", "visitor")
    studio.book.place_runs([run.id for run in made], book.id, "visitor")
    studio.book.add_text(book.id, "# How it looked", "visitor")
    studio.book.add_compare(book.id, [made[0].id, made[1].id], "visitor", None)
    studio.marks.rate(made[0].id, 4, "visitor")
    studio.marks.tag([made[0].id], ["blue"], [], "visitor")
    studio.marks.write_note(made[1].id, "Softer.", "visitor")
    file = saved(studio.bundles.of_notebook(book.id, page), tmp_path)

    brought = elsewhere.bundles.bring_in(file, "me")

    assert sorted(brought.added) == sorted(run.id for run in made)
    assert brought.known == []
    there, here = rows(elsewhere), rows(studio)
    own = {"rev", "client_key", "visitor", "number", "attempt", "step", "total"}
    for run_id, row in there.items():
        for column in {column.name for column in Run.__table__.columns} - own:
            assert getattr(row, column) == getattr(here[run_id], column), column
    assert [c.kind for c in elsewhere.book.cells(book.id)] == [
        c.kind for c in studio.book.cells(book.id)
    ]
    assert elsewhere.book.view(book.id).title == "Harbour"
    assert elsewhere.book.cells(INBOX) == []
    for run in made:
        assert elsewhere.run(run.id).parent_id == run.parent_id
        path = elsewhere.media_file(f"runs/{run.id}/a1/video.mp4", *_capability(elsewhere, run.id))
        assert path.read_bytes() == _video(studio, run).read_bytes()
    assert [part.run_id for part in elsewhere.chains.chain(made[2].id)] == [made[0].id, made[2].id]


def _video(studio, run):
    return studio._everything.folder.attempt(run.id, run.attempt) / "video.mp4"


def _capability(studio, run_id):
    query = studio.run(run_id).video.partition("?")[2]
    return [part.partition("=")[2] for part in query.split("&")]


def test_a_run_along_given_poses_travels_and_is_made_anew_elsewhere(
    studio, settings, database, submit, made, elsewhere, tmp_path
):
    given = rows(studio)[made[0].id].path_sha256
    run = submit("a lamp", path_source={"kind": "poses", "poses": given})
    Bench(settings, database).make_next()

    elsewhere.bundles.bring_in(saved(studio.bundles.of_runs([run.id], page), tmp_path), "me")

    again = elsewhere.reseed(run.id, "click", "me")
    assert again.path_points == made[0].path_points


def test_the_same_bundle_twice_brings_nothing_new(studio, made, elsewhere, tmp_path):
    book = studio.book.create("Harbour", "visitor")
    studio.book.place_runs([made[0].id], book.id, "visitor")
    file = saved(studio.bundles.of_notebook(book.id, page), tmp_path)
    elsewhere.bundles.bring_in(file, "me")
    elsewhere.marks.trash([made[0].id], "me")

    again = elsewhere.bundles.bring_in(file, "me")

    assert (again.added, again.known, again.notebook_id) == ([], [made[0].id], book.id)
    assert len(elsewhere.book.all()) == 2
    assert not elsewhere.run(made[0].id).deleted


def test_a_run_whose_id_is_taken_gets_a_new_one_and_is_known_by_the_old(
    studio, made, elsewhere, tmp_path
):
    file = saved(studio.bundles.of_runs([run.id for run in made], page), tmp_path)
    elsewhere.bundles.bring_in(file, "me")
    with elsewhere._everything.write() as session:  # as if another run had the id
        session.get(Run, made[0].id).seed = 8

    brought = elsewhere.bundles.bring_in(file, "me")
    again = elsewhere.bundles.bring_in(file, "me")

    assert len(brought.added) == 1
    assert sorted(brought.known) == sorted(run.id for run in made[1:])
    found = rows(elsewhere)
    assert found[brought.added[0]].record["origin"] == made[0].id
    assert found[brought.added[0]].root_id == brought.added[0]
    assert again.added == []
    assert len({run.number for run in found.values()}) == 4


def test_children_of_a_run_with_a_new_id_come_from_it(studio, made, elsewhere, tmp_path):
    whole = saved(studio.bundles.of_runs([run.id for run in made], page), tmp_path)
    alone = saved(studio.bundles.of_runs([made[0].id], page), tmp_path)
    elsewhere.bundles.bring_in(alone, "me")
    with elsewhere._everything.write() as session:
        session.get(Run, made[0].id).seed = 8

    brought = elsewhere.bundles.bring_in(whole, "me")

    found = rows(elsewhere)
    [parent] = [found[one] for one in brought.added if "origin" in found[one].record]
    third = found[made[2].id]
    assert third.parent_id == third.root_id == third.path_source["start"]["run"] == parent.id
    assert [part.run_id for part in elsewhere.chains.chain(third.id)] == [parent.id, third.id]


def test_only_the_owner_brings_bundles_in(settings, database, studio, made, tmp_path):
    file = saved(studio.bundles.of_runs([made[0].id], page), tmp_path)
    public = Studio(settings, database)
    scoped = public.seen_by("somebody")

    with pytest.raises(InvalidRequestError, match="Only the owner"):
        scoped.bundles.bring_in(file, "somebody")
    with pytest.raises(InvalidRequestError, match="Only the owner"):
        scoped.bundles.inspect(file, "somebody")
    public.stop()


def test_a_visitor_packs_only_what_is_theirs(settings, database, studio, made):
    public = Studio(settings, database)

    with pytest.raises(InvalidRequestError, match="Nothing here is done"):
        public.seen_by("somebody").bundles.of_runs([made[0].id], page)
    with pytest.raises(InvalidRequestError, match="Nothing here is done"):
        public.seen_by("somebody").bundles.of_notebook(INBOX, page)
    assert public.seen_by("visitor").bundles.of_runs([made[0].id], page).size
    public.stop()


def test_a_shared_bundle_says_nothing_of_stars_and_tags(studio, made, tmp_path):
    studio.marks.rate(made[0].id, 4, "visitor")
    studio.marks.tag([made[0].id], ["client-x"], [], "visitor")
    studio.marks.write_note(made[0].id, "Softer.", "visitor")
    shown = ToPack(database=studio._database, run_ids=[made[0].id])

    file = saved(studio.bundles.of_share(shown, page), tmp_path)

    with zipfile.ZipFile(file) as archive:
        marks = json.loads(archive.read(f"runs/{made[0].id}/marks.json"))
    assert (marks["rating"], marks["tags"], marks["note"]) == (0, [], "Softer.")


def test_an_import_that_is_killed_leaves_no_row_and_no_file(
    studio, made, elsewhere, tmp_path, monkeypatch
):
    file = saved(studio.bundles.of_runs([run.id for run in made], page), tmp_path)
    before = _files(elsewhere)
    monkeypatch.setattr("studio.importing._show_the_rest", _die)

    with pytest.raises(MemoryError):
        elsewhere.bundles.bring_in(file, "me")

    assert rows(elsewhere) == {}
    assert _files(elsewhere) == before


def _slowly(*places):
    return [pytest.param(place, marks=pytest.mark.slow) for place in places]


@pytest.mark.parametrize(
    "place", ["_show_the_rest", *_slowly("inspect", "plan", "make_ready", "sync_tree", "_add_run")]
)
def test_a_program_that_dies_while_it_imports_leaves_nothing_that_stays(
    studio, made, elsewhere, tmp_path, place
):
    """Killed at one of its last steps: no row, and what lies about is cleaned up after an hour."""
    file = saved(studio.bundles.of_runs([run.id for run in made], page), tmp_path)
    folder = elsewhere._everything.folder
    program = (
        "import os, pathlib, signal, studio.importing as importing\n"
        "from storage.database import Database\n"
        f"importing.{place} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"database = Database.open(pathlib.Path({str(folder.root)!r}))\n"
        f"importing.Importing(database).bring_in(pathlib.Path({str(file)!r}), 'me')\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)

    assert ended.returncode == -signal.SIGKILL
    assert rescan(elsewhere._everything).runs == 0
    assert rows(elsewhere) == {}
    clean(folder, {}, time.time() + 7200)
    assert [*folder.runs.iterdir(), *folder.imports.iterdir()] == []
    assert len(elsewhere.bundles.bring_in(file, "me").added) == 3


def test_what_was_brought_in_is_what_a_rescan_makes_of_its_files(studio, made, elsewhere, tmp_path):
    file = saved(studio.bundles.of_runs([run.id for run in made], page), tmp_path)
    elsewhere.bundles.bring_in(file, "me")
    assert examine(elsewhere._everything) == []
    before = {
        key: {name: getattr(row, name) for name in FIELDS} for key, row in rows(elsewhere).items()
    }

    with elsewhere._everything.write() as session:
        session.execute(delete(Run))
    rescan(elsewhere._everything)

    after = {
        key: {name: getattr(row, name) for name in FIELDS} for key, row in rows(elsewhere).items()
    }
    assert after == before


@given(
    st.lists(
        st.tuples(st.from_regex(r"\A[a-z]{1,40}/[a-z.]{1,12}\Z"), st.binary(max_size=300)),
        max_size=6,
    )
)
def test_the_size_of_a_zip_is_known_before_it_is_made(files):
    entries = [Entry.of_bytes(name, content) for name, content in dict(files).items()]

    content = b"".join(zip_chunks(entries))

    assert len(content) == zip_size(entries)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == dict(files)


def test_the_size_is_known_where_numbers_need_64_bits():
    """Gigabytes of nothing, counted as they go by."""
    nothing = bytes(2**26)
    huge = Entry(name="huge", size=33 * 2**26, chunks=lambda: iter([nothing] * 33))
    for entries in ([huge], [huge, Entry.of_bytes("small", b"x")]):
        with patch("zipfile.crc32", lambda data, value=0: 0):  # its time is not what is looked at
            assert sum(map(len, zip_chunks(entries))) == zip_size(entries)


def _die(*_):
    raise MemoryError


def _files(studio):
    folder = studio._everything.folder
    return {p for place in (folder.runs, folder.assets, folder.imports) for p in place.rglob("*")}


def test_a_file_that_changes_while_it_is_sent_ends_the_bundle(studio, made):
    bundle = studio.bundles.of_runs([made[0].id], page)
    with _video(studio, made[0]).open("ab") as file:
        file.write(b"more")

    with pytest.raises(OSError, match="changed while it was being sent"):
        io.BytesIO().writelines(bundle.chunks())
