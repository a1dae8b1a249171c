"""Sentences that say what a world holds, from a small grammar.

"a room with red walls and a white and orange checkerboard floor, two blue spheres, a grey pillar,
warm light". Phrases can be left out at random so that a model also learns from short prompts.
"""

from collections.abc import Sequence

import numpy as np

from sanawm.worlds.draws import Array, Draws
from sanawm.worlds.materials import BRICK, CHECKERBOARD, COLOUR_NAMES, MARBLED, STRIPED, TILED
from sanawm.worlds.scene import (
    BOXES,
    CEILING,
    COURTYARD,
    DECALS,
    FAMILIES,
    FLOOR,
    LIGHTS,
    PILLARS,
    PLAIN_LAND,
    SPHERES,
    Scenes,
    sample_scenes,
)

_COUNTS = ("no", "a", "two", "three", "four")
_SKIES = ("a blue sky", "a sunset sky", "a pale sky", "a dusk sky")  # in the order of LIGHTS
_OBJECTS = (("box", "boxes", BOXES), ("sphere", "spheres", SPHERES), ("pillar", "pillars", PILLARS))
_FOG_SHOWS = 0.02  # density per metre from which a caption speaks of fog


def captions(scenes: Scenes, seeds: Sequence[int] | None = None, dropout: float = 0.3) -> list[str]:
    """Return one caption per world: complete, or with `seeds` some phrases left out."""
    chances: Array = np.ones((len(scenes.family), 8))
    if seeds is not None:
        draws = Draws(seeds, stream=700)
        is_whole = draws.uniform() < 0.3
        chances = np.where(is_whole, 1.0, draws.uniform(size=8))
    kept = chances >= dropout
    return [_caption(scenes, row, kept[row].tolist()) for row in range(len(scenes.family))]


def corpus(num: int, seed: int) -> list[str]:
    """Return captions of `num` random worlds, for training a tokenizer."""
    seeds = range(seed * num, (seed + 1) * num)
    return captions(sample_scenes(seeds, "train"), seeds)


def words() -> list[str]:
    """Return every word that a caption can hold, sorted."""
    patterns = ["and", "checkerboard", "brick", "striped", "tiled", "marbled", "plain"]
    nouns = ["walls", "floor", "ground", "ceiling", "wall", "door", "window", "painting", "fog"]
    objects = [name for one, many, _ in _OBJECTS for name in (one, many)]
    rest = ["with", "under", "an", "sky", "light", "blue", "sunset", "pale", "dusk", "dim", "open"]
    parts = [*COLOUR_NAMES, *FAMILIES, *_COUNTS[1:], *LIGHTS, *patterns, *nouns, *objects, *rest]
    return sorted(set(parts))


def _caption(scenes: Scenes, row: int, kept: list[bool]) -> str:
    family = int(scenes.family[row])
    phrases = [_article(FAMILIES[family]) + _surroundings(scenes, row, kept)]
    for (one, many, slots), keep in zip(_OBJECTS, kept[3:6], strict=True):
        if keep:
            phrases += _things(scenes, row, slots, (one, many))
    if kept[6] and not scenes.is_open[row]:
        phrases.append(f"{LIGHTS[scenes.light[row]]} light")
    if kept[6] and scenes.is_open[row]:
        phrases.append(_SKIES[scenes.light[row]])
    if kept[7] and scenes.fog[row] > _FOG_SHOWS:
        phrases.append("fog")
    return ", ".join(phrases)


def _surroundings(scenes: Scenes, row: int, kept: list[bool]) -> str:
    family = scenes.family[row]
    parts = []
    if kept[0] and family != PLAIN_LAND:
        parts.append(f"{_material(scenes, row, 2)} walls")
    if kept[1]:
        ground = "ground" if family in (PLAIN_LAND, COURTYARD) else "floor"
        parts.append(_article(f"{_material(scenes, row, FLOOR)} {ground}"))
    if kept[2] and family < PLAIN_LAND and kept[0]:
        parts.append(_article(f"{_material(scenes, row, CEILING)} ceiling"))
    kinds = scenes.decal[row, :, 0]
    parts += [_article(DECALS[k]) for k in (1, 2, 3) if kept[2] and (kinds == k).any()]
    if not parts:
        return ""
    head, last = ", ".join(parts[:-1]), parts[-1]
    return " with " + (f"{head} and {last}" if head else last)


def _material(scenes: Scenes, row: int, slot: int) -> str:
    first: str = COLOUR_NAMES[scenes.colour[row, slot]]
    second = COLOUR_NAMES[scenes.second_colour[row, slot]]
    forms: dict[int, str] = {
        CHECKERBOARD: f"{first} and {second} checkerboard",
        STRIPED: f"{first} and {second} striped",
        BRICK: f"{first} brick",
        TILED: f"{first} tiled",
        MARBLED: f"{first} marbled",
    }
    return forms.get(int(scenes.pattern[row, slot]), first)


def _things(scenes: Scenes, row: int, slots: slice, names: tuple[str, str]) -> list[str]:
    """Return phrases such as "two blue spheres", one per look."""
    looks = [
        _material(scenes, row, s) for s in range(slots.start, slots.stop) if scenes.present[row, s]
    ]
    phrases = []
    for look in dict.fromkeys(looks):
        count = looks.count(look)
        noun = names[0] if count == 1 else names[1]
        text = f"{look} {noun}"
        phrases.append(_article(text) if count == 1 else f"{_COUNTS[count]} {text}")
    return phrases


def _article(text: str) -> str:
    return f"an {text}" if text[0] in "aeiou" else f"a {text}"
