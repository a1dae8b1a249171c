// The notebook: every run a cell, newest first, the same in every tab.

import { announce, button, h, icon } from "./dom.js";
import { drawCell, updateRunning } from "./cells.js";
import { teach } from "./teach.js";
import { endSending, showProblem } from "./form.js";
import { follow } from "./live.js";
import { Refusal, get, post, randomKey, session } from "./server.js";
import { toast } from "./toasts.js";
import { currentView, showCount } from "./views.js";

const PAGE = 12; // runs fetched at a time

const cells = new Map(); // id -> {cell, element}
let view = null; // {element, props, trigger}
let parts = {};
let state = { queued: 0, paused: false, trouble: "" };
let oldest = null; // the id of the last run shown, null once all are here
let loading = false;
let loaded = false;

export function mountNotebook({ element, props, trigger }) {
  view = { element, props, trigger };
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
  session()
    .finally(() => loadMore(true))
    .catch(() => {});
  follow(hear, showLink);
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

async function loadMore(first = false) {
  if (loading || (loaded && oldest === null) || (!first && !loaded)) return;
  loading = true;
  try {
    const { runs } = await get("runs", oldest ? { before: oldest, limit: PAGE } : { limit: PAGE });
    for (const cell of runs) placeNew(cell);
    oldest = runs.length === PAGE ? runs.at(-1).id : null;
    loaded = true;
    showEmptiness();
  } catch (refusal) {
    setTimeout(() => loadMore(first), 2000);
  } finally {
    loading = false;
  }
}

function hear(event) {
  for (const cell of event.runs) {
    const before = cells.get(cell.id)?.cell.state;
    place(cell);
    if (before && before !== cell.state) tell(cell);
  }
  state = event.state;
  showCount(state.queued + state.running);
  showModel();
  showQueue();
  showNotice();
  if (loaded) showEmptiness();
}

const TOLD = { running: "has started", done: "is done", failed: "has failed", cancelled: "is cancelled" };

function tell(cell) {
  announce(`Run ${cell.number} ${TOLD[cell.state] ?? cell.state}.`);
  if (cell.state === "done" && !isInView(cells.get(cell.id).element)) {
    toast(`Run ${cell.number} is done`, "Show", () => show(cell.id));
  }
}

function isInView(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 60 && top < innerHeight - 120;
}

/** Scroll to a run and put the focus on it; from another view, by the address of the run. */
export async function show(id) {
  if (currentView() !== "notebook") return void (location.hash = `#run-${id}`);
  while (!cells.has(id) && oldest) await loadMore();
  const known = cells.get(id);
  if (!known) return;
  document.body.classList.remove("wb-composing");
  known.element.scrollIntoView({ block: "start", behavior: "auto" });
  known.element.focus({ preventScroll: true });
}

// An answer may be older than what was heard since it was asked for: it never replaces a cell.
function placeNew(cell) {
  if (!cells.has(cell.id)) place(cell);
}

function place(cell) {
  const known = cells.get(cell.id);
  if (known && JSON.stringify(known.cell) === JSON.stringify(cell)) return;
  if (known?.cell.state === "running" && cell.state === "running") {
    known.cell = cell;
    return updateRunning(known.element, cell);
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

// ---- what a person does

async function attempt(action) {
  try {
    const { run } = await action();
    if (run) placeNew(run);
    return run;
  } catch (refusal) {
    toast(refusal instanceof Refusal ? refusal.message : "This did not work.");
    return null;
  }
}

export const acts = {
  remix(cell) {
    view.trigger("remix", { id: cell.id });
    announce(`The form now holds run ${cell.number}.`);
  },
  async reseed(cell) {
    const run = await attempt(() => post(`runs/${cell.id}/reseed`, { client_key: randomKey() }));
    if (run) toast(`Run ${run.number} is queued`, "Show", () => show(run.id));
  },
  cancel: (cell) => attempt(() => post(`runs/${cell.id}/cancel`)),
  retry: (cell) => attempt(() => post(`runs/${cell.id}/retry`)),
  // A picture that does not load any more: its address has expired. Ask once for a fresh one.
  lost(cell) {
    const known = cells.get(cell.id);
    if (!known || known.asked) return;
    known.asked = true;
    get(`runs/${cell.id}`).then(
      ({ run }) => place(run),
      () => {},
    );
  },
};

/** What the submit handler answered: a new run, or a sentence for a field. */
export function answered(answer) {
  endSending();
  if (!answer) return;
  if (answer.error) return showProblem(answer.field, answer.error);
  placeNew(answer.run);
  showEmptiness();
  announce(`Run ${answer.run.number} is queued.`);
  show(answer.run.id);
}

// ---- around the cells

function showEmptiness() {
  const none = cells.size === 0;
  let page = view.element.querySelector(".teach");
  if (none && !page) view.element.querySelector(".book").prepend(teach());
  if (!none) page?.remove();
  parts.list.parentElement.hidden = none;
}

function showQueue() {
  const running = allCells().find(({ cell }) => cell.state === "running")?.cell;
  const { queued, paused } = state;
  parts.queue.hidden = !running && !(paused && queued);
  if (parts.queue.hidden) return parts.queue.replaceChildren();
  const line = running
    ? [
        h("span", { class: "dot" }),
        h("span", null, h("a", { href: `#run-${running.id}` }, String(running.number)), ` ${doing(running)}`),
        meter(running),
        h("span", { class: "only-l" }, running.left),
      ]
    : [h("span", null, "The queue is paused")];
  const waiting = queued
    ? [h("span", { class: "sep" }), h("span", null, h("b", null, String(queued)), " waiting")]
    : [];
  const goOn = paused && button("Go on", () => attempt(() => post("queue/resume")));
  const focused = parts.queue.contains(document.activeElement);
  parts.queue.replaceChildren(...line, ...waiting, h("span", { class: "end" }, goOn));
  if (focused) parts.queue.querySelector("button")?.focus();
}

function doing(cell) {
  const stage = cell.stages.find((one) => one.state === "now");
  return stage ? stage.text.replace(/(,| \d).*/, "").toLowerCase() : "running";
}

function meter(cell) {
  return h("span", { class: "meter", style: `--at:${cell.percent}%`, "aria-hidden": "true" }, h("i"));
}

let lostAt = null;

function showLink(time) {
  lostAt = time;
  showNotice();
}

// The line at the end of the bar: which model, and what it is doing.
function showModel() {
  const line = document.querySelector("#wb-bar .model");
  if (line) line.textContent = state.model;
}

function showNotice() {
  const notes = [];
  if (lostAt) {
    const clock = lostAt.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    notes.push(`Lost the connection at ${clock}. Runs go on; this page catches up by itself.`);
  }
  if (state.trouble) notes.push(state.trouble);
  parts.notice.replaceChildren(
    ...notes.map((note) =>
      h("div", { class: "pill-note warn", role: "status" }, icon("warn"), h("span", null, note)),
    ),
  );
}
