// The order of cells: by the handle in the margin, or with Alt and the arrow keys.

import { moveBy, moveTo } from "./bookacts.js";
import { allCells, cellById, cellOf } from "./celllist.js";
import { h, icon } from "./dom.js";
import { currentView } from "./views.js";

const SLOP = 4; // pixels the pointer may tremble before a press becomes a move
const EDGE = 88; // pixels from the window's edge at which a held cell scrolls the page
const FASTEST = 18; // pixels a frame

/** The handle of a cell. */
export function gripOf(thin, name) {
  const grip = h(
    "button",
    {
      type: "button",
      class: "btn icon grip",
      "aria-label": `Move ${name.toLowerCase()}`,
      title: "Drag, or press the arrow keys",
    },
    icon("grip"),
  );
  grip.addEventListener("pointerdown", (event) => take(event, grip, cellById(thin.id)));
  grip.addEventListener("keydown", (event) => {
    if (!event.altKey) stepByKey(event, cellById(thin.id));
  });
  return grip;
}

/** Alt with an arrow moves the cell that has the focus, else the current one. */
export function listenToMoves() {
  addEventListener("keydown", (event) => {
    if (!event.altKey || currentView() !== "notebook" || event.target.matches?.("input, textarea, select")) return;
    if (document.querySelector("dialog[open], :popover-open")) return;
    const entry = cellOf(event.target) ?? allCells().find(({ element }) => element.matches(".current"));
    if (entry) stepByKey(event, entry);
  });
}

function stepByKey(event, entry) {
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!by) return;
  event.preventDefault();
  event.stopPropagation();
  moveBy(entry, by);
}

// ---- in the hand: the cell stays where it is, a line shows where it would go

function take(event, grip, entry) {
  if (event.button !== 0) return;
  event.preventDefault();
  grip.focus({ preventScroll: true });
  grip.setPointerCapture(event.pointerId);
  const start = event.clientY;
  const hand = { entry, grip, y: start, to: null, line: h("div", { class: "drop-line" }), moving: false };
  const follow = (move) => {
    hand.y = move.clientY;
    if (!hand.moving && Math.abs(hand.y - start) > SLOP) lift(hand);
    if (hand.moving) aim(hand);
  };
  const end = (hand.end = (keep) => {
    for (const [name, listener] of Object.entries(listeners)) grip.removeEventListener(name, listener);
    const { moving, to } = hand;
    hand.moving = false;
    hand.line.remove();
    entry.element.classList.remove("held");
    if (keep && moving && to !== null) moveTo(entry, to);
  });
  const listeners = {
    pointermove: follow,
    pointerup: () => end(true),
    pointercancel: () => end(false),
    keydown: (key) => key.key === "Escape" && end(false),
  };
  for (const [name, listener] of Object.entries(listeners)) grip.addEventListener(name, listener);
}

function lift(hand) {
  hand.moving = true;
  hand.entry.element.classList.add("held");
  hand.entry.slot.parentElement.append(hand.line);
  const scroll = () => {
    if (!hand.moving) return;
    if (!hand.grip.isConnected) return hand.end(false); // the cell was drawn anew, or is gone
    const near = Math.max(0, EDGE + 56 - hand.y) - Math.max(0, hand.y - (innerHeight - EDGE));
    if (near) scrollBy(0, -Math.sign(near) * Math.min(FASTEST, Math.abs(near) / 4));
    if (near) aim(hand);
    requestAnimationFrame(scroll);
  };
  requestAnimationFrame(scroll);
}

// The gap whose cells the pointer is between, counted without the cell in the hand.
function aim(hand) {
  const others = allCells().filter(({ slot }) => slot !== hand.entry.slot);
  const boxes = others.map(({ slot }) => slot.getBoundingClientRect());
  hand.to = boxes.filter((box) => box.top + box.height / 2 < hand.y).length;
  const list = hand.entry.slot.parentElement.getBoundingClientRect();
  const y = hand.to < boxes.length ? boxes[hand.to].top : boxes.at(-1)?.bottom;
  hand.line.style.top = `${Math.round((y ?? list.top) - list.top)}px`;
}
