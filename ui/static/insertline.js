// The line between two cells where something new can be put: seen when it is pointed at or has the focus.

import { addText } from "./bookacts.js";
import { openBook } from "./books.js";
import { cellById, reach } from "./celllist.js";
import { h, icon } from "./dom.js";
import { pickRuns } from "./pickruns.js";
import { openSweep } from "./sweep.js";
import { newText } from "./textcell.js";

/** The line; `above()` is the id of the cell below it, null under the last one. One tab stop, arrows inside. */
export function insertLine(above) {
  if (!openBook().may_change) return "";
  const choice = (words, act, first) =>
    h("button", { type: "button", class: "btn quiet", tabindex: first ? 0 : -1, onclick: act }, first && icon("plus"), words);
  const buttons = [
    choice("Text", () => writeAbove(above()), true),
    choice("Sweep", () => openSweep(above())),
    choice("Compare", () => pickRuns(above())),
  ];
  const bar = h("div", { role: "toolbar", "aria-label": "Insert here" }, ...buttons);
  bar.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[(buttons.indexOf(document.activeElement) + by + 3) % 3].focus();
  });
  return h("div", { class: "insert" }, bar);
}

/** Write a new text above a cell; at the bottom of the notebook where there is none. */
export function writeAbove(id) {
  const slot = cellById(id)?.slot;
  const list = document.querySelector("#wb-book .cells");
  let made = null;
  newText(
    (element) => (slot ? slot.before(element) : list.append(element)),
    async (text) => (made = await addText(text, id)),
    async (byKey) => {
      const entry = made ? await reach(made.cell.id) : cellById(id);
      if (byKey) entry?.element.focus({ preventScroll: true });
    },
  );
}
