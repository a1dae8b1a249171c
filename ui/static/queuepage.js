// The queue: what runs, what waits and in which order, and what ended today.

import { acts } from "./acts.js";
import { runningActs, updateRunning } from "./cells.js";
import { button, h } from "./dom.js";
import { drawNotices } from "./notices.js";
import { notifyButton } from "./notify.js";
import { preview, stageList } from "./progress.js";
import { drawWaiting, waitingList } from "./queuelist.js";
import { allRuns, isOwner, onLink, onRun, onState, placeNew, queueState, runOf } from "./runs.js";
import { get } from "./server.js";
import { slim } from "./slim.js";
import { timeOf } from "./times.js";
import { currentView } from "./views.js";

const ENDED = new Set(["done", "failed", "cancelled"]);
const ORDER = { failed: 0, done: 1, cancelled: 1 }; // what needs a word comes first

let parts = {};
let ended = []; // ids, the latest first
let running = null; // {cell, element}
const drawn = new Map(); // id of an ended run -> {cell, element}
let asked = false;
let compose = () => {};

export function mountQueue({ element }) {
  const waiting = waitingList();
  parts = {
    lead: h("p", { class: "lead" }),
    control: h("span", { class: "control" }),
    notice: h("div", { class: "notice" }),
    now: section("Now", h("div", { class: "now" })),
    waiting: section("Waiting", waiting),
    ended: section("Ended today", h("ol", { class: "ended" })),
    empty: emptiness(),
  };
  const title = h("h1", { class: "page-h", id: "wb-queue-h" }, "Queue");
  const head = h(
    "div",
    { class: "queue-h" },
    h("div", null, title, parts.lead),
    h("div", { class: "end" }, notifyButton(), parts.control),
  );
  element.replaceChildren(
    h(
      "section",
      { class: "page", "aria-labelledby": "wb-queue-h" },
      head,
      ...[parts.notice, parts.now, parts.waiting, parts.empty, parts.ended],
    ),
  );
  waiting.addEventListener("unsettled", draw);
  onRun(hear);
  onState(draw);
  onLink(draw);
  addEventListener("wb:view", refresh);
  refresh();
}

function section(title, content) {
  return h("section", { class: "part", hidden: true }, h("h2", null, title), content);
}

function emptiness() {
  return h(
    "div",
    { class: "part nothing", hidden: true },
    h("p", { class: "state" }, "Nothing runs and nothing waits."),
    h(
      "p",
      null,
      "Press Generate as often as you like: every press puts a run here, and they are made one after " +
        "another, also while this page is closed. A run that waits can be changed, moved and removed.",
    ),
    h(
      "p",
      { class: "acts" },
      h("button", { type: "button", class: "btn", onclick: () => compose() }, "New run"),
    ),
  );
}

/** What "New run" does. */
export function connectQueue(action) {
  compose = action;
}

// ---- what the server says

async function refresh() {
  if (currentView() !== "queue") return;
  draw();
  try {
    const { runs } = await get("queue");
    for (const cell of runs) placeNew(cell);
    ended = runs.filter(({ state }) => ENDED.has(state)).map(({ id }) => id);
    asked = true;
    draw();
  } catch {
    setTimeout(refresh, 2000);
  }
}

function hear(cell, before) {
  const over = ENDED.has(cell.state);
  if (!over || (before && before.state !== cell.state)) ended = ended.filter((id) => id !== cell.id);
  if (over && before && before.state !== cell.state) ended.unshift(cell.id);
}

// ---- drawing

function draw() {
  if (currentView() !== "queue") return;
  const line = queueState()
    .line.map(({ id }) => runOf(id))
    .filter((cell) => cell?.state === "queued");
  const now = allRuns().find((cell) => cell.state === "running");
  const others = ofOthers(line.length + (now ? 1 : 0));
  drawHead(others);
  drawNow(now);
  drawWaiting(line);
  drawEnded();
  parts.now.hidden = !now;
  parts.waiting.hidden = !line.length;
  parts.waiting.querySelector("h2").textContent = line.length === 1 ? "1 waits" : `${line.length} wait`;
  parts.empty.hidden = Boolean(now || line.length || !asked);
  const nothing = others ? "Nothing of yours runs or waits." : "Nothing runs and nothing waits.";
  parts.empty.querySelector(".state").textContent = nothing;
}

/** How many runs are made or wait that this visitor does not see. */
function ofOthers(seen) {
  const { queued, running: busy } = queueState();
  return Math.max(0, queued + busy - seen);
}

function drawHead(others) {
  const { paused, pause, queued, running: busy } = queueState();
  const owner = isOwner();
  const order = queued > 1 ? " Drag them into another order, or move them with the arrow keys." : "";
  const hidden = others === 1 ? " One run of somebody else is in it." : ` ${others} runs of others are in it.`;
  parts.lead.textContent = owner
    ? `Runs are made one after another.${order}`
    : "Runs are made one after another. Only the owner of this notebook changes the order or pauses." +
      (others ? hidden : "");
  drawNotices(parts.notice, ...(paused ? [pauseNote(pause, busy, owner)] : []));
  const key = `${paused} ${owner}`;
  if (parts.control.dataset.key === key) return;
  parts.control.dataset.key = key;
  const stop = button("Pause", acts.pause, { class: "btn", disabled: !owner });
  parts.control.replaceChildren(...(paused ? [] : [stop]));
}

function pauseNote(why, busy, owner) {
  const rest = busy ? " What runs now is finished; nothing new begins." : "";
  return [why + rest, button("Go on", acts.resume, { class: "btn", disabled: !owner })];
}

function drawNow(cell) {
  if (!cell) {
    running?.element.remove();
    running = null;
    return;
  }
  if (running?.cell.id === cell.id && running.cell.attempt === cell.attempt) {
    if (running.cell !== cell) updateRunning(running.element, cell, acts);
    running.cell = cell;
    return;
  }
  const element = drawRunning(cell);
  parts.now.querySelector(".now").replaceChildren(element);
  running = { cell, element };
}

function drawRunning(cell) {
  const number = h(
    "a",
    { class: "num", href: `#run-${cell.id}`, "aria-label": `Run ${cell.number}` },
    String(cell.number),
  );
  const state = h(
    "span",
    { class: "state" },
    h("span", { class: "dot" }),
    number,
    h("span", null, cell.status.title),
  );
  const caption = h(
    "div",
    { class: "cap" },
    cell.prompt ? h("p", { class: "prompt" }, cell.prompt) : h("p", { class: "help" }, "No prompt"),
    h("p", { class: "small sub" }, cell.status.detail),
    stageList(cell),
  );
  return h(
    "article",
    { class: "running", "aria-label": `Run ${cell.number}, running` },
    h(
      "div",
      { class: "cell-h" },
      state,
      timeOf("left", cell.id),
      h("span", { class: "end" }, runningActs(cell, acts)),
    ),
    h("div", { class: "cell-b" }, preview(cell), caption),
  );
}

function drawEnded() {
  const cells = ended.map(runOf).filter((cell) => cell && ENDED.has(cell.state));
  const sorted = cells.toSorted((one, other) => ORDER[one.state] - ORDER[other.state]);
  for (const cell of sorted) {
    if (drawn.get(cell.id)?.cell === cell) continue;
    drawn.set(cell.id, {
      cell,
      element: h("li", { class: "row", "data-state": cell.state }, endedRow(cell)),
    });
  }
  const list = parts.ended.querySelector(".ended");
  const rows = sorted.map(({ id }) => drawn.get(id).element);
  if (rows.length !== list.children.length || rows.some((row, at) => row !== list.children[at]))
    list.replaceChildren(...rows);
  parts.ended.hidden = !rows.length;
}

function endedRow(cell) {
  const box = slim(cell, acts);
  const state = box.querySelector(".state");
  state.prepend(h("span", { class: "num" }, String(cell.number)));
  if (cell.prompt) state.after(h("p", { class: "prompt" }, cell.prompt));
  return box;
}
