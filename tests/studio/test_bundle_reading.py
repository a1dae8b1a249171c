import io
import json
import stat
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packing import make_good, manifest, pack
from PIL import Image

from sanawm.errors import InvalidRequestError
from storage.database import Database
from studio.bundle_reading import inspect
from studio.careful_zip import MOST_AT_ONCE, CarefulFile
from studio.importing import Importing
from studio.settings import Settings
from studio.studio import Studio


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_good(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def good(made):
    return made[0]


@pytest.fixture(scope="module")
def run(good):
    """The older run's folder inside the bundle."""
    return min(name for name in good if name.startswith("runs/")).rpartition("/")[0]


@pytest.fixture
def place(tmp_path):
    return tmp_path / "some.wanderbook.zip"


def refused(place, match):
    with pytest.raises(InvalidRequestError, match=match) as caught:
        inspect(place)
    assert str(caught.value).startswith("some.wanderbook.zip was not brought in: ")
    assert str(caught.value).endswith(". Nothing was changed.")


def changed(content, **changes):
    return json.dumps(json.loads(content) | changes).encode()


def test_a_good_bundle_is_read_also_when_it_was_packed_anew(good, place):
    pack(place, {"runs/": b"", "assets/": b""} | good | {"manifest.json": manifest(good)}, 8)

    found = inspect(place)

    assert [run.prompt for run in found.runs] == ["a lamp", "a lamp"]
    assert found.notebook[0]["title"] == "Inbox"
    assert [cell["kind"] for cell in found.notebook[1]] == ["run", "run", "text", "compare"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt",
        "runs/../../evil.txt",
        "/etc/passwd",
        "C:\\evil.txt",
        "runs\\01ARZ3NDEKTSV4RRFFQ69G5FAV\\run.json",
        "runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/../../app.db",
        "runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/evil.html",
        "app.db",
        "media.key",
        "assets/" + "a" * 64 + ".html",
        "assets/" + "a" * 64 + ".png/",
        "INDEX.HTML",
        "notes/",
        "runs/01arz3ndektsv4rrffq69g5fav/run.json",
    ],
)
def test_a_name_that_has_no_place_is_refused(good, place, name):
    pack(place, good | {name: b"evil"})

    refused(place, "does not belong in a bundle")


def test_a_name_that_ends_early_for_some_readers_is_refused(good, place):
    pack(place, good | {"index.html~.png": b"evil"})
    place.write_bytes(place.read_bytes().replace(b"index.html~.png", b"index.html\0.png"))

    refused(place, r"index\.html\\x00\.png does not belong in a bundle")


@given(name=st.text(min_size=1, max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_no_other_name_is_ever_taken(good, place, name):
    try:
        pack(place, good | {name: b"evil"})
    except (UnicodeError, ValueError):
        return  # no zip can hold it

    refused(place, "does not belong in a bundle|is in it twice|manifest")


def test_links_devices_and_encrypted_files_are_refused(good, place, run):
    for mode in (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR):
        link = {f"{run}/thumb.webp": {"external_attr": (mode | 0o777) << 16}}
        pack(place, good, **link)
        refused(place, "thumb.webp is a link or a device")

    pack(place, good)
    content = bytearray(place.read_bytes())
    content[list_of(content) + 8] |= 1
    place.write_bytes(content)
    refused(place, "is encrypted")


def test_a_file_that_is_in_it_twice_is_refused(good, place, run):
    pack(place, good)
    with (
        zipfile.ZipFile(place, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        archive.writestr(f"{run}/run.json", b"{}")

    refused(place, r"run\.json is in it twice")


def test_what_is_larger_or_tighter_than_it_can_be_is_refused(good, place, run):
    pack(place, good | {f"{run}/run.json": b" " * (5 * 2**20)})
    refused(place, r"run\.json is larger than 4 MB")

    bomb = good | {f"{run}/hover.mp4": b"\0\0\0\0ftyp" + b"\0" * (20 * 2**20)}
    pack(place, bomb, zipfile.ZIP_DEFLATED)
    refused(place, r"hover\.mp4 is packed smaller")


def list_of(content):
    """Where the list of files of a zip begins."""
    return struct.unpack("<L", content[-6:-2])[0]


def test_files_that_lie_over_each_other_are_refused(good, place, run):
    """A list that names the same megabytes again and again."""
    pack(place, good | {f"{run}/hover.mp4": b"\0\0\0\0ftyp" + bytes(range(256)) * 8192})
    content = bytearray(place.read_bytes())
    at = list_of(content)
    while content[at : at + 4] == b"PK\x01\x02":  # each entry of the list says it is as large
        size = struct.pack("<LL", 2**21, 2**21)
        name = struct.unpack("<H", content[at + 28 : at + 30])[0]
        if content[at + 46 : at + 46 + name].endswith((b".mp4", b".jpg", b".webp", b".html")):
            content[at + 20 : at + 28] = size
        at += 46 + name
    place.write_bytes(content)

    refused(place, "lie over each other")


def test_a_list_of_files_that_would_fill_the_memory_is_not_read(place):
    """The end of the file says that the list before it has two gigabytes."""
    size = 2**31
    with place.open("wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, size, 0, 0))

    refused(place, "it is no bundle")
    with place.open("rb") as file:
        for wanted in (-1, size):
            file.seek(0)
            assert len(CarefulFile(file).read(wanted)) == MOST_AT_ONCE


def test_a_bundle_that_was_not_saved_whole_says_so(good, place):
    content = pack(place, good).read_bytes()
    for size in (0, 1, 30, len(content) // 2, len(content) - 22, len(content) - 1):
        place.write_bytes(content[:size])
        refused(place, "it is no bundle, or was not saved whole")


def test_the_manifest_must_know_every_file_and_its_content(good, place, run):
    pack(place, good | {"manifest.json": manifest({})})
    refused(place, "is not listed in manifest.json")

    pack(place, good | {"manifest.json": manifest(good, **{"assets/x.png": listing_of(b"")})})
    refused(place, r"assets/x\.png is not in it")

    files = good | {f"{run}/video.mp4": good[f"{run}/video.mp4"] + b"\0"}
    pack(place, files | {"manifest.json": manifest(good)})
    refused(place, r"video\.mp4 has another size")

    video = bytearray(good[f"{run}/video.mp4"])
    video[-1] ^= 1
    pack(place, good | {f"{run}/video.mp4": bytes(video), "manifest.json": manifest(good)})
    refused(place, r"video\.mp4 was changed")

    for content in (b"", b"[]", b'{"schema": "wanderbook.bundle/2"}', b"[" * 100_000):
        pack(place, good | {"manifest.json": content})
        refused(place, r"manifest\.json")


def listing_of(content):
    return {"size": len(content), "sha256": "0" * 64}


def test_every_run_must_be_whole(good, place, run):
    for name in ("video.mp4", "run.json", "c2w.npz"):
        pack(place, {path: content for path, content in good.items() if path != f"{run}/{name}"})
        refused(place, f"{name} is missing")

    first_frame = next(name for name in good if name.startswith("assets/"))
    pack(place, {path: content for path, content in good.items() if path != first_frame})
    refused(place, "the first frame of runs/")


def test_files_must_be_what_their_names_say(good, place, run):
    page = b"<html><script>alert(1)</script>"
    for name in ("video.mp4", "poster.jpg", "thumb.webp", "c2w.npz"):
        pack(place, good | {f"{run}/{name}": page})
        refused(place, f"{name} is not")

    first_frame = next(name for name in good if name.startswith("assets/"))
    pack(place, good | {first_frame: png((40, 30))})
    refused(place, "is named after another content")


def png(size):
    stream = io.BytesIO()
    Image.new("RGB", size, "red").save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"seed": 2**70}, "cannot be read"),
        ({"seed": -1}, "seed"),
        ({"guidance_scale": 1e999}, "cannot be read"),
        ({"created_at": 1e300}, "at no good time"),
        ({"num_frames": 10**9}, "num_frames"),
        ({"path_points": []}, "path_points"),
        ({"parent_id": "../../x"}, "named"),
        (
            {"path_source": {"kind": "actions", "actions": "w-8", "start": 3}},
            "goes on from nothing",
        ),
        ({"path_source": {"kind": "actions", "actions": "w-16"}}, "another path"),
        ({"path_source": {"kind": "poses", "poses": "../app.db"}}, "names its poses"),
        ({"schema": "wanderbook.run/9"}, "is not a wanderbook.run/1 record"),
        ({"image": {"sha256": "../" * 9, "extension": "png", "width": 1, "height": 1}}, "asset"),
        ({"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}, "another run"),
        ({"prompt": "\ud800"}, "cannot be read"),
        ({"prompt": 3}, "prompt"),
        ({"record": {"origin": "x"}}, "named"),
        ({"fps": 9.0}, "another length"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(good, place, run, changes, why):
    pack(place, good | {f"{run}/run.json": changed(good[f"{run}/run.json"], **changes)})

    refused(place, rf"run\.json cannot be|{run}/c2w.npz|run\.json belongs")
    refused(place, why)


def test_poses_are_those_of_the_recipe_by_hash_and_by_kind(good, place, run):
    path = json.loads(good[f"{run}/run.json"])["path"]
    for other in ({"extension": "png"}, {"sha256": "0" * 64}):
        pack(place, good | {f"{run}/run.json": changed(good[f"{run}/run.json"], path=path | other)})
        refused(place, "is not the path that its recipe names")


def test_poses_are_not_unpickled(good, place, run):
    stream = io.BytesIO()
    np.savez(stream, c2w=np.array([{"evil": open}], dtype=object))
    poses = stream.getvalue()
    files = good | {f"{run}/c2w.npz": poses}
    record = json.loads(good[f"{run}/run.json"])
    path = record["path"] | {
        "sha256": json.loads(manifest(files))["files"][f"{run}/c2w.npz"]["sha256"]
    }
    pack(place, files | {f"{run}/run.json": changed(good[f"{run}/run.json"], path=path)})

    refused(place, "holds no camera path")


def test_runs_that_come_from_each_other_are_refused(good, place):
    [first, second] = sorted({name.split("/")[1] for name in good if name.startswith("runs/")})
    record = f"runs/{first}/run.json"
    pack(place, good | {record: changed(good[record], parent_id=second)})

    refused(place, "comes from itself")


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "../inbox"},
        {"title": ""},
        {"title": "x" * 500},
        {"description": "x" * 30_000},
        {"cells": {}},
        {"cells": [{"id": "1"}]},
        {"created_at": "now"},
        {"schema": "wanderbook.notebook/2"},
    ],
)
def test_a_notebook_that_cannot_be_is_refused(good, place, changes):
    pack(place, good | {"notebook.json": changed(good["notebook.json"], **changes)})

    refused(place, "notebook.json cannot be used")


def test_cells_must_show_what_is_there(good, place):
    book = json.loads(good["notebook.json"])
    shown, _, text, compare = book["cells"]
    for cells, why in (
        ([shown | {"run": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}], "shows a run that is not in it"),
        ([shown, shown | {"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}], "shows a run twice"),
        ([text, text], "the same 'id'"),
        ([text | {"content": {}}], "content"),
        ([text | {"content": {"text": "x" * 30_000}}], "more than fits"),
        ([compare | {"content": {"runs": ["<script>"]}}], "named"),
        ([compare | {"kind": "sweep"}], "content"),
        ([compare | {"kind": "run"}], "kind"),
    ):
        pack(place, good | {"notebook.json": changed(good["notebook.json"], cells=cells)})
        refused(place, why)


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
def test_a_torn_or_scratched_file_is_refused_or_reads_as_before(good, place, data):
    content = bytearray(pack(place, good).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
    place.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])

    try:
        found = inspect(place)
    except InvalidRequestError:
        return
    assert found.runs == inspect(pack(place, good)).runs


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(data=st.data(), value=JSON)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_whatever_a_record_says_it_is_refused_in_words_or_fit_for_the_page(
    good, made, place, tmp_path_factory, data, value
):
    name = data.draw(st.sampled_from([name for name in good if name.endswith(".json")]))
    record = json.loads(good[name])
    inside = record
    for _ in range(data.draw(st.integers(0, 3))):
        inner = [one for one in (inside.values() if isinstance(inside, dict) else inside)]
        inner = [one for one in inner if isinstance(one, dict | list) and one]
        inside = data.draw(st.sampled_from(inner)) if inner else inside
    keys = sorted(inside) if isinstance(inside, dict) else range(len(inside))
    inside[data.draw(st.sampled_from(keys))] = value
    pack(place, good | {name: json.dumps(record).encode()})

    try:
        inspect(place)
    except InvalidRequestError:
        return
    show(place, made[1], tmp_path_factory.mktemp("there"))


def show(place, there, folder):
    """Bring a bundle into a fresh notebook and look at everything in it."""
    database = Database.open(folder)
    Importing(database).bring_in(place, "me")
    studio = Studio(Settings(data_folder=folder, model_folder=there.model_folder), database)
    for run in studio.runs(None):
        studio.chains.chain(run.id)
        studio.gallery.family(run.id)
    for book in studio.book.all():
        studio.book.cells(book.id)
        studio.book.outline(book.id)
    studio.gallery.search("lamp")
    studio.gallery.facets("")
    studio.stop()
    database.close()
