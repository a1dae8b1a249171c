"""What a bundle is: a zip whose every file has a place and a largest size.

    notebook.json                 title and cells in order (wanderbook.notebook/1), where it is one
    index.html                    a page that plays it all, opened by a double click
    runs/<id>/video.mp4           and poster.jpg, thumb.webp, c2w.npz, run.json, marks.json
    assets/<sha256>.png           first frames
    manifest.json                 size and SHA-256 of all others (wanderbook.bundle/1), the last one

What is named otherwise does not belong in one.
"""

import re

SCHEMA = "wanderbook.bundle/1"
ENDING = ".wanderbook.zip"
MANIFEST = "manifest.json"
NOTEBOOK = "notebook.json"
PAGE = "index.html"
MARKS = "marks.json"
POSES = "c2w.npz"
NEEDED = ("run.json", "video.mp4", "poster.jpg", "thumb.webp", POSES)  # of each run
OPTIONAL = (MARKS, "hover.mp4")  # and these, where they are there

ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")  # a ULID
_RUN_FILES = "|".join(re.escape(name) for name in (*NEEDED, *OPTIONAL))
PLACE = re.compile(
    rf"{re.escape(MANIFEST)}|{re.escape(NOTEBOOK)}|{re.escape(PAGE)}"
    rf"|runs/(?P<run>{ID.pattern})/(?P<file>{_RUN_FILES})"
    r"|assets/(?P<sha256>[0-9a-f]{64})\.(?P<extension>png|jpg)"
)
FOLDER = re.compile(rf"(runs/({ID.pattern}/)?|assets/)")  # what packs a folder anew may name

MB = 1024 * 1024
MOST_BYTES = 8 * 1024 * MB  # of a whole bundle
LARGEST = {  # bytes, by the file's name; a first frame by its ending
    MANIFEST: 16 * MB,
    NOTEBOOK: 16 * MB,
    PAGE: 256 * MB,
    MARKS: MB,
    "run.json": 4 * MB,
    POSES: 16 * MB,
    "video.mp4": 2048 * MB,
    "hover.mp4": 256 * MB,
    "poster.jpg": 32 * MB,
    "thumb.webp": 32 * MB,
    ".png": 256 * MB,
    ".jpg": 64 * MB,
}
MOST_PACKED = 500  # how many times smaller a compressed file may be than what is in it


def largest(name: str) -> int:
    """How many bytes a file of a bundle may have."""
    last = name.rpartition("/")[2]
    return LARGEST.get(last) or LARGEST[last[last.rindex(".") :]]
