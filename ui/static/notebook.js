// The notebook: every run a cell, newest first, the same in every tab.

import { acts, connectActs } from "./acts.js";
import { announce, h } from "./dom.js";
import { drawCell, updateRunning } from "./cells.js";
import { takeBack, tooLate } from "./edit.js";
import { endSending, showProblem } from "./form.js";
import { drawNotices } from "./notices.js";
import { allRuns, onLink, onRun, onState, placeNew, start } from "./runs.js";
import { get } from "./server.js";
import { updatePlace } from "./slim.js";
import { drawStrip } from "./strip.js";
import { teach } from "./teach.js";
import { toast } from "./toasts.js";
import { currentView, showCount } from "./views.js";

const PAGE = 12; // runs fetched at a time

const cells = new Map(); // id -> {cell, element}
let view = null; // {element, props, trigger}
let parts = {};
let oldest = null; // the id of the last run shown, null once all are here
let loading = null;
let loaded = false;

export function mountNotebook({ element, props, trigger }) {
  view = { element, props, trigger };
  connectActs(trigger, show);
  parts = {
    notice: h("div", { class: "notice" }),
    queue: h("div", { class: "queue", role: "group", "aria-label": "Queue" }),
    list: h("div", { class: "cells" }),
    more: h("div", { class: "more" }),
  };
  const head = h(
    "div",
    { class: "book-h" },
    h("h1", { class: "page-h", id: "wb-book-h" }, "Notebook"),
    h("p", null, props.storage),
  );
  const book = h(
    "section",
    { class: "book", "aria-labelledby": "wb-book-h" },
    h("div", { class: "full" }, head, parts.notice, parts.queue, parts.list, parts.more),
  );
  element.replaceChildren(book);
  parts.queue.hidden = true;
  new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && loadMore(), {
    rootMargin: "1200px",
  }).observe(parts.more);
  addEventListener("wb:view", () => location.hash.startsWith("#run-") && show(location.hash.slice(5)));
  onRun(hear);
  onState(showState);
  onLink(showNotice);
  start().then(() => loadMore(true));
}

/** The run behind an element inside its cell, for the keyboard. */
export function cellOf(element) {
  const found = element?.closest?.(".cell");
  return found ? cells.get(found.id.slice("run-".length)) : undefined;
}

export function allCells() {
  return [...parts.list.children].map((element) => cells.get(element.id.slice("run-".length)));
}

// ---- what the server says

function loadMore(first = false) {
  if (loading || (loaded && oldest === null) || (!first && !loaded)) return loading;
  loading = load(first).finally(() => (loading = null));
  return loading;
}

async function load(first) {
  try {
    const { runs } = await get("runs", oldest ? { before: oldest, limit: PAGE } : { limit: PAGE });
    oldest = runs.length === PAGE ? runs.at(-1).id : null;
    loaded = true;
    for (const cell of runs) placeNew(cell);
    for (const cell of allRuns()) place(cell);
    showEmptiness();
  } catch {
    setTimeout(() => loadMore(first), 2000);
  }
}

const TOLD = { running: "has started", done: "is done", failed: "has failed", cancelled: "is cancelled" };

function hear(cell, before) {
  place(cell);
  if (!before || before.state === cell.state) return;
  announce(`Run ${cell.number} ${TOLD[cell.state] ?? cell.state}.`);
  if (cell.state === "done" && !isInView(cells.get(cell.id)?.element)) {
    toast(`Run ${cell.number} is done`, "Show", () => show(cell.id));
  }
}

function isInView(element) {
  if (currentView() === "queue") return true; // it says so itself
  if (!element || currentView() !== "notebook") return false;
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 60 && top < innerHeight - 120;
}

/** Scroll to a run and put the focus on it; from another view, by the address of the run. */
export async function show(id) {
  if (currentView() !== "notebook") return void (location.hash = `#run-${id}`);
  while (!cells.has(id) && (oldest || !loaded))
    await (loadMore() ?? new Promise((done) => setTimeout(done, 200)));
  const known = cells.get(id);
  if (!known) return;
  document.body.classList.remove("wb-composing");
  known.element.scrollIntoView({ block: "start", behavior: "auto" });
  known.element.focus({ preventScroll: true });
}

// A run older than what was scrolled to has no cell yet: there would be a gap above it.
function place(cell) {
  if (oldest && cell.id < oldest) return;
  const known = cells.get(cell.id);
  if (known?.cell === cell) return;
  if (known?.cell.state === "running" && cell.state === "running") {
    known.cell = cell;
    return updateRunning(known.element, cell, acts);
  }
  const element = drawCell(cell, acts);
  if (known) {
    const focused = known.element.contains(document.activeElement);
    element.classList.toggle("current", known.element.classList.contains("current"));
    known.element.replaceWith(element);
    cells.set(cell.id, { cell, element });
    if (focused) element.focus({ preventScroll: true });
    return;
  }
  cells.set(cell.id, { cell, element });
  const after = [...parts.list.children].find((other) => other.id < element.id);
  parts.list.insertBefore(element, after ?? null);
}

/** What the submit handler answered: a new or a changed run, or a sentence for a field. */
export function answered(answer) {
  endSending();
  if (!answer) return;
  if (answer.late) return tooLate(answer.error);
  if (answer.error) return showProblem(answer.field, answer.error);
  placeNew(answer.run);
  showEmptiness();
  announce(answer.saved ? `Run ${answer.run.number} is changed.` : `Run ${answer.run.number} is queued.`);
  if (answer.saved) takeBack();
  if (currentView() === "notebook") show(answer.run.id);
  else document.body.classList.remove("wb-composing");
}

// ---- around the cells

function showState(state) {
  showCount(state.queued + state.running);
  const line = document.querySelector("#wb-bar .model");
  if (line) line.textContent = state.model;
  for (const { cell, element } of cells.values()) if (cell.state === "queued") updatePlace(element, cell);
  const running = allRuns().find((cell) => cell.state === "running");
  drawStrip(parts.queue, running, acts);
  showNotice();
  if (loaded) showEmptiness();
}

function showEmptiness() {
  const none = cells.size === 0;
  let page = view.element.querySelector(".teach");
  if (none && !page) view.element.querySelector(".book").prepend(teach());
  if (!none) page?.remove();
  parts.list.parentElement.hidden = none;
}

function showNotice() {
  drawNotices(parts.notice);
}
