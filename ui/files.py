"""Files for the page: media behind an address that expires, scripts and styles for good.

Media answers ranges, so a video can be moved through, and compares ETags itself, since
`FileResponse` does not. Nothing is ever served under a type a browser would run, and data can only
be downloaded.
"""

import re
from io import BytesIO
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from studio.media import LIVE
from studio.studio import Studio
from ui import static_files

NO_SNIFF = {"X-Content-Type-Options": "nosniff"}
FOR_GOOD = "public, max-age=31536000, immutable"
FOR_THIS_BROWSER = "private, max-age=43200, immutable"  # an address lives at least this long
LIVE_BYTES = 4 << 20  # at most in one answer; the page asks on
PREVIEW = re.compile(r"/preview-\d+\.webp$")
MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
DOWNLOADS = {".npz": "application/octet-stream", ".json": "application/json"}  # never shown


async def media_response(studio: Studio, request: Request) -> Response:
    """A file of the notebook, where the address is good; a video without its recipe if asked."""
    query = request.query_params
    capability = request.path_params["name"], query.get("e", ""), query.get("s", "")
    if query.get("recipe") == "none":
        path = await run_in_threadpool(studio.stripped_file, *capability)
    else:
        path = studio.media_file(*capability)
    if request.path_params["name"].endswith(f"/{LIVE}"):
        return await run_in_threadpool(_live_response, path, query.get("from", "0"))
    if PREVIEW.search(request.path_params["name"]):
        return await run_in_threadpool(_preview_response, path)
    if path is not None and path.suffix in DOWNLOADS:
        return _file_response(request, path, DOWNLOADS[path.suffix], query.get("name") or path.name)
    if path is None or path.suffix not in MEDIA_TYPES:
        return Response("This file is not there any more.", 404, headers=NO_SNIFF)
    return _file_response(request, path, MEDIA_TYPES[path.suffix], query.get("name"))


async def static_response(request: Request) -> Response:
    """A script or style; the version in the address only keeps browsers from mixing two."""
    found = static_files.find(request.path_params["name"])
    if found is None:
        return Response("Not found", 404, headers=NO_SNIFF)
    path, media_type = found
    return FileResponse(
        path, media_type=media_type, headers={**NO_SNIFF, "Cache-Control": FOR_GOOD}
    )


def _preview_response(path: Path | None) -> Response:
    """A preview lives for a step or two: one that is gone is no mistake, and is never half sent."""
    try:
        content = path.read_bytes() if path else b""
    except FileNotFoundError:
        content = b""
    if not content:
        return Response(status_code=204, headers=NO_SNIFF)
    headers = {**NO_SNIFF, "Cache-Control": FOR_THIS_BROWSER}
    return Response(content, media_type="image/webp", headers=headers)


def _live_response(path: Path | None, begin: str) -> Response:
    """What has come of a growing file since a byte; nothing new, or no file, is no mistake."""
    offset = int(begin) if begin.isascii() and begin.isdigit() and len(begin) <= 12 else 0
    try:
        with path.open("rb") if path else BytesIO() as file:
            file.seek(offset)
            content = file.read(LIVE_BYTES)
    except FileNotFoundError:
        content = b""
    headers = {**NO_SNIFF, "Cache-Control": "no-store"}
    if not content:
        return Response(status_code=204, headers=headers)
    return Response(content, media_type="video/mp4", headers=headers)


def _file_response(
    request: Request, path: Path, media_type: str, download_name: str | None
) -> Response:
    status = path.stat()
    etag = f'"{status.st_size:x}-{status.st_mtime_ns:x}"'
    headers = {**NO_SNIFF, "Cache-Control": FOR_THIS_BROWSER, "ETag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type=media_type, headers=headers, filename=download_name)
