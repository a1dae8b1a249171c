"""Videos without their recipes, for whoever gives one away: made once, kept until a clean-up."""

from pathlib import Path

from storage.files import DataFolder
from studio.chains import FOLDER


def stripped(folder: DataFolder, run_id: str, attempt: int) -> Path:
    """The video of a finished run without its recipe; made at the first call, in milliseconds."""
    from sanawm.retagging import without_recipe

    output = folder.root / "cache" / FOLDER / f"{run_id}-a{attempt}.mp4"
    if not output.is_file():
        without_recipe(folder.attempt(run_id, attempt) / "video.mp4", output)
    return output
