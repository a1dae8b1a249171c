// The keyboard: single keys for runs and cells, Ctrl Enter for the form, Ctrl Z for the last step. Single keys rest
// while a field, a player's line or a dialog has the focus, and can be switched off.

import { acts } from "./acts.js";
import { allCells, cellOf } from "./celllist.js";
import { markForCompare } from "./comparetray.js";
import { cellAt, currentCell, currentRun, withRun } from "./current.js";
import { h } from "./dom.js";
import { ready } from "./form.js";
import { findRuns } from "./gallery.js";
import { rate } from "./marks.js";
import { undoLast } from "./undo.js";
import { currentView, goTo, hasComposer } from "./views.js";

const SWITCH = "wanderbook.keys";
const CHORD_MS = 1500; // between G and the key after it
const NOTE_TRIES = 30; // looks for the note of a run page that is being drawn, 100 ms apart
const LIST = [
  ["Next, previous cell", ["J", "K"]],
  ["Play or pause", ["Enter"]],
  ["One frame back, on", [",", "."]],
  ["Remix", ["R"]],
  ["New seed", ["S"]],
  ["Mark to compare", ["C"]],
  ["Write a note", ["N"]],
  ["Rate; again clears", ["1", "to", "5"]],
  ["Discard a run of a sweep", ["X"]],
  ["Select a run of the gallery", ["X"]],
  ["Throw it away", ["Del"]],
  ["Page of this run", ["D"]],
  ["Family of this run", ["G", "L"]],
  ["Gallery", ["G", "G"]],
  ["Notebook", ["G", "N"]],
  ["Queue", ["G", "Q"]],
  ["Find", ["/"]],
  ["To the new run", ["W"]],
  ["Generate, from any field", ["Ctrl", "Enter"]],
  ["Undo delete, move, tag", ["Ctrl", "Z"]],
  ["Move a cell", ["Alt", "↑", "↓"]],
  ["This list", ["?"]],
  ["Close", ["Esc"]],
];

/** Whether single keys act; they can be switched off. */
export function enabled() {
  try {
    return localStorage.getItem(SWITCH) !== "off";
  } catch {
    return true;
  }
}

/** The rows of the keyboard list and the switch for single keys. */
export function fillKeyList(place) {
  const cap = (key) => (key === "to" ? key : h("kbd", null, key));
  const rows = LIST.map(([what, keys]) =>
    h("div", null, h("span", null, what), h("span", null, ...keys.flatMap((key) => [cap(key), " "]))),
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
    const { target } = event;
    if (document.querySelector("dialog[open], :popover-open")) return;
    if (event.ctrlKey || event.metaKey) return withControl(event);
    if (event.altKey || rests(target) || !enabled()) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (act(key, target, compose)) event.preventDefault();
  });
  document.addEventListener("focusin", (event) => {
    const known = cellOf(event.target);
    if (known) makeCurrent(known);
  });
}

// Fields have an undo of their own.
function withControl(event) {
  if (event.key === "Enter") {
    event.preventDefault();
    if (ready() && hasComposer()) document.getElementById("wb-generate").click();
  } else if (event.key.toLowerCase() === "z" && !event.shiftKey && !rests(event.target)) {
    if (undoLast()) event.preventDefault();
  }
}

function rests(target) {
  return target.matches?.(
    "input:not([type=radio]):not([type=checkbox]), textarea, select, video, [contenteditable]",
  );
}

// ---- what a key does; each gives whether it did something

let chordUntil = 0;

function act(key, target, compose) {
  if (performance.now() < chordUntil) {
    chordUntil = 0;
    return goAfterG(key, target);
  }
  if (key === "g") {
    chordUntil = performance.now() + CHORD_MS;
    return true;
  }
  if (ANYWHERE[key]) return ANYWHERE[key](compose) ?? true;
  if (currentView() === "notebook" && CELLS[key]) return CELLS[key](target);
  const id = currentRun(target);
  if (!id) return false;
  if (/^[1-5]$/.test(key)) return withRun(id, (run) => rateBy(run, Number(key))), true;
  if (key === "x" && !target.matches(".tile")) return false;
  if (RUNS[key]) return withRun(id, RUNS[key]), true;
  return false;
}

const ANYWHERE = {
  w: (compose) => compose(),
  "/": () => findRuns(),
  "?": () => document.getElementById("wb-keys").showModal(),
};

const CELLS = {
  j: () => move(1),
  k: () => move(-1),
  ",": (target) => withPlayer(target, (player) => player.step(-1)),
  ".": (target) => withPlayer(target, (player) => player.step(1)),
  Enter: (target) =>
    !target.matches("button, a, summary, input") && withPlayer(target, (player) => player.toggle()),
};

const RUNS = {
  r: (run) => run.state !== "running" && acts.remix(run),
  s: (run) => run.state === "done" && acts.reseed(run),
  c: (run) => markForCompare(run),
  n: (run) => writeNote(run),
  d: (run) => goTo("run", run.id),
  x: (run) => (run.deleted ? acts.restore(run) : acts.trash(run)),
};

const PLACES = { g: "gallery", n: "notebook", q: "queue", s: "settings" };

function goAfterG(key, target) {
  const id = currentRun(target);
  if (key === "l" && id) goTo("family", id);
  else if (PLACES[key]) goTo(PLACES[key]);
  else return false;
  return true;
}

function rateBy(run, stars) {
  if (run.state === "done") rate(run, run.rating === stars ? 0 : stars);
}

// In the view where the run has a note's place; a card has none, so its page is opened.
function writeNote(run, tries = NOTE_TRIES) {
  const views = { notebook: `#wb-book #run-${CSS.escape(run.id)}`, run: "#wb-run" };
  const note = document.querySelector(`${views[currentView()] ?? "none"} [data-mark=note]`);
  if (note) return void note.edit();
  if (run.state !== "done") return;
  if (currentView() !== "run") goTo("run", run.id);
  if (tries) setTimeout(() => writeNote(run, tries - 1), 100);
}

// ---- cells

function makeCurrent(known) {
  for (const { element } of allCells()) element.classList.toggle("current", element === known.element);
}

function withPlayer(target, action) {
  const player = cellAt(target)?.element.querySelector(".out")?.player;
  if (!player) return false;
  action(player);
  return true;
}

function move(by) {
  const all = allCells();
  if (!all.length) return false;
  const at = all.indexOf(currentCell());
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
  next.element.focus({ preventScroll: true });
  next.element.scrollIntoView({ block: "start" });
  return true;
}
