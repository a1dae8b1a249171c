// The queue: what runs, what waits and in which order, and what ended today.

import { h } from "./dom.js";

export function mountQueue({ element }) {
  element.replaceChildren(
    h(
      "section",
      { class: "page", "aria-labelledby": "wb-queue-h" },
      h("h1", { class: "page-h", id: "wb-queue-h" }, "Queue"),
    ),
  );
}
