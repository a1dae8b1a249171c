"""Camera paths: action strings, presets and pose files, resolved to one pose per frame.

Numpy only: a page resolves the very poses the model gets without loading a model.
"""

from sanawm.camera.actions import count_actions, resolve_actions
from sanawm.camera.continuation import state_at
from sanawm.camera.describe import describe
from sanawm.camera.path import CameraPath
from sanawm.camera.presets import PRESETS, preset_actions, preset_path
from sanawm.camera.sources import actions_path, poses_path, resolve_source
from sanawm.camera.start import StartState, parse_start

__all__ = [
    "PRESETS",
    "CameraPath",
    "StartState",
    "actions_path",
    "count_actions",
    "describe",
    "parse_start",
    "poses_path",
    "preset_actions",
    "preset_path",
    "resolve_actions",
    "resolve_source",
    "state_at",
]
