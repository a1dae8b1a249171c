// The runs that wait, in the order they will be made. The handle moves a run: by pointer, or by the arrow keys.

import { acts } from "./acts.js";
import { announce, button, h, icon, swap } from "./dom.js";
import { moreMenu } from "./menu.js";
import { isMine, isOwner, isShared, mayChange, placeOf } from "./runs.js";
import { firstFrame } from "./slim.js";
import { timeOf } from "./times.js";

const EDGE = 72; // pixels from the window's edge at which a dragged run scrolls the page

const rows = new Map(); // id -> {cell, mine, element}
let list = null;
let held = false; // a run is in the hand
let sending = 0; // moves the server was told of and has not answered: until then its order is an old one
let sent = Promise.resolve(); // moves go out one after another

/** The list itself; draw it with `drawWaiting`. */
export function waitingList() {
  list = h("ol", { class: "waiting", "aria-label": "Runs that wait, next one first" });
  return list;
}

/** Show these runs in this order, touching only what changed. */
export function drawWaiting(cells) {
  for (const [id, row] of rows) {
    if (cells.some((cell) => cell.id === id)) continue;
    if (row.element.classList.contains("held")) held = false; // it was started out of the hand
    row.element.remove();
    rows.delete(id);
  }
  for (const cell of cells) draw(cell);
  if (!held && !sending) arrange(cells.map(({ id }) => rows.get(id).element));
  cells.forEach((cell, at) => showPlace(rows.get(cell.id).element, cell, at));
}

function draw(cell) {
  const known = rows.get(cell.id);
  const mine = isShared() && isMine(cell);
  if ((known?.cell === cell && known.mine === mine) || known?.element.classList.contains("held")) return;
  const element = drawRow(cell, mine);
  if (known) swap(known.element, element);
  rows.set(cell.id, { cell, mine, element });
}

function drawRow(cell, mine) {
  const grip = h(
    "button",
    {
      type: "button",
      class: "btn icon grip",
      "aria-label": `Move run ${cell.number}`,
      title: "Drag, or press the arrow keys",
      disabled: !isOwner(),
    },
    icon("grip"),
  );
  const state = h(
    "p",
    { class: "state" },
    h("span", { class: "num" }, String(cell.number)),
    h("span", { class: "place" }),
  );
  if (mine) state.append(h("span", { class: "yours" }, "yours"));
  const column = h(
    "div",
    { class: "col" },
    state,
    cell.prompt ? h("p", { class: "prompt" }, cell.prompt) : h("p", { class: "help" }, "No prompt"),
    h("p", { class: "small sub" }, timeOf("start", cell.id), " ", cell.status.detail),
  );
  const row = h("li", { class: "row", "data-run": cell.id }, grip, firstFrame(cell), column, rowActs(cell));
  grip.addEventListener("pointerdown", (event) => take(event, row, cell));
  grip.addEventListener("keydown", (event) => step(event, row, cell));
  return row;
}

function rowActs(cell) {
  const act = (label, way, more) =>
    button(label, () => acts[way](cell), { "aria-label": `${label} run ${cell.number}`, ...more });
  const more = moreMenu(`More for run ${cell.number}`, [
    ["Duplicate", () => acts.duplicate(cell)],
    ["Remix", () => acts.remix(cell)],
  ]);
  const next = isOwner() && act("Run next", "next", { class: "btn quiet next" });
  const own = mayChange(cell) ? [act("Edit", "edit"), next, act("Remove", "cancel")] : [next];
  return h("div", { class: "acts" }, ...own.filter(Boolean), more);
}

function showPlace(row, cell, at) {
  const place = row.querySelector(".place");
  const words = placeOf(cell).place.replace(/^Queued, (.)/, (_, letter) => letter.toUpperCase());
  if (place.textContent !== words) place.textContent = words;
  const next = row.querySelector(".next");
  if (next) next.hidden = at === 0;
}

// ---- order

const order = () => [...list.children];

// The row in the hand, or with the focus, never leaves the document: the others are put around it.
function arrange(wanted, fixed = wanted.find((row) => row.contains(document.activeElement)) ?? wanted[0]) {
  const now = order();
  if (wanted.length === now.length && wanted.every((row, at) => row === now[at])) return;
  if (!fixed.isConnected) list.append(fixed);
  const at = wanted.indexOf(fixed);
  for (const row of wanted.slice(0, at)) list.insertBefore(row, fixed);
  list.append(...wanted.slice(at + 1));
}

function moved(row, to) {
  const others = order().filter((other) => other !== row);
  return [...others.slice(0, to), row, ...others.slice(to)];
}

async function settle(row, cell) {
  const now = order();
  const before = now[now.indexOf(row) + 1]?.dataset.run ?? null;
  announce(`Run ${cell.number} is now ${now.indexOf(row) + 1} of ${now.length}.`);
  sending += 1;
  sent = sent.then(() => acts.move(cell, before));
  const done = await sent;
  sending -= 1;
  if (!done) list.dispatchEvent(new CustomEvent("unsettled", { bubbles: true }));
}

function step(event, row, cell) {
  const at = order().indexOf(row);
  const last = order().length - 1;
  const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: last }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  if (to < 0 || to > last || to === at)
    return announce(`Run ${cell.number} is ${at ? "last" : "first"} already.`);
  arrange(moved(row, to), row);
  row.scrollIntoView({ block: "nearest" });
  settle(row, cell);
}

// ---- in the hand

function take(event, row, cell) {
  if (event.button !== 0 || event.currentTarget.disabled) return;
  event.preventDefault();
  const grip = event.currentTarget;
  const before = order();
  const offset = event.clientY - row.getBoundingClientRect().top;
  grip.focus();
  grip.setPointerCapture(event.pointerId);
  row.classList.add("held");
  held = true;
  const follow = (move) => {
    carry(row, move.clientY, offset);
    if (move.clientY < EDGE + 56) scrollBy(0, -12);
    if (move.clientY > innerHeight - EDGE) scrollBy(0, 12);
  };
  const end = (keep) => {
    for (const [name, listener] of Object.entries(listeners)) grip.removeEventListener(name, listener);
    row.classList.remove("held");
    row.style.transform = "";
    held = false;
    if (!keep) arrange(before, row);
    else if (order().some((other, at) => other !== before[at])) settle(row, cell);
  };
  const listeners = {
    pointermove: follow,
    pointerup: () => end(true),
    pointercancel: () => end(false),
    keydown: (key) => key.key === "Escape" && end(false),
  };
  for (const [name, listener] of Object.entries(listeners)) grip.addEventListener(name, listener);
}

// The row follows the pointer; it changes place with a neighbour once it covers half of it.
function carry(row, y, offset) {
  row.style.transform = "";
  const top = y - offset;
  const middle = top + row.offsetHeight / 2;
  const others = order().filter((other) => other !== row);
  const to = others.filter((other) => {
    const box = other.getBoundingClientRect();
    return box.top + box.height / 2 < middle;
  }).length;
  arrange(moved(row, to), row);
  row.style.transform = `translateY(${Math.round(top - row.getBoundingClientRect().top)}px)`;
}
