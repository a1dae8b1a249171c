"""First frames are kept as pixels only, upright, once; examples come from the model's folder."""

import json
import urllib.parse

import pytest
from PIL import Image

from sanawm.errors import InvalidRequestError

ORIENTATION, GPS = 0x0112, 0x8825


def fetch(studio, url):
    parts = urllib.parse.urlsplit(url)
    query = urllib.parse.parse_qs(parts.query)
    name = urllib.parse.unquote(parts.path.removeprefix("/gradio_api/wm/media/"))
    return studio.media_file(name, query["e"][0], query["s"][0])


@pytest.fixture
def photo(tmp_path):
    """A sideways JPEG that tells where it was taken."""

    def make(width=60, height=40, name="photo.jpg"):
        picture = Image.new("RGB", (width, height), "navy")
        picture.paste("white", (0, 0, width // 4, height))
        exif = Image.Exif()
        exif[ORIENTATION] = 6
        exif.get_ifd(GPS)[1] = "N"
        picture.save(tmp_path / name, exif=exif, comment=b"home")
        return tmp_path / name

    return make


def test_exif_is_applied_and_gone(studio, photo):
    stored = studio.store_image(photo())
    assert (stored.width, stored.height) == (40, 60)
    for url in (stored.url, stored.thumb):
        with Image.open(fetch(studio, url)) as kept:
            assert kept.size == (40, 60)
            assert not kept.getexif()
            assert not {"exif", "comment", "xmp"} & set(kept.info)
            assert kept.convert("RGB").getpixel((20, 4))[0] > 200  # white is on top now


def test_a_large_photo_stays_a_photo_and_is_brought_to_a_sane_size(studio, photo):
    stored = studio.store_image(photo(5000, 1000))
    assert max(stored.width, stored.height) == 4096
    file = fetch(studio, stored.url)
    assert file.suffix == ".jpg"
    with Image.open(fetch(studio, stored.thumb)) as thumb:
        assert max(thumb.size) == 640


def test_small_pictures_keep_every_pixel(studio, tmp_path):
    noise = Image.effect_noise((50, 50), 90).convert("RGB")
    noise.save(tmp_path / "noise.png")
    with Image.open(fetch(studio, studio.store_image(tmp_path / "noise.png").url)) as kept:
        assert kept.tobytes() == noise.tobytes()


def test_the_same_picture_is_kept_once(studio, database, photo):
    first = studio.store_image(photo(name="a.jpg"))
    second = studio.store_image(photo(name="b.jpg"))
    assert first.sha256 == second.sha256
    assert studio.image(first.sha256) == second
    assert len(list(database.folder.assets.iterdir())) == 2  # the picture and its small version


def test_a_text_file_named_png_is_refused_with_a_sentence(studio, tmp_path):
    (tmp_path / "notes.png").write_text("not a picture")
    with pytest.raises(InvalidRequestError) as refusal:
        studio.store_image(tmp_path / "notes.png")
    assert refusal.value.field == "image"


def test_examples_come_with_their_words_and_can_be_used(studio, settings):
    assert studio.examples() == []
    folder = settings.model_folder / "examples"
    folder.mkdir()
    Image.new("RGB", (16, 16), "red").save(folder / "room.png")
    (settings.model_folder / "secret.txt").write_text("secret")
    entry = {"file": "room.png", "title": "A room", "prompt": "a room", "license": "Apache-2.0"}
    (folder / "examples.json").write_text(json.dumps([entry]))
    [example] = studio.examples()
    assert (example.title, example.prompt, example.license) == ("A room", "a room", "Apache-2.0")
    assert fetch(studio, example.url) == folder / "room.png"
    assert studio.use_example(example.id).width == 16
    with pytest.raises(InvalidRequestError):
        studio.use_example("../secret.txt")
