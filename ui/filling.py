"""What fills the form: a run, some of its fields, a frame to go on from, a draft put aside.

Each function gives values for `Composer.filled`: the head, which knows what the draft is a child
of and what changes are marked against, then the fields in the order of FIELDS, then the model's
note. Fields that are not taken over stay as they were in the browser, unchecked: what they mean is
checked when Generate is pressed.
"""

from secrets import token_hex as new_key
from typing import Any

import gradio as gr

from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError
from studio.studio import Studio
from studio.views import RunView
from ui.forms import (
    DEFAULT_PATH,
    FIELDS,
    clean_form,
    form_of,
    image_value,
    only_where_it_belongs,
    taken,
    words_of,
)
from ui.words import length as length_words

NOT_SHARED = "This link shows no run to remix. It may have been withdrawn, or leave the recipe out."
LENGTH_CHANGED = "{title} does not offer {asked}, so the length is {length}."


def fill_clean(studio: Studio) -> list[Any]:
    """An empty form, set to the default model's card."""
    card = studio.card()
    return filled(clean_form(card), card, parent=None)


def fill_from(studio: Studio, run_id: str, *, edit: bool = False) -> list[Any]:
    """The form of a run, which remembers that it is a remix of it, or that it changes the run."""
    form, card, parent = _taken_from(studio, studio.run(run_id))
    return filled(form, card, parent=parent | {"editing": edit})


def fill_shared(studio: Studio, token: Any, run_id: Any) -> list[Any]:
    """The form of a run that a link shows with its recipe."""
    named = isinstance(token, str) and isinstance(run_id, str)
    run = studio.shares.run(token, run_id) if named else None
    if run is None:
        raise InvalidRequestError(NOT_SHARED)
    form, card, parent = _taken_from(studio, run)
    return filled(form, card, parent=parent)


def fill_again(studio: Studio, form: Any, parent_id: Any) -> list[Any]:
    """A draft the page had put aside, as it was; its fields come from the browser, unchecked."""
    return _marked(studio, _kept(form), parent_id)


def fill_with(
    studio: Studio, run_id: str, fields: Any, form: Any, parent_id: Any, *, edit: bool = False
) -> list[Any]:
    """The draft in work with some fields of a run; the run is the parent where it had none."""
    run = studio.run(run_id)
    theirs, _, _ = _taken_from(studio, run)
    mixed = _kept(form) | taken(theirs, fields)
    card = _card_of(studio, mixed.get("model"))
    said, asked = [], run.num_frames if "settings" in fields else mixed.get("length")
    if isinstance(asked, int) and asked not in card.lengths:
        mixed["length"] = card.num_frames
        words = [length_words(frames, card.fps) for frames in (asked, card.num_frames)]
        said.append(LENGTH_CHANGED.format(title=card.title, asked=words[0], length=words[1]))
    parent = parent_id if isinstance(parent_id, str) else run_id
    head, *values = _marked(studio, mixed, parent, edit=edit)
    return [head | {"said": said}, *values]


def fill_on(studio: Studio, run_id: str, frame: Any) -> list[Any]:
    """The form that goes on from a frame of a run, at the speed and tilt it had there.

    A player may stand behind the last frame; where nobody played the run, it is the last one.
    """
    run = studio.run(run_id)
    last = run.num_frames - 1
    frame = min(max(frame, 0), last) if isinstance(frame, int) else last
    before, card, parent = _taken_from(studio, run)
    image = studio.chains.frame_image(run_id, frame)
    start = studio.chains.start_of(run_id, frame)
    source = DEFAULT_PATH if run.path_source.get("kind") == "poses" else run.path_source
    camera = {"source": {**source, "start": start}, "image": image.sha256}
    form = before | {"image": image_value(image), "camera": camera}
    head, *values = filled(form, card, parent=parent)
    return [head | {"values": before}, *values]


def _kept(form: Any) -> dict[str, Any]:
    """The fields of a draft as the browser has them."""
    return {name: form[name] for name in FIELDS if name in form} if isinstance(form, dict) else {}


def _marked(
    studio: Studio, kept: dict[str, Any], parent_id: Any, *, edit: bool = False
) -> list[Any]:
    """A draft of one's own, with what differs from its parent marked. Of a run that a link brought
    nothing is known any more but its id: the draft holds what was taken from it.
    """
    named = parent_id if isinstance(parent_id, str) else ""
    seen = studio.runs_named([named])
    before, parent = clean_form(studio.card()), None
    if seen:
        before, _, parent = _taken_from(studio, seen[0])
        parent |= {"editing": edit}
    card = _card_of(studio, kept.get("model"))
    form = only_where_it_belongs(before | kept | {"model": card.name})
    if not seen and studio.may_come_from(named):
        before, parent = form, _parent_of_a_link(named)
    head, *fields = filled(form, card, parent=parent)
    return [head | {"values": before}, *fields]


def _taken_from(studio: Studio, run: RunView) -> tuple[dict[str, Any], ModelCard, dict[str, Any]]:
    """A run as a form, the card it follows, and what the page must know of it."""
    card = _card_of(studio, run.model)
    form = form_of(run, studio.image(run.image_sha256), card)
    parent = _parent_of_a_link(run.id)
    if studio.runs_named([run.id]):
        parent |= {"number": run.number, "parent_id": run.parent_id}
    return form, card, parent | {"words": words_of(run)}


def _parent_of_a_link(run_id: str) -> dict[str, Any]:
    """What the page knows of a parent that only a link shows: neither its number nor its own."""
    words = dict.fromkeys(FIELDS, "different")
    return {"id": run_id, "number": None, "parent_id": None, "words": words}


def _card_of(studio: Studio, model: Any) -> ModelCard:
    """The card of a model, or of the default one where that model is gone."""
    known = model in {known.name for known in studio.models()}
    return studio.card(model if known else "")


def filled(form: dict[str, Any], card: ModelCard, parent: dict[str, Any] | None) -> list[Any]:
    """Values for `Composer.filled`; lengths on offer and the picture's shape are the model's.

    The head is told what the form holds and the values that changes are marked against.
    """
    shown = form | {
        "image": gr.HTML(form["image"], ratio=card.width / card.height),
        "length": gr.Radio(length_choices(card), value=form["length"]),
    }
    head = {"parent": parent, "values": form, "form": form, "fill": new_key()}
    return [head, *(shown[name] for name in FIELDS), card.note]


def follow_model(studio: Studio, name: str) -> list[Any]:
    """What another model advises: its picture's shape, length, steps, guidance, one calm line."""
    card = studio.card(name)
    image = gr.HTML(ratio=card.width / card.height)
    length = gr.Radio(length_choices(card), value=card.num_frames)
    return [image, length, card.num_inference_steps, card.guidance_scale, card.note]


def length_choices(card: ModelCard) -> list[tuple[str, int]]:
    """The lengths a model offers, in seconds; the value is the number of frames."""
    return [(length_words(frames, card.fps), frames) for frames in card.lengths]
