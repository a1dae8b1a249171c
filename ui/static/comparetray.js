// Runs a person has marked to compare, one after the other: the second one opens the comparison.

import { acts } from "./acts.js";
import { announce, button, h } from "./dom.js";
import { toast } from "./toasts.js";
import { goTo } from "./views.js";

let tray = []; // cells, in the order they were marked
let note = null; // says which run waits for another
const listeners = new Set();

/** The ids of the runs that are marked and wait for another. */
export function marked() {
  return tray.map((cell) => cell.id);
}

export function isMarked(id) {
  return tray.some((cell) => cell.id === id);
}

/** Call `listener()` after any mark changed; gives a function that ends it. */
export function onMarks(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Mark a run, or let go of one that is marked; with the second the comparison opens. */
export function markForCompare(cell) {
  if (cell.state !== "done")
    return void toast(`Run ${cell.number} has no video yet, so it cannot be compared.`);
  if (isMarked(cell.id)) {
    tray = [];
    announce(`Run ${cell.number} is not marked any more.`);
  } else {
    tray.push(cell);
    if (tray.length === 2) return open();
    announce(`Run ${cell.number} is marked.`);
  }
  tell();
}

function unmark() {
  tray = [];
  tell();
}

function open() {
  const ids = marked();
  tray = [];
  tell();
  goTo("compare", ids.join(","));
}

function tell() {
  note?.remove();
  note = tray.length
    ? h(
        "div",
        { class: "wb marked-note", role: "group", "aria-label": "Marked to compare" },
        h("span", null, `Run ${tray[0].number} is marked. Press C on another run to compare them.`),
        button("Unmark", unmark),
      )
    : null;
  if (note) document.getElementById("wb-toasts")?.after(note);
  for (const listener of [...listeners]) listener();
}

acts.compare = markForCompare;
