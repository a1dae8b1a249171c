"""Camera paths: action strings, presets and pose files, resolved to one pose per frame.

Numpy only: the page resolves the very poses the model gets without loading a model.
"""

from sanawm.camera.path import CameraPath

__all__ = ["CameraPath"]
