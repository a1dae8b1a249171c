"""Between form and studio: what the fields hold becomes a `Draft`, and a run fills the form.

Pure functions. Nothing that comes from a browser is trusted: a field of the wrong kind is refused
with a sentence at that field, as is a seed that is no number.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError
from storage.tables import INBOX
from studio.views import AssetView, Draft, RunView

KEY = re.compile("[0-9A-Za-z_-]{16,64}")  # keys are made in the browser, or by a script
VISITOR = re.compile("[ -~]{1,200}")  # an owner's key is of the owner's making
LONGEST_NUMBER = 20  # digits; longer ones are no numbers to Python
DEFAULT_PATH = {"kind": "preset", "preset": "push-in"}

# The fields of the form in the order in which Gradio hands them over; static/form.js has the same.
FIELDS = (
    "image",
    "prompt",
    "camera",
    "length",
    "seed",
    "negative",
    "steps",
    "guidance",
    "model",
)

# What the boxes of "Use in the new run" stand for: groups of fields.
GROUPS = {
    "image": ("image",),
    "prompt": ("prompt",),
    "camera": ("camera",),
    "seed": ("seed",),
    "settings": ("length", "negative", "steps", "guidance", "model"),
}


def clean_form(card: ModelCard) -> dict[str, Any]:
    """An empty form, set to what the model's card advises."""
    return {
        "image": None,
        "prompt": "",
        "camera": {"source": DEFAULT_PATH},
        "length": card.num_frames,
        "seed": "",
        "negative": "",
        "steps": card.num_inference_steps,
        "guidance": card.guidance_scale,
        "model": card.name,
    }


def form_of(run: RunView, image: AssetView, card: ModelCard) -> dict[str, Any]:
    """The form that would generate this run again, with another model where its own is gone."""
    return {
        "image": image_value(image),
        "prompt": run.prompt,
        "camera": camera_value(run),
        "length": run.num_frames if run.num_frames in card.lengths else card.num_frames,
        "seed": str(run.seed),
        "negative": run.negative_prompt,
        "steps": run.steps,
        "guidance": run.guidance,
        "model": card.name,
    }


def words_of(run: RunView) -> dict[str, str]:
    """What the fields of a run were, in few words, for "was …" beside a changed field."""
    return {
        "image": "another",
        "prompt": "different",
        "camera": run.path_label[:1].lower() + run.path_label[1:],
        "length": f"{(run.num_frames - 1) / run.fps:g} s",
        "seed": str(run.seed),
        "negative": "different",
        "steps": str(run.steps),
        "guidance": f"{run.guidance:g}",
        "model": run.model,
    }


def camera_value(run: RunView) -> dict[str, Any]:
    """A camera path as the page holds it; one that goes on from a run belongs to a picture."""
    value: dict[str, Any] = {"source": run.path_source}
    return value | {"image": run.image_sha256} if "start" in run.path_source else value


def only_where_it_belongs(form: dict[str, Any]) -> dict[str, Any]:
    """The form without the start of a path that goes on from another picture than it holds."""
    camera, image = form["camera"], form["image"] or {}
    source = camera.get("source", {}) if isinstance(camera, dict) else {}
    if "start" not in source or camera.get("image") == image.get("sha256"):
        return form
    clean = {name: value for name, value in source.items() if name != "start"}
    return form | {"camera": {"source": clean}}


def taken(form: dict[str, Any], groups: Any) -> dict[str, Any]:
    """The fields of some groups; what is no group is nothing."""
    chosen = [GROUPS[group] for group in GROUPS if group in groups]
    return {name: form[name] for names in chosen for name in names}


def image_value(image: AssetView) -> dict[str, Any]:
    """A first frame as the page holds it."""
    return {
        "sha256": image.sha256,
        "width": image.width,
        "height": image.height,
        "url": image.url,
        "thumb": image.thumb,
    }


def read_draft(values: Sequence[Any], parent_id: str | None) -> Draft:
    """The draft in a form; the studio checks what the values mean."""
    form = dict(zip(FIELDS, values, strict=True))
    return Draft(
        image_sha256=_image(form["image"]),
        prompt=_text(form["prompt"], "prompt"),
        negative_prompt=_text(form["negative"], "negative"),
        path_source=_path(form["camera"]),
        num_frames=_whole(form["length"], "length", "Choose a length."),
        seed=_seed(form["seed"]),
        num_inference_steps=_whole(form["steps"], "steps", "The steps must be a whole number."),
        guidance_scale=_number(form["guidance"], "guidance", "The guidance must be a number."),
        model=_text(form["model"] or "", "model"),
        parent_id=parent_id,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """What the page's script sends beside the fields when Generate is pressed."""

    visitor: str
    client_key: str  # the same for one press, however often it is sent
    parent_id: str | None
    keep_seed: bool
    edits: str | None  # the waiting run that the form changes, where it makes no new one
    notebook_id: str  # where the new run gets its cell


def read_ticket(value: Any) -> Ticket:
    """The ticket of a press; without one there is nothing to hold a run by."""
    sent = value if isinstance(value, dict) else {}
    visitor = _matching(VISITOR, sent.get("visitor"))
    client_key = _matching(KEY, sent.get("client_key"))
    if not (visitor and client_key):
        raise InvalidRequestError("The page was not ready yet. Press Generate again.")
    return Ticket(
        visitor=visitor,
        client_key=client_key,
        parent_id=_id(sent.get("parent_id")),
        keep_seed=sent.get("keep_seed") is True,
        edits=_id(sent.get("edits")),
        notebook_id=_id(sent.get("notebook_id")) or INBOX,
    )


def _id(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""


def _image(value: Any) -> str:
    sha256 = value.get("sha256") if isinstance(value, dict) else None
    if not isinstance(sha256, str):
        raise InvalidRequestError("Choose a first frame to begin.", field="image")
    return sha256


def _path(value: Any) -> dict[str, Any]:
    source = value.get("source") if isinstance(value, dict) else None
    if not isinstance(source, dict):
        raise InvalidRequestError("Choose a camera path, or write one.", field="camera")
    return source


def _seed(value: Any) -> int | None:
    """None where the field is empty: the studio draws one."""
    text = str(value or "").strip()
    if not text or text == "random":
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER):
        raise InvalidRequestError(
            "A seed is a whole number. Leave it empty for a random one.", field="seed"
        )
    return int(text)


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequestError("This must be text.", field=field)
    return value


def _whole(value: Any, field: str, sentence: str) -> int:
    number = _number(value, field, sentence)
    if number != int(number):
        raise InvalidRequestError(sentence, field=field)
    return int(number)


def _number(value: Any, field: str, sentence: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequestError(sentence, field=field)
    if not abs(value) < 1e9:
        raise InvalidRequestError(sentence, field=field)
    return float(value)
