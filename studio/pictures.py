"""First frames: checked, turned upright, stripped of EXIF, kept once by content.

What is kept is encoded anew from pixels, so nothing but the picture survives: no place, no camera,
no trailing bytes. Small pictures stay lossless; large ones become JPEGs, since a phone's 48
megapixels would be a PNG of a hundred megabytes. No model sees more than `LONGEST_SIDE` pixels.
"""

import io
import json
import time
from pathlib import Path

from PIL import Image
from sqlalchemy.orm import Session

from sanawm.errors import InvalidRequestError
from sanawm.image import open_photo
from storage.database import Database
from storage.files import write_whole
from storage.tables import Asset
from studio.limits import check_disk
from studio.media import MediaKeys
from studio.models import Model, ModelShelf
from studio.run_views import thumb_name
from studio.views import AssetView, ExampleView

LONGEST_SIDE = 4096
LOSSLESS_PIXELS = 2_000_000
THUMB_SIDE = 640


class Pictures:
    """The stored first frames, and the examples that models bring."""

    def __init__(self, database: Database, keys: MediaKeys, shelf: ModelShelf) -> None:
        self._database = database
        self._keys = keys
        self._shelf = shelf

    def store(self, path: Path) -> AssetView:
        """Keep a picture; InvalidRequestError where it is none, or finds no room."""
        check_disk(self._database.folder.root)
        picture = open_photo(path)
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
        (content, extension), small = _encode(picture), _small(picture)
        with self._database.write() as session:  # the lock keeps a clean-up from taking it away
            asset = self._keep(session, content, extension, picture.size, small)
        return self._view(asset)

    def find(self, sha256: str) -> AssetView:
        """A stored first frame; InvalidRequestError where there is none."""
        with self._database.read() as session:
            asset = session.get(Asset, sha256)
        if asset is None or asset.extension == "npz":
            raise InvalidRequestError("Choose a first frame to begin.", field="image")
        return self._view(asset)

    def examples(self) -> list[ExampleView]:
        """The first frames that come with the default model; empty where it brings none."""
        model = self._shelf.default()
        return [
            ExampleView(
                id=entry["file"],
                title=entry["title"],
                prompt=entry["prompt"],
                license=entry["license"],
                url=self._keys.media_url(f"examples/{entry['file']}"),
            )
            for entry in _manifest(model)
        ]

    def use_example(self, example_id: str) -> AssetView:
        """Store an example like any other picture."""
        return self.store(self.example_file(example_id))

    def example_file(self, example_id: str) -> Path:
        """Where an example lies; only what the manifest names is one."""
        model = self._shelf.default()
        if example_id not in {entry["file"] for entry in _manifest(model)}:
            raise InvalidRequestError("This example is not there any more.", field="image")
        return model.folder / "examples" / example_id

    def _keep(
        self, session: Session, content: bytes, extension: str, size: tuple[int, int], small: bytes
    ) -> Asset:
        """Files first, row last; a picture that was there already is as good as new."""
        folder = self._database.folder
        sha256 = folder.store_asset(content, extension)
        thumb = folder.root / thumb_name(sha256)
        if not thumb.exists():
            write_whole(thumb, small)
        width, height = size
        asset = Asset(
            sha256=sha256,
            extension=extension,
            width=width,
            height=height,
            created_at=time.time(),
        )
        return session.merge(asset)

    def _view(self, asset: Asset) -> AssetView:
        return AssetView(
            sha256=asset.sha256,
            width=asset.width,
            height=asset.height,
            url=self._keys.media_url(f"assets/{asset.sha256}.{asset.extension}"),
            thumb=self._keys.media_url(thumb_name(asset.sha256)),
        )


def _encode(picture: Image.Image) -> tuple[bytes, str]:
    stream = io.BytesIO()
    if picture.width * picture.height <= LOSSLESS_PIXELS:
        picture.save(stream, "PNG")
        return stream.getvalue(), "png"
    picture.save(stream, "JPEG", quality=95, subsampling=0)
    return stream.getvalue(), "jpg"


def small_version(file: Path) -> bytes:
    """What the page shows of a stored picture; InvalidRequestError where it is none."""
    return _small(open_photo(file))


def _small(picture: Image.Image) -> bytes:
    small = picture.copy()
    small.thumbnail((THUMB_SIDE, THUMB_SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=85)
    return stream.getvalue()


def _manifest(model: Model) -> list[dict[str, str]]:
    manifest = model.folder / "examples" / "examples.json"
    if not manifest.is_file():
        return []
    entries: list[dict[str, str]] = json.loads(manifest.read_text(encoding="utf-8"))
    return entries
