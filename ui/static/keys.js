// The keyboard: single keys for the notebook, Ctrl Enter for the form. They rest while a field has the focus.

import { acts } from "./acts.js";
import { h } from "./dom.js";
import { ready } from "./form.js";
import { allCells, cellOf } from "./notebook.js";
import { currentView, hasComposer } from "./views.js";

const SWITCH = "wanderbook.keys";
const LIST = [
  ["Next, previous cell", ["J", "K"]],
  ["Play or pause", ["Enter"]],
  ["One frame back, on", [",", "."]],
  ["Remix", ["R"]],
  ["New seed", ["S"]],
  ["To the new run", ["W"]],
  ["Generate, from any field", ["Ctrl", "Enter"]],
  ["This list", ["?"]],
  ["Close", ["Esc"]],
];

function enabled() {
  try {
    return localStorage.getItem(SWITCH) !== "off";
  } catch {
    return true;
  }
}

/** The rows of the keyboard list and the switch for single keys. */
export function fillKeyList(place) {
  const rows = LIST.map(([what, keys]) =>
    h(
      "div",
      null,
      h("span", null, what),
      h("span", null, ...keys.flatMap((key) => [h("kbd", null, key), " "])),
    ),
  );
  const box = h("input", { type: "checkbox" });
  box.checked = enabled();
  box.addEventListener("change", () => localStorage.setItem(SWITCH, box.checked ? "on" : "off"));
  place.replaceChildren(
    h("div", { class: "keys" }, ...rows),
    h("label", { class: "chk" }, box, "Single keys act while no field has the focus"),
  );
}

export function listenToKeys(compose) {
  addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return generate(event);
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || !enabled()) return;
    if (document.querySelector("dialog[open], :popover-open")) return;
    const action = actions(compose)[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (action && action(event.target) !== false) event.preventDefault();
  });
  document.addEventListener("focusin", (event) => {
    const known = cellOf(event.target);
    if (known) makeCurrent(known);
  });
}

function generate(event) {
  event.preventDefault();
  if (ready() && hasComposer()) document.getElementById("wb-generate").click();
}

function isTyping(target) {
  return target.matches?.(
    "input:not([type=radio]):not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]",
  );
}

function actions(compose) {
  const anywhere = { w: compose, "?": () => document.getElementById("wb-keys").showModal() };
  if (currentView() !== "notebook") return anywhere; // the other keys are for cells, and none is in view
  return {
    ...anywhere,
    j: () => move(1),
    k: () => move(-1),
    r: (target) => withCell(target, ({ cell }) => cell.state !== "running" && acts.remix(cell)),
    s: (target) => withCell(target, ({ cell }) => cell.state === "done" && acts.reseed(cell)),
    ",": (target) => step(target, -1),
    ".": (target) => step(target, 1),
    Enter: (target) =>
      target.matches("button, a, summary, input")
        ? false
        : withCell(target, ({ element }) => element.querySelector(".out")?.player?.toggle()),
  };
}

function current() {
  return allCells().find(({ element }) => element.classList.contains("current"));
}

function makeCurrent(known) {
  for (const { element } of allCells()) element.classList.toggle("current", element === known.element);
}

function withCell(target, action) {
  const known = cellOf(target) ?? current();
  if (!known) return false;
  action(known);
  return true;
}

function step(target, frames) {
  return withCell(target, ({ element }) => element.querySelector(".out")?.player?.step(frames));
}

function move(by) {
  const all = allCells();
  if (!all.length) return false;
  const at = all.indexOf(current());
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
  next.element.focus({ preventScroll: true });
  next.element.scrollIntoView({ block: "start" });
  return true;
}
