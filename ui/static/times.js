// Times left, counted down here between events. What a run still needs never grows; when it starts may be later
// once the line has changed, which the server knows.

import { h } from "./dom.js";

const WAITS = "waits";
const LATE_MS = 1500; // an event that came late must not let a time grow by itself

const promises = new Map(); // run id -> {key, ahead, end}: when it ends or starts, on the page's own clock
let paused = false;
let busy = false; // a run is being made

/** Seconds as a person says them; the same as `ui/words.py`, but never parts of a second. */
export function duration(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = whole % 60;
  if (hours) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  if (!minutes) return `${rest} s`;
  return rest ? `${minutes} min ${rest} s` : `${minutes} min`;
}

/** What an event said about the runs that are made or wait. */
export function hearTimes(runs, state) {
  paused = state.paused;
  busy = state.running > 0;
  const known = new Set();
  for (const cell of runs.filter(({ state }) => state === "running")) {
    known.add(cell.id);
    promise(cell.id, `running ${cell.attempt}`, 0, cell.eta_s);
  }
  state.line.forEach(({ id, eta_s: eta }, ahead) => {
    known.add(id);
    promise(id, WAITS, ahead, eta);
  });
  for (const id of promises.keys()) if (!known.has(id)) promises.delete(id);
  refresh();
}

function promise(id, key, ahead, seconds) {
  if (seconds === null) return void promises.delete(id);
  const before = promises.get(id);
  const end = performance.now() + 1000 * seconds;
  const holds = before?.key === key && (key !== WAITS || end - before.end < LATE_MS);
  promises.set(id, { key, ahead, end: holds ? Math.min(end, before.end) : end });
}

function secondsLeft(id) {
  const known = promises.get(id);
  return known ? (known.end - performance.now()) / 1000 : null;
}

const WORDS = {
  /** "about 12 s left", for a run that is made. */
  left(id) {
    const seconds = secondsLeft(id);
    if (seconds === null) return "estimating";
    return seconds < 0.5 ? "any moment" : `about ${duration(seconds)} left`;
  },
  /** "12 s left", where there is little room. */
  short(id) {
    const seconds = secondsLeft(id);
    if (seconds === null) return "estimating";
    return seconds < 0.5 ? "any moment" : `${duration(seconds)} left`;
  },
  /** "Starts in about 12 s.", for one that waits. */
  start(id) {
    if (paused) return "Waits until the queue goes on.";
    const seconds = secondsLeft(id);
    if (seconds === null) return "Start time: estimating.";
    if (seconds >= 1) return `Starts in about ${duration(seconds)}.`;
    return busy || promises.get(id).ahead ? "Starts any moment." : "Starts at once.";
  },
};

/** A piece of text that says a time of a run and keeps saying it: `kind` is left, short or start. */
export function timeOf(kind, id) {
  return h("span", { "data-time": kind, "data-run": id }, WORDS[kind](id));
}

function refresh() {
  for (const place of document.querySelectorAll("[data-time]")) {
    const words = WORDS[place.dataset.time](place.dataset.run);
    if (place.textContent !== words) place.textContent = words;
  }
}

setInterval(refresh, 1000);
