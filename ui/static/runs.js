// The runs this page knows and the state of the queue: one truth for every view, fed by one event stream.

import { follow } from "./live.js";
import { get, session } from "./server.js";
import { hearTimes } from "./times.js";

const RECOUNT_MS = 400; // a sweep brings many at once
const HELD_MS = 3000; // by then an event has told of a change

const runs = new Map(); // id -> cell, as the server presents it
const holds = new Map(); // id -> {count, changes, heard}: what a person changed and no event has told of yet
const recounts = new Map(); // id -> timer of a run whose children are about to be counted anew
const asked = new Set(); // runs whose addresses had expired and were asked for anew
const listeners = { run: new Set(), cells: new Set(), notebooks: new Set(), state: new Set(), link: new Set() };
let state = { model: "", trouble: "", queued: 0, running: 0, paused: false, pause: "", line: [] };
let visitor = { visitor: "", owner: false };

/** Call `listener(cell, before)` when a run is new or different; `before` is undefined for a new one. */
export function onRun(listener) {
  listeners.run.add(listener);
}

/** Call `listener(cells)` with the cells of notebooks that are new or different, their runs being known by then. */
export function onCells(listener) {
  listeners.cells.add(listener);
}

/** Call `listener(notebooks)` with all notebooks when any of them, or what it shows, has changed. */
export function onNotebooks(listener) {
  listeners.notebooks.add(listener);
}

/** Call `listener(state)` after each event, when every changed run has been told of. */
export function onState(listener) {
  listeners.state.add(listener);
}

/** Call `listener(time)` when the connection is lost, and with null when it is back. */
export function onLink(listener) {
  listeners.link.add(listener);
}

export function runOf(id) {
  return runs.get(id);
}

export function allRuns() {
  return [...runs.values()];
}

export function queueState() {
  return state;
}

/** The place of a waiting run: {place, eta_s}; its own words until the first event after it came. */
export function placeOf(cell) {
  return state.line.find(({ id }) => id === cell.id) ?? { place: cell.status.title, eta_s: cell.eta_s };
}

/** Whether this visitor started a run. */
export function isMine(cell) {
  return Boolean(cell.visitor) && cell.visitor === visitor.visitor;
}

/** Whether the notebook is this visitor's, and with it the order of the queue. */
export function isOwner() {
  return visitor.owner;
}

/** Whether this visitor may cancel, change or retry a run. */
export function mayChange(cell) {
  return visitor.owner || isMine(cell);
}

/** Whether more than one visitor has runs here, so that it must be said whose is whose. */
export function isShared() {
  return new Set(allRuns().map((cell) => cell.visitor)).size > 1;
}

function tell(kind, ...news) {
  for (const listener of listeners[kind]) listener(...news);
}

function place(heard) {
  const held = holds.get(heard.id);
  if (held) held.heard = heard;
  if (held && !held.count && agrees(heard, held.changes)) holds.delete(heard.id);
  show({ ...heard, ...holds.get(heard.id)?.changes });
}

function show(cell) {
  const before = runs.get(cell.id);
  if (before && JSON.stringify(before) === JSON.stringify(cell)) return;
  runs.set(cell.id, cell);
  tell("run", cell, before);
  if (!before && cell.relation && (cell.state === "queued" || cell.state === "running")) recount(cell.relation.id);
}

// A run that was just made is one more child of its parent, which no event tells of.
function recount(id) {
  clearTimeout(recounts.get(id));
  if (!runs.has(id)) return;
  const read = () => get(`runs/${id}`).then((answer) => place(answer.run)).catch(() => {});
  recounts.set(id, setTimeout(read, RECOUNT_MS));
}

/** Take a run in from an answer, which may be older than what was heard since: it replaces nothing. */
export function placeNew(cell) {
  if (runs.has(cell.id)) return;
  place(cell);
  hearTimes(allRuns(), state);
}

/** Show what a person just changed in a run before the server has told of it; gives what stood there before. */
export function amend(id, changes) {
  const known = runs.get(id);
  if (!known) return {};
  show({ ...known, ...changes });
  return Object.fromEntries(Object.keys(changes).map((name) => [name, known[name]]));
}

function agrees(cell, changes) {
  return Object.entries(changes).every(([name, value]) => JSON.stringify(cell[name]) === JSON.stringify(value));
}

/**
 * Show a change at once, and hold it against events that are older than the server's answer; `action` gives
 * null where it refused, and what stood there before comes back.
 */
export async function hold(id, changes, action) {
  const before = amend(id, changes);
  const held = holds.get(id) ?? { count: 0, changes: {} };
  holds.set(id, held);
  held.count += 1;
  Object.assign(held.changes, changes);
  let answer = null;
  try {
    answer = await action();
  } finally {
    held.count -= 1;
    if (answer === null) {
      Object.assign(held.changes, before);
      amend(id, before);
    }
    setTimeout(() => letGo(id, held), HELD_MS);
  }
  return answer;
}

function letGo(id, held) {
  if (held.count || holds.get(id) !== held) return;
  holds.delete(id);
  if (held.heard) place(held.heard);
}

/** The page's first look at the notebook, and the event stream from there on. */
export function start() {
  follow(hear, (time) => tell("link", time));
  return session()
    .then((known) => {
      visitor = { visitor: known.visitor, owner: known.owner };
    })
    .catch(() => {});
}

function hear(event) {
  state = event.state;
  for (const cell of event.runs) place(cell);
  if (event.cells.length) tell("cells", event.cells);
  if (event.notebooks) tell("notebooks", event.notebooks);
  hearTimes(allRuns(), state);
  tell("state", state);
}

/** A picture that does not load any more: its address has expired. Ask once for a fresh one. */
export async function renew(id) {
  if (asked.has(id)) return;
  asked.add(id);
  try {
    place((await get(`runs/${id}`)).run);
  } catch {
    // the run stays as it is, without its picture
  }
}
