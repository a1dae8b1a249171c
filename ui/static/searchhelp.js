// What the search box understands, by example: each can be put into the box.

import { h, icon } from "./dom.js";

const ID = "wb-search-help";
const EXAMPLES = [
  ['lamp "red room"', "Words and phrases in prompts, notes and tags"],
  ["path:orbit", "The camera path"],
  ["rating:>=4", "Stars; also rating:3 and rating:none"],
  ["tag:cave", "A tag"],
  ["seed:42", "The seed; run:14 is a run's number"],
  ["len:>20", "Longer than 20 s"],
  ["state:failed", "Also done, cancelled, queued and running"],
  ["notebook:inbox", "A notebook, by its title"],
  ["has:note", "Also tags, rating and children"],
  ["parent:none", "Made from nothing; parent:14 was made of run 14"],
  ["after:2026-11-01", "Made on that day or later; also before:"],
  ["is:trash", "What lies in the trash"],
];

/** The button that opens the list; `take(example)` puts one into the search. */
export function searchHelp(take) {
  const rows = EXAMPLES.map(([example, meaning]) => {
    const pick = () => {
      list.hidePopover();
      take(example);
    };
    const button = h("button", { type: "button", onclick: pick }, h("code", null, example));
    return h("li", null, button, h("span", null, meaning));
  });
  const title = h("h2", null, "What the search understands");
  const note = h("p", { class: "help" }, "Everything typed must hold. A click adds an example.");
  const list = h("div", { class: "search-help", id: ID, popover: "auto" }, title, note, h("ul", null, ...rows));
  const opener = h(
    "button",
    { type: "button", class: "btn icon", "aria-label": "What the search understands", popovertarget: ID },
    icon("help"),
  );
  list.addEventListener("toggle", ({ newState }) => {
    if (newState !== "open") return;
    const at = opener.closest(".search").getBoundingClientRect();
    list.style.top = `${at.bottom + 4}px`;
    list.style.left = `${Math.max(8, at.right - list.offsetWidth)}px`;
    addEventListener("scroll", () => list.hidePopover(), { once: true });
  });
  return [opener, list];
}
