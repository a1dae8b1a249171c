"""A card, a model folder with two examples, and runs as the page gets them."""

import json

from PIL import Image

from sanawm.card import ModelCard
from studio.views import RunView

CARD = ModelCard(
    name="painted",
    title="Painted rooms",
    note="Paints. Nothing more.",
    fps=8,
    height=96,
    width=160,
    lengths=(9, 17, 33),
    num_frames=17,
    num_inference_steps=6,
    guidance_scale=2.0,
    distance_unit="m",
    translation_speed=0.05,
    rotation_degrees=1.5,
)
PROMPT = "A red room with a pillar, warm light"


def make_model(folder):
    examples = folder / "examples"
    examples.mkdir(parents=True)
    (folder / "wanderbook.json").write_text(json.dumps(CARD.to_dict()))
    entries = []
    for name, colour in (("red room", "firebrick"), ("green plain", "seagreen")):
        file = f"{name.replace(' ', '-')}.png"
        Image.linear_gradient("L").resize((160, 96)).convert("RGB").save(examples / file)
        Image.blend(Image.open(examples / file), Image.new("RGB", (160, 96), colour), 0.7).save(
            examples / file
        )
        title = name.capitalize()
        entries.append({"file": file, "title": title, "prompt": f"A {name}", "license": "CC0"})
    (examples / "examples.json").write_text(json.dumps(entries))
    return folder


def run_view(**changes):
    fields = {
        "id": "01RUN",
        "number": 14,
        "state": "done",
        "stage": "",
        "step": 0,
        "total": 0,
        "eta_s": None,
        "queue_position": None,
        "prompt": PROMPT,
        "negative_prompt": "",
        "path_source": {"kind": "preset", "preset": "orbit-left"},
        "path_label": "Orbit left",
        "path_points": [[0.1 * frame, 0.0, 0.0, 1.0] for frame in range(33)],
        "num_frames": 33,
        "fps": 8.0,
        "seed": 7,
        "steps": 20,
        "guidance": 3.0,
        "model": "painted",
        "model_revision": "abc",
        "parent_id": None,
        "parent_number": None,
        "relation": "",
        "start_frame": None,
        "root_id": "01RUN",
        "children": 0,
        "changes": [],
        "rating": 0,
        "note": "",
        "tags": [],
        "deleted": False,
        "check": {},
        "error": "",
        "created_at": 1_795_000_000.0,
        "attempt": 1,
        "visitor": "ab12cd34",
        "wish": "",
        "stopped_at": None,
        "smaller": None,
        "seconds": 17.2,
        "device": "cpu, 2 threads",
        "savings": {},
        "timings": {"prompt": 0.4, "first_frame": 0.3, "drawing": 13.0},
        "image_sha256": "ab" * 32,
        "width": 160,
        "height": 96,
        "first_frame": "/f",
        "video": "/v",
        "poster": "/p",
        "thumb": "/t",
        "hover": "/h",
        "preview": "",
        "live": "",
        "download": "/d",
    }
    return RunView(**(fields | changes))
