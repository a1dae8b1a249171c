"""Cards of the public models, whose folders have none: light constants, and which folder is which.

    model_index.json of a SanaWMPipeline   the bidirectional model in diffusers' layout
    dit/                                   the bidirectional model as NVIDIA publishes it
    sana_dit/                              the streaming model as NVIDIA publishes it

Where released implementations differ, a card has what its checkpoint was trained with, as far as
that is known: the streaming model's code pads heads of 112 channels to 128 in both branches, scales
by the padded width, and limits no length in the frames of rays.
"""

import json
from dataclasses import replace
from pathlib import Path

from sanawm.card import ModelCard

PIPELINE = "SanaWMPipeline"  # `_class_name` in model_index.json
DIFFUSERS_REPO = "Efficient-Large-Model/SANA-WM_bidirectional-diffusers"
ORIGINAL_REPO = "Efficient-Large-Model/SANA-WM_bidirectional"
STREAMING_REPO = "Efficient-Large-Model/SANA-WM_streaming"

_PADDED_HEAD = 128

SANA_WM = ModelCard(lengths=(81, 161, 321, 961), source=DIFFUSERS_REPO)
SANA_WM_STREAMING = ModelCard(
    name="sana-wm-streaming",
    title="SANA-WM streaming",
    note="Four steps for each chunk; plays while it is drawn.",
    lengths=(97, 241, 481, 961),
    num_frames=241,
    num_inference_steps=4,
    guidance_scale=1.0,
    shift=1.0,
    softmax_scale_main=_PADDED_HEAD**-0.5,
    softmax_scale_camera=_PADDED_HEAD**-0.5,
    cam_rms_downscale="none",
    streaming=True,
    sigmas=(1.0, 0.96, 0.889, 0.727),
    source=STREAMING_REPO,
)


def public_card(folder: Path) -> ModelCard | None:
    """The card of a public model's folder, whole or not; None of any other folder."""
    if (folder / "sana_dit").is_dir():
        return SANA_WM_STREAMING
    if (folder / "dit").is_dir():
        return replace(SANA_WM, source=ORIGINAL_REPO)
    try:
        index = json.loads((folder / "model_index.json").read_text("utf-8"))
        return SANA_WM if index.get("_class_name") == PIPELINE else None
    except (OSError, ValueError, AttributeError):
        return None
