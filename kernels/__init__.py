"""Speed, and only speed: one folder per operator. This file stays empty of imports.

transformers probes for a PyPI package of the same name; importing anything here, or giving
it a version, would make transformers take this folder for that package.
"""
