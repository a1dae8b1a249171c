// Family.

import { h } from "./dom.js";

export function mountFamily({ element }) {
  element.replaceChildren(h("section", null, h("h1", { class: "page-h" }, "Family")));
}
