"""First frames: any person's picture file to an upright RGB picture, and that to the model's size.

The header is judged before a single pixel is decoded, so a picture that is too large costs
nothing. Sizes are (width, height) in pixels. Large pictures are halved, or quartered, while they
are decoded: no model sees more than 2048 pixels a side.
"""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from sanawm.camera.intrinsics import crop_geometry
from sanawm.errors import InvalidRequestError

MAX_PIXELS = 64 * 2**20  # phones that say "64 megapixels" make 9248 × 6936, a little over 64e6
ENOUGH = 2048  # pixels a side that are kept where the picture has more
FORMATS = ["PNG", "JPEG", "WEBP", "GIF", "BMP", *(["AVIF"] if features.check("avif") else [])]
PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif", ".heic", ".tiff"}
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}

ORIENTATION = 0x0112  # EXIF: how the camera was held
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# What decoders raise for data that is cut off or damaged.
BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    TypeError,
    struct.error,
    zlib.error,
)


def open_photo(path: Path) -> Image.Image:
    """The picture upright, in RGB, on white where it is transparent; the first of an animation.

    Above `ENOUGH` pixels a side it comes back smaller by 2, 3, … ; `photo_size` has the true size.
    """
    with _opened(Path(path)) as image:
        image.draft("RGB", (ENOUGH, ENOUGH))  # a JPEG decodes straight to half or quarter size
        try:
            image.load()
        except BROKEN as error:
            raise _problem(
                f"{_name(path)} is damaged or cut short. Save or copy the picture again."
            ) from error
        upright = UPRIGHT.get(_orientation(image))
        colours = _on_white(_enough(_eight_bit(image)))
        colours = colours if upright is None else colours.transpose(upright)
    colours.info = {}  # profiles and EXIF name the device and the place
    return colours


def photo_size(path: Path) -> tuple[int, int]:
    """Width and height of the upright picture as the file has it, from its header."""
    with _opened(Path(path)) as image:
        width, height = image.size
        is_turned = _orientation(image) in (5, 6, 7, 8)
    return (height, width) if is_turned else (width, height)


def fit_to(image: Image.Image, width: int, height: int) -> Image.Image:
    """Scale a picture until it covers this size and cut its middle out."""
    crop = crop_geometry(*image.size, width, height)
    scale_x, scale_y = np.divide(crop.source, crop.resized)
    # Only what stays is resampled: the same pixels, and no giant in between for a thin strip.
    box = (
        crop.left * scale_x,
        crop.top * scale_y,
        min((crop.left + width) * scale_x, image.width),
        min((crop.top + height) * scale_y, image.height),
    )
    return image.resize((width, height), Image.Resampling.LANCZOS, box=box)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The picture with nothing but its header read, of a kind and size we take."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # our own sentences say what matters
        try:
            image = Image.open(path, formats=FORMATS)
        except UnidentifiedImageError:
            raise _problem(_why_unknown(path)) from None
        except Image.DecompressionBombError:
            raise _problem(
                f"{_name(path)} has far more than 64 megapixels. Up to 64 work."
            ) from None
        except FileNotFoundError:
            raise _problem(f"There is no picture at {_name(path)}.") from None
        except BROKEN as error:
            raise _problem(_why_unknown(path)) from error
        with image:
            width, height = image.size
            if not width or not height:
                raise _problem(f"{_name(path)} is a picture without a single pixel.")
            if width * height > MAX_PIXELS:
                raise _problem(f"This picture is {width:,} × {height:,}. Up to 64 megapixels work.")
            yield image


def _why_unknown(path: Path) -> str:
    """What a file is that is no picture we read."""
    name, works = _name(path), "PNG, JPEG and WebP work."
    try:
        with path.open("rb") as file:
            head = file.read(1024)
    except OSError:
        return f"{name} cannot be opened. {works}"
    if not head:
        return f"{name} is empty. {works}"
    if head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS:
        return f"{name} is a HEIC picture, which cannot be read here. Save it as JPEG. {works}"
    if _is_text(head) and path.suffix.lower() in PICTURE_SUFFIXES:
        return f"{name} is a text file with a picture's name. {works}"
    return f"{name} is not a picture this program knows, or it is damaged. {works}"


def _is_text(head: bytes) -> bool:
    return not any(byte < 32 and byte not in b"\t\n\r\f" for byte in head)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except BROKEN:  # a damaged note must not cost the picture
        return 1


def _eight_bit(image: Image.Image) -> Image.Image:
    """RGB or RGBA, eight bits a channel; sixteen-bit greys keep their upper eight."""
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.int64) >> 8
        return Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _enough(image: Image.Image) -> Image.Image:
    factor = min(image.width // ENOUGH, image.height // ENOUGH)
    return image.reduce(factor) if factor > 1 else image


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.copy()
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _name(path: Path) -> str:
    name = Path(path).name
    return name if len(name) <= 48 else f"{name[:30]}…{name[-16:]}"


def _problem(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, field="image")
