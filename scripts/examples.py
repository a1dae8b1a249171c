"""Render the bundled example pictures from this project's own worlds.

    python scripts/examples.py            writes models/tiny/examples/

The one photograph beside them, photo-temple.jpg, is not made here; examples.json names its
author and licence.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from sanawm.worlds.clips import camera_intrinsics, sample_worlds
from sanawm.worlds.render import render

FOLDER = Path(__file__).parent.parent / "models" / "tiny" / "examples"
HEIGHT, WIDTH = 384, 640
FOV_DEGREES = 60.0  # what the product assumes of a picture that does not say
WORLDS = {  # held-out seed -> title, and what the picture shows in the words the model knows
    1027: (
        "Blue and white room",
        "a room with blue and white walls and a red and white striped floor, a white sphere, "
        "a yellow sphere, a pink box",
    ),
    1024: (
        "Yellow brick corridor",
        "a corridor with yellow brick walls and a grey tiled floor, a teal box, "
        "a red and white striped sphere, a painting",
    ),
    1014: (
        "Ball on a plain",
        "a plain with a yellow and teal checkerboard ground, a blue tiled sphere, a black box, "
        "a blue sky, fog",
    ),
    1006: (
        "Marble passage",
        "a corridor with white and teal marbled walls and an orange and black striped floor, "
        "a door, a blue tiled box",
    ),
    1047: (
        "Courtyard with pillars",
        "a courtyard with teal and white checkerboard walls and a pink and teal checkerboard "
        "floor, two yellow pillars, a green and white marbled sphere",
    ),
    1002: (
        "Plain at dusk",
        "a plain with a yellow and teal checkerboard ground, a blue sphere, "
        "a green and orange checkerboard box, a dusk sky",
    ),
}
PHOTO = {
    "file": "photo-temple.jpg",
    "title": "Temple, a photograph",
    "prompt": "a temple with a tiled roof under a blue sky",
    "license": "Photograph by danielbuechele, CC BY 2.0",
}


def main() -> None:
    """Write six pictures and the list of all seven."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    scenes, starts = sample_worlds(list(WORLDS), "held_out")
    lens = camera_intrinsics(np.full(len(WORLDS), FOV_DEGREES), 1, HEIGHT, WIDTH)
    poses = starts.matrices()[:, None]
    frames, _ = render(scenes, poses, lens, height=HEIGHT, width=WIDTH, supersample=2)
    entries = []
    for (title, prompt), picture in zip(WORLDS.values(), frames[:, 0].numpy(), strict=True):
        file = f"{title.lower().replace(' ', '-')}.jpg"
        Image.fromarray(picture).save(FOLDER / file, quality=92)
        license_ = "Apache-2.0, rendered by this project"
        entries.append({"file": file, "title": title, "prompt": prompt, "license": license_})
    text = json.dumps([*entries, PHOTO], indent=2, ensure_ascii=False)
    (FOLDER / "examples.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
