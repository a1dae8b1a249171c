// Gallery.

import { h } from "./dom.js";

export function mountGallery({ element }) {
  element.replaceChildren(h("section", null, h("h1", { class: "page-h" }, "Gallery")));
}
