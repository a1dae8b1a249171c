// Run.

import { h } from "./dom.js";

export function mountRun({ element }) {
  element.replaceChildren(h("section", null, h("h1", { class: "page-h" }, "Run")));
}
