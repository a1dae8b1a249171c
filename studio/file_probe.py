"""What a video that somebody sent says of itself, looked at by a process of its own.

A decoder is a large program that reads what strangers wrote. So the file is opened by a child
process with little memory and time, as exactly the kind its first bytes say and no other (some
kinds tell a reader to open further files), and only its metadata and first frame are read.
`python -m studio.file_probe VIDEO PICTURE` writes the first frame as a PNG and prints the rest.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sanawm.errors import InvalidRequestError

TOLD = (
    "PATH",
    "SYSTEMROOT",
    "LD_LIBRARY_PATH",
)  # of the surroundings; keys are none of its business
MEMORY = 2 * 1024**3  # bytes of address space
SECONDS = 20  # of a processor, and by the clock
LARGEST_SIDE = 8192  # pixels
LONGEST_TEXT = 1024 * 1024  # characters of one metadata value
MOST_TEXTS = 64
BROKEN = "{name} is no video that can be read, or was not saved whole."
TOO_LARGE = "{name} is {width} × {height} pixels. Videos up to {most} a side work."


@dataclass(frozen=True, kw_only=True, slots=True)
class Probed:
    """What a video says. `first` is its first frame, a PNG."""

    texts: dict[str, str]
    width: int
    height: int
    first: Path


def kind_of(begins: bytes) -> str:
    """The demuxer for a file's first bytes; empty for what is no video we open."""
    if begins[4:8] == b"ftyp":
        return "mp4"
    return "webm" if begins[:4] == b"\x1a\x45\xdf\xa3" else ""


def probe(video: Path, picture: Path, name: str) -> Probed:
    """Look at a video; a sentence with its `name` where there is nothing to be seen."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "studio.file_probe", str(video), str(picture)],
            capture_output=True,
            check=True,
            timeout=SECONDS,
            env=_surroundings(),
        )
        said = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        raise InvalidRequestError(BROKEN.format(name=name)) from error
    if not picture.is_file():
        sentence = TOO_LARGE.format(name=name, most=LARGEST_SIDE, **said)
        raise InvalidRequestError(sentence)
    return Probed(texts=said["texts"], width=said["width"], height=said["height"], first=picture)


def _surroundings() -> dict[str, str]:
    known = {name: os.environ[name] for name in TOLD if name in os.environ}
    return known | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def look(video: Path, picture: Path) -> dict[str, Any]:
    """In the child: metadata and size of a video; its first frame where it is not too large."""
    import av

    with video.open("rb") as file:
        kind = kind_of(file.read(16))
    if not kind:
        raise ValueError("no video")
    with av.open(str(video), format=kind, options={"protocol_whitelist": "file"}) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1  # threads reserve address space by the processor
        texts = list(container.metadata.items())[:MOST_TEXTS]
        said = {
            "texts": {name: text for name, text in texts if len(text) <= LONGEST_TEXT},
            "width": stream.width,
            "height": stream.height,
        }
        if max(stream.width, stream.height) <= LARGEST_SIDE:
            next(container.decode(stream)).to_image().save(picture, "PNG")
    return said


def _live_on_little() -> None:
    """Give this process an end to its memory and time, where the system knows such ends."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


if __name__ == "__main__":
    _live_on_little()
    sys.stdout.write(json.dumps(look(Path(sys.argv[1]), Path(sys.argv[2]))))
