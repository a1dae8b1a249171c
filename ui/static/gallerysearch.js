// The runs of one search, page by page, kept in step with what happens to runs meanwhile.

import { OFFSET_MIN } from "./days.js";
import { debounce } from "./dom.js";
import { asCard } from "./gallerycard.js";
import { cardOf, changeCard, gridCards, setCards } from "./gallerygrid.js";
import { inTrash } from "./querytext.js";
import { onRun } from "./runs.js";
import { get } from "./server.js";
import { currentView } from "./views.js";

const PAGE = 60;
const NEAR_TOP = 160; // pixels: whoever has scrolled further is told of new runs and not moved
const LATER_MS = 400;
const COUNTS_MS = 100; // whoever types on is answered first; the counts follow
const RETRY_MS = 2000;

let query = null; // {text, stacked}
let wave = 0; // answers to older questions are dropped
let total = 0;
let days = {};
let whole = false; // every run that matches is here
let loading = false;
let answered = false; // the question that stands
let waiting = []; // cards of new runs that are not shown yet
let hooks = {}; // shown(), facets(values), trouble(refusal), fresh(count)
const gone = new Map(); // id -> card that was taken out and may come back

/** Follow what happens to runs; `given` hears what there is to show. */
export function connectSearch(given) {
  hooks = given;
  onRun(hear);
}

/** What is asked for: {text, stacked}, or null before the first question and after one that failed. */
export function askedFor() {
  return query;
}

export function totalFound() {
  return total;
}

const parameters = (more) => ({
  q: query.text,
  stacked: query.stacked ? 1 : 0,
  offset: OFFSET_MIN,
  limit: PAGE,
  ...more,
});

/** Search anew. Whatever is shown stays until the answer is there. */
export async function search(next) {
  query = next;
  answered = false;
  const mine = ++wave;
  try {
    const page = await get("gallery", parameters());
    if (mine !== wave) return;
    gone.clear();
    [loading, answered] = [false, true];
    take(page, page.runs);
    hooks.shown();
    setTimeout(() => mine === wave && countFacets(mine).catch(() => {}), COUNTS_MS);
  } catch (refusal) {
    if (mine !== wave) return;
    query = null; // the next visit asks again
    hooks.trouble(refusal);
  }
}

async function countFacets(mine) {
  const { facets } = await get("gallery/facets", { q: query.text, offset: OFFSET_MIN });
  if (mine === wave) hooks.facets(facets);
}

function take(page, cards) {
  whole = page.runs.length < PAGE || cards.length >= page.total;
  count(page);
  setCards(cards, days);
  waiting = [];
  hooks.fresh(0);
}

function count(page) {
  total = page.total;
  days = query.stacked ? {} : page.days; // a family stands on one day, its runs on many
}

/** The next page, unless it is on its way. */
export async function more() {
  const last = gridCards().at(-1);
  if (loading || whole || !last || !answered) return;
  loading = true;
  const mine = wave;
  try {
    const page = await get("gallery", parameters({ before: last.id }));
    if (mine !== wave) return;
    loading = false;
    whole = page.runs.length < PAGE;
    count(page);
    setCards([...gridCards(), ...page.runs.filter(({ id }) => !cardOf(id))], days);
  } catch {
    setTimeout(() => {
      if (mine !== wave) return;
      loading = false;
      more();
    }, RETRY_MS);
  }
}

// ---- what happens meanwhile

const COUNTED = ["state", "rating", "tags", "deleted", "note"]; // what searches and counts look at

function hear(cell, before) {
  if (!answered) return;
  const here = Boolean(cell.deleted) === inTrash(query.text);
  const known = cardOf(cell.id);
  if (known && here) changeCard(asCard(cell));
  else if (known) takeOut([cell.id]);
  else if (here && gone.has(cell.id)) putBack({ ...gone.get(cell.id), ...asCard(cell) });
  if (before && COUNTED.every((name) => same(before[name], cell[name]))) return; // a step was drawn
  recount();
  if (!known && here && cell.id > (gridCards()[0]?.id ?? "")) later();
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const later = debounce(() => refresh(), LATER_MS);
const recount = debounce(() => currentView() === "gallery" && countFacets(wave).catch(() => {}), LATER_MS);

/** Look for runs that are new; the page stays where it is. */
export async function refresh() {
  if (!answered || currentView() !== "gallery") return;
  const mine = wave;
  try {
    const page = await get("gallery", parameters());
    if (mine !== wave) return;
    meet(page);
    await countFacets(mine);
  } catch {
    // the next event, or the next visit, looks again
  }
}

function meet(page) {
  for (const card of page.runs) if (cardOf(card.id)) changeCard(card);
  const first = gridCards()[0]?.id ?? "";
  const newer = page.runs.filter(({ id }) => id > first);
  if (newer.length === PAGE || !gridCards().length) take(page, page.runs);
  else if (scrollY < NEAR_TOP) take(page, joined(newer));
  else {
    count(page);
    setCards(gridCards(), days);
    waiting = newer;
    hooks.fresh(waiting.length);
  }
  hooks.shown();
}

// Of a family that has a new run, the older card goes.
function joined(newer) {
  const roots = new Set(query.stacked ? newer.map(({ root }) => root) : []);
  return [...newer, ...gridCards().filter(({ root }) => !roots.has(root))];
}

/** Show the new runs that were told of. */
export function showWaiting() {
  const newer = waiting;
  waiting = [];
  setCards(joined(newer), days);
  scrollTo({ top: 0, behavior: "instant" });
  hooks.fresh(0);
}

/** Take cards out; they come back if their runs do. */
export function takeOut(ids) {
  const out = new Set(ids);
  for (const card of gridCards()) if (out.has(card.id)) put(card, -1);
  setCards(
    gridCards().filter(({ id }) => !out.has(id)),
    days,
  );
  hooks.shown();
}

function put(card, by) {
  if (by < 0) gone.set(card.id, card);
  else gone.delete(card.id);
  total += by;
  if (days[card.day]) days = { ...days, [card.day]: days[card.day] + by };
}

function putBack(card) {
  put(card, 1);
  setCards(
    [...gridCards(), card].toSorted((one, other) => (one.id < other.id ? 1 : -1)),
    days,
  );
  hooks.shown();
}
