"""The notebook beside the composer: one `gr.HTML` that draws every run as a cell.

Cells come and change over the routes of `ui/routes.py`; Gradio is asked only for Remix and Edit,
because they fill Gradio's own fields.
"""

from typing import Any

import gradio as gr

from studio.studio import Studio
from ui.composer import QUICK, Composer, fill_from
from ui.static_files import mount


def build_notebook(studio: Studio, composer: Composer, storage: str) -> None:
    """The notebook; `storage` says in one line what is kept, and where."""
    book = gr.HTML(
        None, elem_id="wb-book", storage=storage, **mount("mountNotebook", "remix", "edit")
    )

    def remix(event: gr.EventData) -> list[Any]:
        return fill_from(studio, str(event._data["id"]))

    def edit(event: gr.EventData) -> list[Any]:
        return fill_from(studio, str(event._data["id"]), edit=True)

    book.remix(remix, None, composer.filled, **QUICK)
    book.edit(edit, None, composer.filled, **QUICK)
