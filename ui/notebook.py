"""The notebook beside the composer: one `gr.HTML` that draws every run as a cell.

Cells come and change over the routes of `ui/routes.py`; Gradio is asked only for what fills its own
fields: Remix, Edit, some fields of a run, and a run that goes on from a frame.
"""

from typing import Any

import gradio as gr

from studio.studio import Studio
from ui.composer import QUICK, Composer, seen_in
from ui.filling import fill_from, fill_on, fill_with
from ui.static_files import mount


def build_notebook(studio: Studio, composer: Composer, storage: str) -> None:
    """The notebook; `storage` says in one line what is kept, and where."""
    book = gr.HTML(
        None,
        elem_id="wb-book",
        storage=storage,
        **mount("mountNotebook", "remix", "edit", "use", "extend"),
    )

    def remix(event: gr.EventData) -> list[Any]:
        sent = event._data
        return fill_from(seen_in(studio, sent), str(sent["id"]))

    def edit(event: gr.EventData) -> list[Any]:
        sent = event._data
        return fill_from(seen_in(studio, sent), str(sent["id"]), edit=True)

    def use(event: gr.EventData) -> list[Any]:
        sent = event._data
        draft, seen = (sent["form"], sent["parent_id"]), seen_in(studio, sent)
        return fill_with(seen, sent["id"], sent["fields"], *draft, edit=sent["editing"])

    def extend(event: gr.EventData) -> list[Any]:
        sent = event._data
        return fill_on(seen_in(studio, sent), sent["id"], sent["frame"])

    book.remix(remix, None, composer.filled, **QUICK)
    book.edit(edit, None, composer.filled, **QUICK)
    book.use(use, None, composer.filled, **QUICK)
    book.extend(extend, None, composer.filled, **QUICK)
