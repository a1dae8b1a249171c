"""Procedural worlds with exact poses, depth and captions: what the tiny model learned from."""
