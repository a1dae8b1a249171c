// Compare.

import { h } from "./dom.js";

export function mountCompare({ element }) {
  element.replaceChildren(h("section", null, h("h1", { class: "page-h" }, "Compare")));
}
