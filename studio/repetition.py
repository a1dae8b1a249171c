"""Whether a run that repeats another came out the same, frame by frame; and if not, why."""

import logging
from pathlib import Path
from typing import Any

from sanawm.errors import SanaWMError
from sanawm.reproduction import differences
from storage.database import Database
from storage.tables import Run
from studio.media import VIDEO

logger = logging.getLogger(__name__)


def check_of(database: Database, run: Run, video: Path, record: dict[str, Any]) -> dict[str, Any]:
    """What `Run.check` says of a repetition: {"of", "frames", "identical", "psnr", "worst",
    "differs"}; empty where the original's video cannot be read any more.

    `psnr` is in dB over all frames, None where nothing differs; `worst` the largest difference of
    one colour of one pixel, of 255; `differs` says in sentences what was different around the two.
    """
    from sanawm.video_reading import compare_videos

    with database.read() as session:
        original = session.get(Run, run.parent_id)
        if original is None:
            return {}
        number, before = original.number, dict(original.record)
        theirs = database.folder.attempt(original.id, original.attempt) / VIDEO
    try:
        found = compare_videos(theirs, video)
    except SanaWMError as error:
        logger.warning("run %s could not be compared: %s", number, error)
        return {}
    return {
        "of": number,
        "frames": found.frames,
        "identical": found.identical,
        "psnr": found.psnr,
        "worst": found.worst,
        "differs": [] if found.identical else differences(before, record),
    }
