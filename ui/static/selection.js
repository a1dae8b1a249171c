// Which runs of the gallery are chosen: by their boxes, with Ctrl or Shift, by Space and the arrows.

import { announce } from "./dom.js";
import { enabled } from "./keys.js";

const chosen = new Map(); // id -> card, in the order of choosing
let anchor = ""; // where a range begins
let grid = null;
const listeners = new Set();

/** Choose in a grid; see gallerygrid.js for what it can do. */
export function mountSelection(list, given) {
  grid = given;
  list.addEventListener("click", onClick);
  list.addEventListener("keydown", onKey);
}

export function onSelection(listener) {
  listeners.add(listener);
}

export function chosenCards() {
  return [...chosen.values()];
}

/** Choose nothing. */
export function clear() {
  if (!chosen.size) return;
  chosen.clear();
  anchor = "";
  tell();
}

/** Show on a card whether it is chosen. */
export function mark(element, card) {
  const on = chosen.has(card.id);
  element.classList.toggle("sel", on);
  element.querySelector(".pick").checked = on;
  if (on) chosen.set(card.id, card);
}

/** Choose two cards, the second reached from the first with Shift held. */
export function extend(from, to) {
  for (const id of [from, to]) chosen.set(id, grid.cardOf(id));
  anchor = from;
  tell();
}

function toggle(card) {
  if (!chosen.delete(card.id)) chosen.set(card.id, card);
  anchor = card.id;
  tell();
}

function range(card) {
  for (const one of grid.between(anchor, card.id)) chosen.set(one.id, one);
  tell();
}

function chooseAll() {
  for (const card of grid.gridCards()) chosen.set(card.id, card);
  tell();
}

function tell() {
  for (const card of grid.gridCards()) {
    const element = grid.elementOf(card.id);
    if (element) mark(element, card);
  }
  for (const listener of listeners) listener();
  announce(chosen.size === 1 ? "1 run selected." : `${chosen.size} runs selected.`);
}

function onClick(event) {
  const element = event.target.closest(".card");
  if (!element || event.button !== 0) return;
  const card = grid.cardOf(element.dataset.id);
  const onBox = event.target.matches(".pick");
  const byKey = event.detail === 0; // Enter on the link
  if (!onBox && !event.ctrlKey && !event.metaKey && !event.shiftKey && (!chosen.size || byKey)) return;
  if (!onBox) event.preventDefault();
  if (event.shiftKey && anchor) range(card);
  else toggle(card);
  if (onBox) element.firstElementChild.focus({ preventScroll: true });
}

function onKey(event) {
  const element = event.target.closest(".card");
  if (!element) return;
  const held = event.ctrlKey || event.metaKey || event.altKey;
  const one = event.key === " " || (event.key === "x" && enabled());
  if (held && !event.altKey && event.key.toLowerCase() === "a") chooseAll();
  else if (one && !held) toggle(grid.cardOf(element.dataset.id));
  else return;
  event.preventDefault();
  event.stopPropagation();
}
