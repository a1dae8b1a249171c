"""The composer: Gradio's fields and our own, and what happens when Generate is pressed.

Prompt, length, seed and what is under Advanced are Gradio components; the first frame and the
camera are `gr.HTML` with a script each, whose value is a plain dict. Every handler runs outside
Gradio's queue: it reads the form, calls the studio and returns.
"""

from dataclasses import dataclass, replace
from functools import partial
from secrets import token_hex as new_key
from typing import Any

import gradio as gr

from sanawm.camera.presets import PRESETS
from sanawm.card import ModelCard
from sanawm.errors import SanaWMError
from storage.errors import StorageError
from studio.studio import Studio
from ui.filling import fill_again, fill_clean, fill_shared, follow_model, length_choices
from ui.forms import FIELDS, clean_form, read_draft, read_ticket
from ui.presenters import present, shapes
from ui.static_files import mount

OURS = ("image", "camera")  # fields whose own script reports their changes
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Composer:
    """The components other parts of the page fill or read; `fields` in the order of FIELDS."""

    head: gr.HTML
    fields: list[Any]
    note: gr.HTML
    foot: gr.HTML
    generate: gr.Button

    @property
    def filled(self) -> list[Any]:
        """What a remix or a clean start sets anew."""
        return [self.head, *self.fields, self.note]


def build_composer(studio: Studio) -> Composer:
    """Lay the form out and connect it."""
    card = studio.card()
    models = [(model.title, model.name) for model in studio.models()]
    form = clean_form(card)
    with gr.Column(elem_id="wb-composer"):
        with gr.Column(elem_id="wb-body"):
            start = {"parent": None, "values": form, "form": form}
            head = gr.HTML(
                start,
                elem_id="wb-head",
                **mount("mountHead", "clean", "restore", "again", "shared"),
            )
            scene = _scene_fields(form, card)
            clip = _clip_fields(form, card)
            model = gr.Dropdown(models, value=form["model"], label="Model", elem_id="wb-model")
            note = gr.HTML(
                card.note, html_template="<p class='help'>{{value}}</p>", elem_id="wb-note"
            )
            advanced = _advanced_fields(form)
        with gr.Column(elem_id="wb-foot"):
            foot = gr.HTML(None, elem_id="wb-estimate", **mount("mountFoot"))
            generate = gr.Button("Generate", variant="primary", elem_id="wb-generate")
    fields = [*scene, *clip, *advanced, model]
    composer = Composer(head=head, fields=fields, note=note, foot=foot, generate=generate)
    _report_changes(composer)
    _connect(studio, composer)
    return composer


def _scene_fields(form: dict[str, Any], card: ModelCard) -> list[Any]:
    """What is in the picture and where the camera goes: image, prompt, camera."""
    image = gr.HTML(
        form["image"],
        elem_id="wb-first-frame",
        ratio=card.width / card.height,
        **mount("mountFirstFrame", "example"),
    )
    prompt = gr.Textbox(
        form["prompt"],
        label="Prompt",
        placeholder="What is in the picture, and in what light",
        lines=3,
        max_lines=8,
        elem_id="wb-prompt",
    )
    presets = [
        {"id": preset.id, "title": preset.title, "glyph": shapes(preset.glyph)}
        for preset in PRESETS
    ]
    camera = gr.HTML(form["camera"], elem_id="wb-camera", presets=presets, **mount("mountCamera"))
    image.example(None, None, prompt, js="() => wanderbook.takePrompt()", **QUICK)
    return [image, prompt, camera]


def _clip_fields(form: dict[str, Any], card: ModelCard) -> list[Any]:
    """Length and seed, side by side."""
    with gr.Row(elem_id="wb-two"):
        choices = length_choices(card)
        length = gr.Radio(choices, value=form["length"], label="Length", elem_id="wb-length")
        with gr.Column(elem_id="wb-seed-field"):
            seed = gr.Textbox(
                form["seed"], label="Seed", placeholder="random", max_lines=1, elem_id="wb-seed"
            )
            tools = gr.HTML(None, elem_id="wb-seed-tools", **mount("mountSeedTools", "roll"))
    tools.roll(None, None, seed, js="() => wanderbook.roll()", **QUICK)
    return [length, seed]


def _advanced_fields(form: dict[str, Any]) -> list[Any]:
    """What most people leave as it is: negative prompt, steps, guidance."""
    with gr.Accordion("Advanced", open=False, elem_id="wb-advanced"):
        negative = gr.Textbox(
            form["negative"],
            label="Negative prompt",
            placeholder="What should not be in the video",
            lines=2,
            max_lines=4,
            elem_id="wb-negative",
        )
        with gr.Row():
            steps = gr.Number(form["steps"], precision=0, label="Steps", elem_id="wb-steps")
            guidance = gr.Number(form["guidance"], label="Guidance", elem_id="wb-guidance")
    return [negative, steps, guidance]


def _report_changes(composer: Composer) -> None:
    """Tell the page's own script of every change, in the browser, without asking the server."""
    for name, field in zip(FIELDS, composer.fields, strict=True):
        if name not in OURS:
            field.change(
                None, field, None, js=f"(value) => window.wanderbook?.set({name!r}, value)", **QUICK
            )


def _connect(studio: Studio, composer: Composer) -> None:
    """Generate, start clean, take a field back, choose another model."""
    fields = composer.fields
    image, _, _, length, seed, _, steps, guidance, model = fields
    composer.generate.click(
        partial(submit, studio),
        [*fields, composer.foot],
        [composer.foot, seed],
        js="(...values) => window.wanderbook?.ticket(values) ?? values",
        **QUICK,
    )
    composer.head.clean(partial(fill_clean, studio), None, composer.filled, **QUICK)
    composer.head.restore(
        None, fields, fields, js="(...values) => wanderbook.restored(values)", **QUICK
    )

    def fill_back(event: gr.EventData) -> list[Any]:
        sent = event._data
        return fill_again(seen_in(studio, sent), sent["form"], sent["parent_id"])

    def fill_from_link(event: gr.EventData) -> list[Any]:
        sent = event._data
        return fill_shared(seen_in(studio, sent), sent["token"], sent["run"])

    composer.head.again(fill_back, None, composer.filled, **QUICK)
    composer.head.shared(fill_from_link, None, composer.filled, **QUICK)
    advised = [image, length, steps, guidance, composer.note]
    model.input(partial(follow_model, studio), model, advised, **QUICK)


def submit(studio: Studio, *values: Any) -> tuple[dict[str, Any], str]:
    """Queue what the form holds; the second value is what the seed field shows from now on."""
    *form, ticket = values
    seed = str(form[FIELDS.index("seed")] or "")
    answer = {"press": new_key()}  # no two answers are alike, so the page hears every one
    edits = None
    try:
        sent = read_ticket(ticket)
        studio, edits = studio.seen_by(sent.visitor), sent.edits
        draft = replace(read_draft(form, sent.parent_id), notebook_id=sent.notebook_id)
        if edits is not None:
            run = studio.edit(edits, draft, sent.visitor)
            return {**answer, "run": present(studio, run), "saved": True}, seed
        run = studio.submit(draft, sent.client_key, sent.visitor)
    except (SanaWMError, StorageError) as error:
        field = getattr(error, "field", "")
        late = edits is not None and not field and _has_started(studio, edits)
        return {**answer, "error": str(error), "field": field, "late": late}, seed
    return {**answer, "run": present(studio, run)}, str(run.seed) if sent.keep_seed else ""


def seen_in(studio: Studio, sent: Any) -> Studio:
    """The studio as whoever sent a Gradio event may see it: its data carries the visitor's key."""
    visitor = sent.get("visitor")
    return studio.seen_by(visitor if isinstance(visitor, str) else "")


def _has_started(studio: Studio, run_id: str) -> bool:
    """Whether it is too late to change a run."""
    try:
        return studio.run(run_id).state != "queued"
    except SanaWMError:
        return False
