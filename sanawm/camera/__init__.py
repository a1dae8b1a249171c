"""Camera paths: action strings, presets and pose files, resolved to one pose per frame.

Numpy only: a page resolves the very poses the model gets without loading a model.
"""

from sanawm.camera.actions import count_actions, resolve_actions
from sanawm.camera.describe import describe
from sanawm.camera.path import CameraPath
from sanawm.camera.presets import PRESETS, preset_actions, preset_path
from sanawm.camera.sources import actions_path, poses_path, resolve_source

__all__ = [
    "PRESETS",
    "CameraPath",
    "actions_path",
    "count_actions",
    "describe",
    "poses_path",
    "preset_actions",
    "preset_path",
    "resolve_actions",
    "resolve_source",
]
