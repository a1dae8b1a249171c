"""The one page: a bar, the composer at the left, beside it the notebook, the queue or the settings.

Gradio draws the frame and its own fields; everything else is drawn by `static/page.js` in
`gr.HTML`s. Components carry ids that begin with wb-, and the styles hang on those alone. All views
are mounted at once; the address's hash says which one is seen.
"""

import gradio as gr

from studio.studio import Studio
from ui.addresses import ONLY_AS_ASKED, Addresses
from ui.api import build_api
from ui.composer import build_composer
from ui.notebook import build_notebook
from ui.static_files import mount

BAR = """
<header class="bar">
  <a class="skip" href="#/">Skip to the content</a>
  <a class="word" href="#/">Wanderbook</a>
  <nav class="nav links" aria-label="Pages"></nav>
  <div class="end">
    <span class="model"></span>
    <button type="button" class="btn icon open-keys" aria-label="Keyboard" title="Keyboard (?)">
    </button>
    <button type="button" class="btn icon only-s open-menu" popovertarget="wb-menu"
      aria-label="Pages"></button>
  </div>
</header>
<nav class="menu links" popover id="wb-menu" aria-label="Pages, small screens"></nav>
<dialog class="sheet" id="wb-keys" aria-labelledby="wb-keys-h">
  <div class="sheet-h">
    <h2 id="wb-keys-h">Keyboard</h2>
    <button type="button" class="btn icon close-keys" aria-label="Close"></button>
  </div>
  <div class="key-list"></div>
</dialog>
<p class="vh" id="wb-announce" role="status" aria-live="polite"></p>
"""


def build_page(studio: Studio, storage: str, addresses: Addresses = ONLY_AS_ASKED) -> gr.Blocks:
    """The page of a studio; `storage` says in one line what is kept, and where."""
    with gr.Blocks(title="Wanderbook", fill_width=True, analytics_enabled=False) as page:
        gr.HTML(None, elem_id="wb-bar", **{**mount("mountBar"), "html_template": BAR})
        with gr.Row(elem_id="wb-studio"):
            composer = build_composer(studio)
            build_notebook(studio, composer, storage)
            gr.HTML(None, elem_id="wb-gallery", **mount("mountGallery"))
            gr.HTML(None, elem_id="wb-run", **mount("mountRun"))
            gr.HTML(None, elem_id="wb-family", **mount("mountFamily"))
            gr.HTML(None, elem_id="wb-compare", **mount("mountCompare"))
            gr.HTML(None, elem_id="wb-queue-page", **mount("mountQueue"))
            gr.HTML(None, elem_id="wb-settings", **mount("mountSettings"))
        gr.HTML(None, elem_id="wb-dock", **mount("mountDock"))
        gr.HTML(
            "<div class='toasts'></div>",
            elem_id="wb-toasts",
            elem_classes="wb",
            apply_default_css=False,
            js_on_load=None,
        )
        build_api(studio, addresses)
    return page
