"""Bundles for tests: a good one as a dictionary, and any dictionary as a bundle."""

import hashlib
import json
import zipfile

from PIL import Image
from studio_ways import CARD, RUNNER, Bench, draft_of

from storage.database import Database
from studio.settings import Settings
from studio.studio import Studio


def make_good(folder):
    """The files of a bundle with a notebook of a run and a new seed of it."""
    model = folder / "model"
    model.mkdir()
    (model / "wanderbook.json").write_text(json.dumps(CARD))
    settings = Settings(data_folder=folder / "data", model_folder=model)
    database = Database.open(settings.data_folder)
    studio = Studio(settings, database, local_owner=True, runner=RUNNER)
    Image.new("RGB", (40, 30), "teal").save(folder / "lamp.png")
    bench = Bench(settings, database)
    first = studio.submit(draft_of(studio.store_image(folder / "lamp.png"), seed=7), "one", "me")
    bench.make_next()
    second = studio.reseed(first.id, "two", "me")
    bench.make_next()
    studio.marks.tag([first.id], ["blue"], [], "me")
    studio.book.add_text("inbox", "# Lamps", "me")
    studio.book.add_compare("inbox", [first.id, second.id], "me")
    bundle = studio.bundles.of_notebook("inbox", lambda contents: "<title>page</title>")
    files = {entry.name: b"".join(entry.chunks()) for entry in bundle.entries}
    studio.stop()
    database.close()
    return files, settings


def listing(files):
    return {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }


def manifest(files, **changes):
    return json.dumps({"schema": "wanderbook.bundle/1", "files": listing(files) | changes}).encode()


def pack(place, files, method=zipfile.ZIP_STORED, **changes):
    """Write a bundle of these files, with a manifest unless they bring one."""
    whole = files if "manifest.json" in files else files | {"manifest.json": manifest(files)}
    with zipfile.ZipFile(place, "w", method) as archive:
        for name, content in whole.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            for field, value in changes.get(name, {}).items():
                setattr(info, field, value)
            archive.writestr(info, content)
    return place
