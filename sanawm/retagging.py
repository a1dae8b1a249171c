"""The same pictures, byte for byte, under other metadata: with a recipe, or without one.

Nothing is decoded or encoded anew. The words that say the video was generated stay.
"""

from pathlib import Path
from typing import Any

import av

from sanawm.ai_mark import kept_mark, write_packet
from sanawm.errors import SanaWMError
from sanawm.files import disk_shortage_as_sentence, whole_file
from sanawm.video import MUXER_OPTIONS, metadata_of, read_metadata, verify_metadata

UNREADABLE = "This video cannot be read: its file is missing or broken."


def without_recipe(video: Path, output: Path) -> None:
    """Write a copy that tells nothing of how the video was made but that a model made it."""
    try:
        _write_copy(video, output, kept_mark(read_metadata(video)))
    except av.error.FFmpegError as error:
        raise SanaWMError(UNREADABLE) from error


def with_recipe(video: Path, output: Path, tags: dict[str, Any], mark: dict[str, str]) -> None:
    """Write a copy that carries the recipe: for videos that were begun before it was whole."""
    _write_copy(video, output, metadata_of(tags, mark))


def _write_copy(video: Path, output: Path, metadata: dict[str, str]) -> None:
    with disk_shortage_as_sentence(), whole_file(output) as unfinished:
        _copy_pictures(video, unfinished, metadata)
        write_packet(unfinished, metadata)
        verify_metadata(unfinished, metadata)


def _copy_pictures(video: Path, output: Path, metadata: dict[str, str]) -> None:
    with (
        av.open(str(video)) as source,
        av.open(str(output), "w", format="mp4", options=MUXER_OPTIONS) as target,
    ):
        target.metadata.update(metadata)
        pictures = source.streams.video[0]
        copied = target.add_stream_from_template(pictures)
        for packet in source.demux(pictures):
            if packet.dts is not None:  # the last one is empty
                packet.stream = copied
                target.mux(packet)
