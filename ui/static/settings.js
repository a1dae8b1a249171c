// The settings page: where things are kept, what takes room, and what the queue does by itself.

import { h } from "./dom.js";

export function mountSettings({ element }) {
  element.replaceChildren(
    h(
      "section",
      { class: "page", "aria-labelledby": "wb-settings-h" },
      h("h1", { class: "page-h", id: "wb-settings-h" }, "Settings"),
    ),
  );
}
