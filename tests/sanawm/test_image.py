"""First frames: whatever picture a person has becomes upright RGB, or a sentence."""

import io
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import load_file

from sanawm.camera.intrinsics import crop_geometry
from sanawm.errors import InvalidRequestError
from sanawm.image import fit_to, open_photo, photo_size

REFERENCE = load_file(Path(__file__).parents[1] / "data" / "camera_pack.safetensors")
ORIENTATION = 0x0112


def noise(width, height, channels=3, seed=0):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def corners(width=40, height=24):
    """Red at the upper left, green upper right, blue lower left, white lower right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    h, w = height // 2, width // 2
    pixels[:h, :w], pixels[:h, w:] = (255, 0, 0), (0, 255, 0)
    pixels[h:, :w], pixels[h:, w:] = (0, 0, 255), (255, 255, 255)
    return Image.fromarray(pixels)


def corner_names(image):
    def name(pixel):
        bright = tuple(int(channel) > 128 for channel in pixel)
        return {(1, 0, 0): "R", (0, 1, 0): "G", (0, 0, 1): "B", (1, 1, 1): "W"}[bright]

    right, bottom = image.width - 3, image.height - 3
    at = ((2, 2), (right, 2), (2, bottom), (right, bottom))
    return "".join(name(image.getpixel(place)) for place in at)


def png_header(width, height):
    """A PNG that promises this size and holds no pixels."""
    data = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    crc = zlib.crc32(b"IHDR" + data)
    header = struct.pack(">I", 13) + b"IHDR" + data + struct.pack(">I", crc)
    return b"\x89PNG\r\n\x1a\n" + header + b"\0\0\0\x10IDAT"


def refusal(path):
    with pytest.raises(InvalidRequestError) as refused:
        open_photo(path)
    assert refused.value.field == "image"
    return str(refused.value)


@pytest.mark.parametrize("name", ["image150x200", "image37x53"])
def test_a_fitted_picture_is_the_released_pipelines(name):
    image = Image.fromarray(REFERENCE[f"{name}/uint8_hwc"])

    fitted = fit_to(image, 96, 64)

    np.testing.assert_array_equal(np.asarray(fitted), REFERENCE[f"{name}/pixel_values_64x96"])


@given(width=st.integers(1, 160), height=st.integers(1, 160))
def test_fitting_is_scaling_the_whole_picture_and_cutting_its_middle(width, height):
    image = Image.fromarray(noise(width, height))
    crop = crop_geometry(width, height, 48, 32)
    whole = image.resize(crop.resized, Image.Resampling.LANCZOS)
    expected = whole.crop((crop.left, crop.top, crop.left + 48, crop.top + 32))

    fitted = np.asarray(fit_to(image, 48, 32)).astype(int)

    assert np.abs(fitted - np.asarray(expected)).max() <= 1


def test_a_strip_thirty_thousand_pixels_wide_is_fitted_without_a_giant_in_between():
    assert fit_to(Image.new("RGB", (30_000, 2), "teal"), 1280, 704).getpixel((9, 9)) == (
        0,
        128,
        128,
    )


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "avif"])
def test_common_kinds_of_picture_open(tmp_path, suffix):
    file = tmp_path / f"photo.{suffix}"
    corners().save(file)

    image = open_photo(file)

    assert (image.mode, image.size, corner_names(image)) == ("RGB", (40, 24), "RGBW")


@pytest.mark.parametrize("orientation", range(9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_a_photo_is_turned_the_way_the_camera_was_held(tmp_path, orientation, suffix):
    # What each EXIF value says must be done to the stored picture, as in the TIFF standard.
    undo = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: lambda a: np.rot90(a, 1),
    }.get(orientation, lambda a: a)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = tmp_path / f"photo.{suffix}"
    corners().save(file, exif=exif, **({"lossless": True} if suffix == "webp" else {}))

    image = open_photo(file)

    expected = Image.fromarray(np.ascontiguousarray(undo(np.asarray(corners()))))
    assert image.size == expected.size == photo_size(file)
    assert corner_names(image) == corner_names(expected)


def test_a_damaged_exif_block_does_not_cost_the_picture(tmp_path):
    corners().save(tmp_path / "photo.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff broken")

    assert corner_names(open_photo(tmp_path / "photo.jpg")) == "RGBW"


def test_transparency_becomes_white(tmp_path):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:4, :, 3] = 128  # black, half transparent; below, wholly
    Image.fromarray(pixels).save(tmp_path / "alpha.png")
    Image.fromarray(pixels).convert("LA").save(tmp_path / "grey.png")
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([10, 20, 30, 200, 0, 0])
    palette.putpixel((0, 0), 1)
    palette.save(tmp_path / "palette.png", transparency=0)

    for name in ("alpha.png", "grey.png"):
        image = open_photo(tmp_path / name)
        assert image.getpixel((0, 0)) == (127, 127, 127)
        assert image.getpixel((0, 7)) == (255, 255, 255)
    image = open_photo(tmp_path / "palette.png")
    assert image.getpixel((0, 0)) == (200, 0, 0)
    assert image.getpixel((5, 5)) == (255, 255, 255)


def test_greys_palettes_sixteen_bits_and_print_colours_open(tmp_path):
    ramp = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    Image.fromarray((ramp >> 8).astype(np.uint8)).save(tmp_path / "grey.jpg", quality=100)
    corners().convert("P").save(tmp_path / "palette.png")
    corners().convert("1").save(tmp_path / "ink.png")
    corners().convert("CMYK").save(tmp_path / "print.jpg", quality=95)

    deep = np.asarray(open_photo(tmp_path / "deep.png"))
    np.testing.assert_array_equal(deep[..., 0], ramp >> 8)
    assert (
        np.abs(
            np.asarray(open_photo(tmp_path / "grey.jpg"))[..., 1].astype(int) - deep[..., 1]
        ).max()
        < 9
    )
    assert corner_names(open_photo(tmp_path / "palette.png")) == "RGBW"
    assert open_photo(tmp_path / "ink.png").getpixel((39, 23)) == (255, 255, 255)
    assert corner_names(open_photo(tmp_path / "print.jpg")) == "RGBW"


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_of_an_animation_the_first_frame_is_taken(tmp_path, suffix):
    file = tmp_path / f"moving.{suffix}"
    Image.new("RGB", (8, 8), "lime").save(
        file, save_all=True, append_images=[Image.new("RGB", (8, 8), "blue")], duration=100
    )

    red, green, blue = open_photo(file).getpixel((4, 4))
    assert green > 250
    assert max(red, blue) < 5


def test_a_photo_of_a_48_megapixel_phone_opens_at_half_size(tmp_path):
    corners(8000, 6000).save(tmp_path / "phone.jpg", quality=80)

    image = open_photo(tmp_path / "phone.jpg")

    assert photo_size(tmp_path / "phone.jpg") == (8000, 6000)
    assert (image.size, corner_names(image)) == ((4000, 3000), "RGBW")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the peak")
def test_a_phones_photo_is_never_in_memory_at_full_size(tmp_path):
    corners(8000, 6000).save(tmp_path / "phone.jpg", quality=80)
    program = (
        "from pathlib import Path; import sys; from sanawm.image import open_photo;"
        "before = Path('/proc/self/status').read_text();"
        "open_photo(Path(sys.argv[1]));"
        "print(before, Path('/proc/self/status').read_text())"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "phone.jpg"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    before_kb, after_kb = map(int, re.findall(r"VmHWM:\s+(\d+) kB", done.stdout))
    assert after_kb - before_kb < 120_000  # at full size the pixels alone are 144 MB


def test_a_large_picture_that_is_no_jpeg_is_halved_too(tmp_path):
    corners(4100, 4096).save(tmp_path / "large.png", compress_level=1)

    image = open_photo(tmp_path / "large.png")

    assert (image.size, corner_names(image)) == ((2050, 2048), "RGBW")


def test_a_picture_carries_neither_device_nor_place(tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[ORIENTATION] = "Camera of Jo", 6
    corners().save(tmp_path / "photo.jpg", exif=exif, icc_profile=b"profile of Jo", comment=b"Jo")

    image = open_photo(tmp_path / "photo.jpg")
    image.save(tmp_path / "copy.png")

    assert (image.info, dict(image.getexif())) == ({}, {})
    assert b"Jo" not in (tmp_path / "copy.png").read_bytes()
    assert corner_names(open_photo(tmp_path / "copy.png")) == "BRWG"


def test_what_is_no_picture_is_refused_with_what_it_is(tmp_path):
    (tmp_path / "notes.png").write_text("Dear diary, today …", encoding="utf-8")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (tmp_path / "photo.jpg").write_bytes(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic")
    (tmp_path / "song.mp3").write_bytes(b"ID3\x04\0\0\0\0\0\0" + bytes(range(256)))
    (tmp_path / "folder.png").mkdir()

    works = "PNG, JPEG and WebP work."
    heic = "is a HEIC picture, which cannot be read here. Save it as JPEG."
    assert refusal(tmp_path / "notes.png") == (
        f"notes.png is a text file with a picture's name. {works}"
    )
    assert refusal(tmp_path / "empty.jpg") == f"empty.jpg is empty. {works}"
    assert refusal(tmp_path / "phone.heic") == f"phone.heic {heic} {works}"
    assert refusal(tmp_path / "photo.jpg") == f"photo.jpg {heic} {works}"
    assert refusal(tmp_path / "song.mp3").startswith("song.mp3 is not a picture this program knows")
    assert refusal(tmp_path / "missing.png") == "There is no picture at missing.png."
    assert refusal(tmp_path / "folder.png") == f"folder.png cannot be opened. {works}"


def test_a_picture_too_large_is_refused_by_its_header_alone(tmp_path):
    for name, size in (("large", (12_000, 12_000)), ("bomb", (60_000, 60_000))):
        (tmp_path / f"{name}.png").write_bytes(png_header(*size))

    assert refusal(tmp_path / "large.png") == (
        "This picture is 12,000 × 12,000. Up to 64 megapixels work."
    )
    assert (
        refusal(tmp_path / "bomb.png") == "bomb.png has far more than 64 megapixels. Up to 64 work."
    )


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp"])
@given(share=st.floats(0, 0.97))
def test_a_picture_cut_short_is_refused(tmp_path_factory, suffix, share):
    whole = io.BytesIO()
    Image.fromarray(noise(40, 40)).save(whole, format="JPEG" if suffix == "jpg" else suffix)
    file = tmp_path_factory.mktemp("cut") / f"photo.{suffix}"
    file.write_bytes(whole.getvalue()[: int(share * len(whole.getvalue()))])

    sentence = refusal(file)

    assert sentence.startswith("photo.")
    assert sentence.endswith(".")


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0)])
def test_a_picture_without_pixels_is_refused(tmp_path, width, height):
    (tmp_path / "nothing.png").write_bytes(png_header(width, height))

    assert "nothing.png" in refusal(tmp_path / "nothing.png")


def test_a_damaged_picture_is_refused(tmp_path):
    whole = io.BytesIO()
    Image.fromarray(noise(64, 64)).save(whole, format="PNG")
    damaged = bytearray(whole.getvalue())
    damaged[200:400] = b"\x55" * 200
    (tmp_path / "photo.png").write_bytes(damaged)

    assert refusal(tmp_path / "photo.png") == (
        "photo.png is damaged or cut short. Save or copy the picture again."
    )
