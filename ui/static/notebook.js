// The notebook: an ordered list of runs, texts, comparisons and sweeps, the same in every tab.

import { acts, connectActs } from "./acts.js";
import { emptyBook, mountBookHead } from "./bookhead.js";
import { connectBookMenu } from "./bookmenu.js";
import { allBooks, currentNotebook, loadBooks, onBooks, openBook } from "./books.js";
import {
  allCells,
  cellOf,
  cellOfRun,
  hearRun,
  isLoaded,
  isWhole,
  loadMore,
  mountCells,
  onCellList,
  openCells,
  takeIn,
} from "./celllist.js";
import { announce, h } from "./dom.js";
import { takeBack, tooLate } from "./edit.js";
import { endSending, showProblem } from "./form.js";
import { insertLine } from "./insertline.js";
import { drawNotices } from "./notices.js";
import { jump } from "./outline.js";
import { listenToMoves } from "./reorder.js";
import { allRuns, onCells, onLink, onNotebooks, onRun, onState, placeNew, runOf, start } from "./runs.js";
import { get } from "./server.js";
import { updatePlace } from "./slim.js";
import { drawStrip } from "./strip.js";
import { teach } from "./teach.js";
import { toast } from "./toasts.js";
import { currentView, goTo, showCount } from "./views.js";

export { allCells, cellOf };

const AHEAD = 1200; // pixels below the window that cells are read for
const PATIENCE_MS = 5000; // until a new run's cell is told of by the event stream

let view = null; // {element, props, trigger}
let parts = {};
let shownAs = ""; // which notebook is drawn, in which order and for whom
const arriving = new Map(); // run id -> what waits for its cell

export function mountNotebook({ element, props, trigger }) {
  view = { element, props, trigger };
  connectActs(trigger, show);
  connectBookMenu();
  parts = {
    head: mountBookHead(),
    notice: h("div", { class: "notice" }),
    queue: h("div", { class: "queue", role: "group", "aria-label": "Queue" }),
    empty: h("div", { class: "if-empty" }),
    list: mountCells(),
    last: h("div", { class: "last" }),
    more: h("div", { class: "more" }),
  };
  const whole = h("div", { class: "full" }, ...Object.values(parts));
  element.replaceChildren(h("section", { class: "book", "aria-labelledby": "wb-book-h" }, whole));
  parts.queue.hidden = true;
  new IntersectionObserver(fillView, { rootMargin: `${AHEAD}px` }).observe(parts.more);
  addEventListener("wb:view", () => location.hash.startsWith("#run-") && show(location.hash.slice(5)));
  listenToMoves();
  onRun(hear);
  onCells((cells) => cells.forEach(takeIn));
  onNotebooks(loadBooks);
  onState(showState);
  onLink(showNotice);
  onBooks(openIfChanged);
  onCellList(() => {
    showEmptiness();
    setTimeout(fillView);
    for (const [id, arrived] of arriving) if (cellOfRun(id)) arrived();
  });
  start().then(loadBooks);
}

// Cells are read ahead of where the page is scrolled to, however low they are.
function fillView() {
  if (currentView() !== "notebook" || !isLoaded() || isWhole()) return;
  if (parts.more.getBoundingClientRect().top < innerHeight + AHEAD) loadMore();
}

// Another notebook, another order, or a visitor who may do more: the cells are read anew.
function openIfChanged() {
  const { id, newest_first, may_change } = openBook();
  const key = JSON.stringify([id, newest_first, may_change]);
  if (key === shownAs || may_change === undefined) return showEmptiness();
  const moved = shownAs && JSON.parse(shownAs)[0] !== id;
  shownAs = key;
  parts.last.replaceChildren(insertLine(() => null), h("p", { class: "help" }, view.props.storage));
  openCells();
  if (moved) announce(`${openBook().title} is open.`);
}

// ---- what the server says

const TOLD = { running: "has started", done: "is done", failed: "has failed", cancelled: "is cancelled" };

function hear(cell, before) {
  hearRun(cell);
  if (!before || before.state === cell.state) return;
  announce(`Run ${cell.number} ${TOLD[cell.state] ?? cell.state}.`);
  if (isOfSweep(cell.id)) return; // it fills in by itself, and there are many
  if (cell.state === "done" && !isInView(cellOfRun(cell.id)?.element)) {
    toast(`Run ${cell.number} is done`, "Show", () => show(cell.id));
  }
}

function isOfSweep(id) {
  return allCells().some(({ thin }) => thin.kind === "sweep" && thin.runs.includes(id));
}

function isInView(element) {
  if (currentView() === "queue") return true; // it says so itself
  if (!element || currentView() !== "notebook") return false;
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 60 && top < innerHeight - 120;
}

/** Scroll to a run and put the focus on it; where the open notebook does not show it, to its own page. */
export async function show(id) {
  if (currentView() !== "notebook") return void (location.hash = `#run-${id}`);
  const entry = cellOfRun(id);
  if (!(await jump(entry?.thin.id ?? (await placeOfRun(id))))) return goTo("run", id);
  document.body.classList.remove("wb-composing");
}

// The outline knows every cell of a notebook, also of those that were not read yet.
async function placeOfRun(id) {
  try {
    const { number } = runOf(id) ?? (await get(`runs/${id}`)).run;
    const { outline } = await get(`books/${currentNotebook()}/outline`);
    return outline.find((line) => line.kind === "run" && line.number === number)?.cell;
  } catch {
    return undefined;
  }
}

/** What the submit handler answered: a new or a changed run, or a sentence for a field. */
export async function answered(answer) {
  endSending();
  if (!answer) return;
  if (answer.late) return tooLate(answer.error);
  if (answer.error) return showProblem(answer.field, answer.error);
  placeNew(answer.run);
  announce(answer.saved ? `Run ${answer.run.number} is changed.` : `Run ${answer.run.number} is queued.`);
  if (answer.saved) takeBack();
  document.body.classList.remove("wb-composing");
  if (currentView() !== "notebook") return;
  await arrival(answer.run.id);
  if (cellOfRun(answer.run.id)) show(answer.run.id);
}

function arrival(id) {
  if (cellOfRun(id)) return null;
  return new Promise((resolve) => {
    arriving.set(id, resolve);
    setTimeout(resolve, PATIENCE_MS);
  }).then(() => arriving.delete(id));
}

// ---- around the cells

function showState(state) {
  showCount(state.queued + state.running);
  const line = document.querySelector("#wb-bar .model");
  if (line) line.textContent = state.model;
  for (const { cell, element } of allCells()) if (cell.state === "queued") updatePlace(element, cell);
  const running = allRuns().find((cell) => cell.state === "running");
  drawStrip(parts.queue, running, acts);
  showNotice();
}

// The first page teaches as long as there is nothing at all; a further notebook that is empty says what it is for.
function showEmptiness() {
  if (!isWhole()) return;
  const none = allCells().length === 0;
  const first = none && allBooks().length === 1 && openBook().runs === 0;
  const page = view.element.querySelector(".teach");
  if (first && !page) view.element.querySelector(".book").prepend(teach());
  if (!first) page?.remove();
  parts.list.parentElement.hidden = first;
  parts.last.hidden = none;
  const words = none && !first;
  if (words !== Boolean(parts.empty.firstChild)) parts.empty.replaceChildren(...(words ? [emptyBook()] : []));
}

function showNotice() {
  drawNotices(parts.notice);
}
