// The cells of the open notebook in the order of display: read page by page, kept true by the event stream.

import { currentNotebook, openBook } from "./books.js";
import { drawFrame, updateFrame } from "./cellframe.js";
import { h } from "./dom.js";
import { insertLine } from "./insertline.js";
import { placeNew, runOf } from "./runs.js";
import { get } from "./server.js";

const PAGE = 12; // cells fetched at a time
const FAR_PAGE = 60; // and on the way to one far down
const AGAIN_MS = 2000;

const entries = new Map(); // id of a cell -> {thin, cell, element, slot, moving}
const asked = new Set(); // runs that a cell shows and this page had not heard of
const listeners = new Set();
let list = null;
let loading = null;
let edge = null; // position of the last cell that was read; what is behind it has not been
let whole = false; // all cells are here
let round = 0; // which opening of a notebook this is: answers to earlier ones are dropped

/** The element that holds the cells. */
export function mountCells() {
  list = h("div", { class: "cells" });
  return list;
}

/** Call `listener()` after cells came or went. */
export function onCellList(listener) {
  listeners.add(listener);
}

/** Whether the beginning of the notebook has been read. */
export function isLoaded() {
  return whole || edge !== null;
}

export function isWhole() {
  return whole;
}

/** Every cell as displayed: {cell, element, thin}; `cell` is a run, or the cell itself where it shows none. */
export function allCells() {
  return [...entries.values()].sort(order);
}

/** The cell that an element lies in. */
export function cellOf(element) {
  return entries.get(element?.closest?.(".cell")?.dataset.cell);
}

export function cellById(id) {
  return entries.get(id);
}

/** The cell of a run, where the open notebook shows it. */
export function cellOfRun(runId) {
  return [...entries.values()].find(({ thin }) => thin.kind === "run" && thin.run === runId);
}

// ---- reading

/** Read the open notebook from its beginning. */
export function openCells() {
  round += 1;
  entries.clear();
  list.replaceChildren();
  [edge, whole, loading] = [null, false, null];
  return loadMore();
}

/** Read the next cells, if there are any. */
export function loadMore(limit = PAGE) {
  if (whole) return null;
  const mine = round;
  loading ??= load(limit, mine).finally(() => mine === round && (loading = null));
  return loading;
}

async function load(limit, mine) {
  const last = allCells().at(-1)?.thin.id;
  let answer;
  try {
    answer = await get(`books/${currentNotebook()}/cells`, last ? { after: last, limit } : { limit });
  } catch {
    setTimeout(() => mine === round && loadMore(limit), AGAIN_MS);
    return;
  }
  if (mine !== round) return;
  whole = answer.cells.length < limit;
  edge = answer.cells.at(-1)?.position ?? edge;
  for (const run of answer.runs) placeNew(run);
  for (const thin of answer.cells) place(thin);
  tell();
}

/** Read on until a cell is here; gives it, or undefined where the notebook does not show it. */
export async function reach(id) {
  while (!entries.has(id) && !whole) await loadMore(FAR_PAGE);
  return entries.get(id);
}

// ---- what changed

/** A cell is new or different. */
export function takeIn(thin) {
  place(thin);
  tell();
}

/** A run is new or different: every cell that shows it says so. */
export function hearRun(run) {
  for (const entry of [...entries.values()]) {
    if (entry.thin.run === run.id || entry.thin.runs.includes(run.id)) place(entry.thin, true);
  }
}

// A cell behind what was read stays away: there would be a gap above it.
function place(thin, again = false) {
  const known = entries.get(thin.id);
  if (!belongs(thin)) return known && drop(known);
  if (thin.run && !runOf(thin.run)) return fetchRun(thin);
  for (const run of thin.runs) if (!runOf(run)) fetchRun(thin, run);
  if (!known) return add(thin);
  if (known.moving) thin = { ...thin, position: known.thin.position }; // it is where it was just put
  const moved = known.thin.position !== thin.position;
  if (again || JSON.stringify(known.thin) !== JSON.stringify({ ...thin, position: known.thin.position }))
    redraw(known, thin);
  known.thin = thin;
  if (moved) settle(known);
}

function belongs(thin) {
  if (thin.notebook !== currentNotebook() || thin.deleted) return false;
  if (thin.run && runOf(thin.run)?.deleted) return false;
  return whole || (edge !== null && compare(thin, { position: edge, id: thin.id }) <= 0);
}

async function fetchRun(thin, id = thin.run) {
  if (asked.has(id)) return;
  asked.add(id);
  try {
    placeNew((await get(`runs/${id}`)).run);
    place(thin, true);
    tell();
  } catch {
    // deleted for good: there is nothing to show
  }
}

function add(thin) {
  const entry = { thin, cell: shown(thin), slot: h("div", { class: "slot" }), moving: 0 };
  entry.element = drawFrame(thin, entry.cell);
  entry.slot.append(insertLine(() => entry.thin.id), entry.element);
  entries.set(thin.id, entry);
  settle(entry);
}

function redraw(entry, thin) {
  const cell = shown(thin);
  const fresh = updateFrame(entry, thin, cell);
  entry.cell = cell;
  entry.element = fresh;
}

function drop(entry) {
  const focused = entry.element.contains(document.activeElement);
  const all = allCells();
  const next = all[all.indexOf(entry) + 1] ?? all[all.indexOf(entry) - 1];
  entries.delete(entry.thin.id);
  entry.slot.remove();
  if (focused) next?.element.focus({ preventScroll: true });
}

// What keys and menus act on: the run, or the cell itself.
function shown(thin) {
  return thin.kind === "run" ? { ...runOf(thin.run), kind: "run" } : thin;
}

// ---- order

function compare(one, other) {
  const down = openBook().newest_first ? -1 : 1;
  return down * (one.position - other.position || (one.id < other.id ? -1 : one.id > other.id ? 1 : 0));
}

function order(one, other) {
  return compare(one.thin, other.thin);
}

// The cell with the focus never leaves the document: the others are put around it.
function settle(entry) {
  const all = allCells();
  const slots = all.map(({ slot }) => slot);
  const { slot } = entry;
  if (slot.isConnected && slot.contains(document.activeElement)) {
    const at = slots.indexOf(slot);
    for (const other of slots.slice(0, at)) list.insertBefore(other, slot);
    list.append(...slots.slice(at + 1));
    return;
  }
  list.insertBefore(slot, slots[slots.indexOf(slot) + 1] ?? null);
}

/** Where a cell stands when it is put before the `at`-th of the others; the server's word follows. */
export function shift(entry, at) {
  const others = allCells().filter((other) => other !== entry);
  const [above, below] = [others[at - 1]?.thin.position, others[at]?.thin.position];
  const step = openBook().newest_first ? -1 : 1;
  const position =
    above === undefined ? below - step : below === undefined ? above + step : (above + below) / 2;
  const before = entry.thin.position;
  entry.thin = { ...entry.thin, position };
  entry.moving += 1; // moves the server was told of and has not answered
  settle(entry);
  return { before, above: others[at]?.thin.id ?? null };
}

/** The server answered a move: the last of several says where the cell is; a refused one puts it back. */
export function shifted(entry, answer, before) {
  entry.moving -= 1;
  if (!answer) {
    entry.thin = { ...entry.thin, position: before };
    settle(entry);
  } else if (!entry.moving) place(answer.cell);
}

function tell() {
  for (const listener of listeners) listener();
}
