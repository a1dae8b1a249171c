"""What other programs wrote into their files about how they were made, where it is plain text.

Read are the texts of a file's metadata (the keys of an mp4, the text chunks of a PNG) or a JSON
file as a whole. Known are the flat JSON of WanGP, FramePack Studio, Fooocus, InvokeAI and scripts
around diffusers, SwarmUI's nested one, ComfyUI's graph, and the `parameters` lines of AUTOMATIC1111
and Forge. Nothing is evaluated, and nothing in it is believed: every value is checked for what it
is, and what it means for a run is checked when the draft is submitted.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST = 1024 * 1024  # characters of a text that is looked at
LONGEST_PROMPT = 20_000
DEEPEST = 8  # nodes between a sampler and the words that reach it
Number = int | float

# Names of one field among programs, the most telling first.
NAMES: dict[str, tuple[str, ...]] = {
    "prompt": ("prompt", "positive_prompt", "positive", "caption"),
    "negative_prompt": ("negative_prompt", "negativeprompt", "n_prompt", "uncond", "negative"),
    "seed": ("seed", "noise_seed"),
    "steps": ("num_inference_steps", "steps", "sampling_steps", "inference_steps"),
    "guidance": ("guidance_scale", "cfg_scale", "cfgscale", "cfg", "embedded_guidance_scale"),
    "frames": ("num_frames", "video_length", "frame_num", "length", "videoframes"),
}
SAMPLER = "sampler"  # in the class of the node that draws
LINE = re.compile(r"^Steps: \d+,", re.MULTILINE)  # where AUTOMATIC1111's settings begin
LARGEST = 2**128  # no number of a recipe is larger, and all below are floats too
BOTH = {"positive", "negative"}
NEGATIVE = "Negative prompt: "


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerRecipe:
    """What could be read; None where the file does not say."""

    program: str  # as people call it; "another program" where it does not say
    prompt: str | None = None
    negative_prompt: str | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    frames: int | None = None


def peer_recipe(texts: Mapping[str, str]) -> PeerRecipe | None:
    """The recipe in a file's texts, by their keys; None where there is none to be read."""
    for name, text in texts.items():
        if len(text) > LONGEST:
            continue
        value = _json(text)
        if value is None:
            found = _lines(text)
        else:
            found = _graph(value) or _flat(value, program_of(name, value))
        if found:
            return found
    return None


def program_of(name: str, value: Any) -> str:
    """Which program wrote a flat JSON, as far as it says."""
    said = value if isinstance(value, dict) else {}
    if "sui_image_params" in said:
        return "SwarmUI"
    if name == "invokeai_metadata" or "positive_style_prompt" in said:
        return "InvokeAI"
    told = " ".join(str(said.get(key, ""))[:80] for key in ("type", "metadata_scheme", "version"))
    for title in ("WanGP", "FramePack", "Fooocus", "InvokeAI"):
        if title.lower() in told.lower():
            return title
    return "another program"


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _flat(value: Any, program: str, depth: int = 0) -> PeerRecipe | None:
    """An object that has the fields themselves, or one object around it."""
    if not isinstance(value, dict) or depth > DEEPEST:
        return None
    fields = {key.lower(): one for key, one in value.items() if isinstance(key, str)}
    held = {name: _first(fields, names) for name, names in NAMES.items()}
    recipe = _recipe(program, **held)
    if recipe:
        return recipe
    inner = [one for one in value.values() if isinstance(one, dict)]
    return _flat(inner[0], program, depth + 1) if len(inner) == 1 else None


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _recipe(program: str, **held: Any) -> PeerRecipe | None:
    """The values that are what they should be; None without a prompt and without a seed."""
    recipe = PeerRecipe(
        program=program,
        prompt=_words(held.get("prompt")),
        negative_prompt=_words(held.get("negative_prompt")),
        seed=_whole(held.get("seed")),
        steps=_whole(held.get("steps")),
        guidance=_number(held.get("guidance")),
        frames=_whole(held.get("frames")),
    )
    return recipe if recipe.prompt or recipe.seed is not None else None


def _words(value: Any) -> str | None:
    if not isinstance(value, str) or len(value) > LONGEST_PROMPT:
        return None
    return value.encode(errors="ignore").decode().strip()  # halves of characters are dropped


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 2**64 else None


def _whole(value: Any) -> int | None:
    """A whole number from 0 on; exact where it is written as one, as seeds may be long."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 24:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < LARGEST else None


# ---- AUTOMATIC1111 and Forge: words, then a line of settings


def _lines(text: str) -> PeerRecipe | None:
    match = LINE.search(text)
    if not match:
        return None
    prompt, _, negative = text[: match.start()].partition(NEGATIVE)
    settings = (one.partition(": ") for one in text[match.start() :].split(","))
    said = {name.strip().lower(): value for name, _, value in settings}
    return _recipe(
        "AUTOMATIC1111",
        prompt=prompt.strip(),
        negative_prompt=negative.strip(),
        seed=said.get("seed"),
        steps=said.get("steps"),
        guidance=said.get("cfg scale"),
    )


# ---- ComfyUI: a graph of nodes, of which one draws


def _graph(value: Any) -> PeerRecipe | None:
    """What the first node that draws was given; links are followed as far as words may be."""
    nodes = _nodes(value)
    for node in nodes.values():
        if SAMPLER not in str(node.get("class_type", "")).lower():
            continue
        inputs = node["inputs"]
        recipe = _recipe(
            "ComfyUI",
            prompt=next(_texts(nodes, inputs.get("positive"), set()), None),
            negative_prompt=next(_texts(nodes, inputs.get("negative"), set()), None),
            seed=_value(nodes, _first(inputs, NAMES["seed"])),
            steps=_value(nodes, inputs.get("steps")),
            guidance=_value(nodes, inputs.get("cfg")),
            frames=_length(nodes),
        )
        if recipe:
            return recipe
    return None


def _nodes(value: Any) -> dict[str, dict[str, Any]]:
    """The nodes of a graph by their ids; a graph may lie under `prompt`, as text or as it is."""
    if isinstance(value, dict) and "prompt" in value and "class_type" not in value:
        inner = value["prompt"]
        value = _json(inner) if isinstance(inner, str) else inner
    if not isinstance(value, dict):
        return {}
    return {
        name: node
        for name, node in value.items()
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict) and "class_type" in node
    }


def _linked(nodes: Mapping[str, dict[str, Any]], value: Any) -> dict[str, Any] | None:
    """The node that a link ["id", output] leads to."""
    is_link = isinstance(value, list) and len(value) == 2
    return nodes.get(str(value[0])) if is_link else None


def _texts(
    nodes: Mapping[str, dict[str, Any]], value: Any, met: set[str], depth: int = 0
) -> Iterator[str]:
    """Words that reach an input, the nearest first; a node that was met says nothing new."""
    node = _linked(nodes, value)
    if node is None or depth > DEEPEST or str(value) in met:
        return
    met.add(str(value))
    if node["inputs"].keys() >= BOTH:  # it hands both on, the positive words as its first output
        handed = node["inputs"]["negative" if value[1] == 1 else "positive"]
        yield from _texts(nodes, handed, met, depth + 1)
        return
    for name in ("text", "prompt", "value", "string"):
        said = node["inputs"].get(name)
        if isinstance(said, str) and said.strip():
            yield said
        yield from _texts(nodes, said, met, depth + 1)
    for name, inner in node["inputs"].items():
        if name not in ("clip", "model", "vae", "text", "prompt", "value", "string"):
            yield from _texts(nodes, inner, met, depth + 1)


def _value(nodes: Mapping[str, dict[str, Any]], value: Any) -> Any:
    """A value that is written in a node, or in the one it is linked to."""
    node = _linked(nodes, value)
    if node is None:
        return value
    return _first(node["inputs"], ("value", "seed", "noise_seed", "steps", "cfg"))


def _length(nodes: Mapping[str, dict[str, Any]]) -> Any:
    """The frames of the latents that were drawn."""
    for node in nodes.values():
        kind = str(node.get("class_type", ""))
        if "Video" in kind and isinstance(node["inputs"].get("length"), int):
            return node["inputs"]["length"]
    return None
