// The first page of an empty notebook: what goes in, what comes out, one way to begin.

import { chooseBundle } from "./bundles.js";
import { button, h } from "./dom.js";
import { chooseExample } from "./firstframe.js";
import { draft, onChange } from "./form.js";
import { session } from "./server.js";
import { topView } from "./topview.js";

export function teach() {
  const steps = h("ol", { class: "steps3" });
  const begin = h("div", { class: "begin" });
  const page = h(
    "div",
    { class: "teach" },
    h(
      "h1",
      { class: "page-h", id: "wb-teach-h" },
      "A picture, a few words, a path.",
      h("br"),
      "Then a video, kept here.",
    ),
    h(
      "p",
      { class: "lead" },
      "Everything you generate becomes a numbered cell in this notebook, with its seed and settings, so you can come back to it and remix it.",
    ),
    steps,
    begin,
    h("p", { class: "help" }, "Nothing runs until you press Generate."),
  );
  session().then(
    ({ examples, owner }) => {
      fill(steps, begin, examples);
      if (owner) begin.append(button("Bring in a bundle…", chooseBundle));
    },
    () => {},
  );
  return page;
}

function fill(steps, begin, examples) {
  const [first] = examples;
  const path = h("div", { class: "pic map-slot" });
  const drawPath = () => draft.map && path.replaceChildren(topView(draft.map));
  onChange(drawPath);
  drawPath();
  steps.replaceChildren(
    step(
      first
        ? h("div", { class: "pic" }, h("img", { src: first.url, alt: first.title }))
        : h("div", { class: "pic" }),
      "1. First frame",
      "Your own picture, or one of the examples. The video begins with it.",
    ),
    step(
      path,
      "2. Camera path",
      "Pick a preset, or type actions such as ",
      h("code", null, "w-16,dw-16"),
      ".",
    ),
    step(
      pages(examples),
      "3. A kept run",
      "You can close the page meanwhile. The run goes on and waits here.",
    ),
  );
  if (first)
    begin.replaceChildren(
      h(
        "button",
        { type: "button", class: "btn", onclick: () => chooseExample(first) },
        `Fill in: ${first.title}`,
      ),
    );
}

function step(picture, title, ...words) {
  return h("li", null, picture, h("b", null, title), h("p", null, ...words));
}

// A notebook in small: numbered cells, the newest on top.
function pages(examples) {
  const rows = examples.slice(0, 3).map((example, index) => {
    const lines = h("span", { class: "lines" }, h("i"), h("i"));
    return h(
      "span",
      { class: "mini-cell" },
      h("b", null, String(3 - index)),
      h("img", { src: example.url, alt: "" }),
      lines,
    );
  });
  return h("div", { class: "pic mini", "aria-hidden": "true" }, ...rows);
}
