// More that can be done with something: a button with three dots and a short list in the top layer.

import { h, icon } from "./dom.js";

let count = 0;

/**
 * A button that opens a list of acts; `items` are [words, act], or "-" for a line, and those that are false are left out.
 * Where they are a function, it is asked each time the list opens.
 */
export function moreMenu(label, items) {
  const id = `wb-more-${++count}`;
  const list = h("div", { class: "more-list", id, popover: "auto", role: "menu", "aria-label": label });
  const fill = (found) => list.replaceChildren(...found.filter(Boolean).map(drawn));
  const drawn = (row) => (row === "-" ? h("hr") : item(...row));
  const item = (words, act) =>
    h("button", { type: "button", role: "menuitem", tabindex: -1, onclick: () => choose(act) }, words);
  const opener = h(
    "button",
    { type: "button", class: "btn icon", "aria-label": label, "aria-haspopup": "menu", popovertarget: id },
    icon("more"),
  );
  const choose = (act) => {
    list.hidePopover();
    act();
  };
  if (typeof items !== "function") fill(items);
  else list.addEventListener("beforetoggle", ({ newState }) => newState === "open" && fill(items()));
  list.addEventListener("toggle", ({ newState }) => {
    opener.setAttribute("aria-expanded", String(newState === "open"));
    if (newState !== "open") return;
    put(list, opener);
    addEventListener("scroll", () => list.hidePopover(), { once: true, capture: true });
    list.querySelector("button")?.focus();
  });
  list.addEventListener("keydown", walk);
  return h("span", { class: "more-of" }, opener, list);
}

// Below the button and flush with its right edge; above where there is no room.
function put(list, opener) {
  const at = opener.getBoundingClientRect();
  const below = at.bottom + 4 + list.offsetHeight <= innerHeight;
  list.style.top = `${below ? at.bottom + 4 : Math.max(4, at.top - 4 - list.offsetHeight)}px`;
  list.style.left = `${Math.max(8, at.right - list.offsetWidth)}px`;
}

function walk(event) {
  const items = [...event.currentTarget.querySelectorAll("button")];
  const at = items.indexOf(document.activeElement);
  const goal = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (goal === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  items[(goal + items.length) % items.length]?.focus();
}
