"""A first frame arrives: the file's own bytes, as the body of a POST, never more than fit.

The bytes go to a file in a temporary folder under the name the person gave it, so that a refusal
can name it; the studio looks at its header before anything is decoded.
"""

import re
import shutil
import tempfile
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from sanawm.errors import InvalidRequestError
from studio.limits import SPARE_BYTES
from studio.studio import Studio
from ui.forms import image_value

LARGEST_BYTES = 64 * 1024 * 1024  # static/firstframe.js says the same before it sends
LONGEST_NAME = 80  # characters
LARGE_BYTES = 4 * 1024 * 1024  # fit on any disk; before each further so many, it is looked at
NO_ROOM = "The disk of this notebook is nearly full, so {name} does not fit."


async def receive_image(studio: Studio, request: Request) -> dict[str, Any]:
    """Store a picture; a file that is none is refused with a sentence."""
    with tempfile.TemporaryDirectory(prefix="wanderbook-") as folder:
        file = Path(folder) / file_name(request.headers.get("x-file-name", ""))
        await write_body(request, file, LARGEST_BYTES)
        image = await run_in_threadpool(studio.store_image, file)
    return image_value(image)


def file_name(header: str) -> str:
    """The last part of what a browser calls the file, fit for any file system."""
    name = PureWindowsPath(PurePosixPath(unquote(header)).name).name
    name = re.sub(r'[\x00-\x1f<>:"|?*]', "", name).strip(". ")
    return name[-LONGEST_NAME:] or "picture"


async def write_body(request: Request, file: Path, most: int) -> None:
    """The body of a request as a file, piece by piece; a sentence where it is over `most` bytes."""
    said = request.headers.get("content-length", "")
    _check_room(file, int(said) if said.isdecimal() and len(said) < 16 else 0)
    size = seen = 0
    with file.open("wb") as stream:
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size - seen >= LARGE_BYTES:
                    seen = size
                    _check_room(file, LARGE_BYTES)
                if size > most:
                    megabytes = f"{most // 1024**2} MB"
                    raise InvalidRequestError(
                        f"{file.name} has more than {megabytes}. Up to {megabytes} work.",
                        field="image",
                    )
                stream.write(chunk)
        except ClientDisconnect as error:
            raise InvalidRequestError("The file did not arrive whole.", field="image") from error
    if not size:
        raise InvalidRequestError(f"{file.name} is empty.", field="image")


def _check_room(file: Path, more: int) -> None:
    """Refuse what would fill the disk that runs are made on."""
    if more >= LARGE_BYTES and shutil.disk_usage(file.parent).free - more < SPARE_BYTES:
        raise InvalidRequestError(NO_ROOM.format(name=file.name), field="image")
