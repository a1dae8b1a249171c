// The gallery's grid by day. Every card has its place by arithmetic, so only those near the window are in the
// document: the room of the others is kept, nothing jumps, and scrolling back brings them again.

import { h } from "./dom.js";
import { dayOf, dayWords } from "./days.js";
import { beside, boxOf, groupAt, placesOf, span, topOf } from "./gridplaces.js";

const DRAWN_AHEAD = 640; // pixels beyond the window that are drawn
const LOADED_AHEAD = 1200; // and that should be known
const TOP_EDGE = 96; // below the bar and a day's heading
const BOTTOM_EDGE = 84; // above the bar of what is chosen
const NARROW = matchMedia("(max-width: 640px)");

let list = null;
let hooks = {}; // draw(card) -> element, drawn(element, card), near(), extended(from, to)
let cards = [];
let counts = {}; // day -> how many runs match in all, where that is known
let order = new Map(); // id -> index
let places = null; // see gridplaces.js; null until the gallery was seen
let current = ""; // the card that has the focus, or where Tab enters
const elements = new Map(); // id -> {card, element, at, places}
const sections = new Map(); // day -> {section, heading, ul, date}

/** Mount the grid; `hooks` draw a card, hear of each that is put into the document, and bring more. */
export function mountGrid(element, given) {
  list = element;
  hooks = given;
  list.addEventListener("focusin", ({ target }) => remember(target));
  list.addEventListener("keydown", walk);
  addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
  new ResizeObserver(() => hold(layOut)).observe(list);
}

/** The cards in their order. */
export function gridCards() {
  return cards;
}

export function cardOf(id) {
  return cards[order.get(id)];
}

export function elementOf(id) {
  return elements.get(id)?.element;
}

/** Show these cards; what is in view stays where it is, as far as it is still there. */
export function setCards(fresh, days) {
  hold(() => {
    cards = fresh;
    counts = days;
    order = new Map(cards.map(({ id }, index) => [id, index]));
    for (const card of cards) card.day ??= dayOf(card.created_at);
    layOut();
  });
}

/** Draw a card anew in its place, where anything in it is different. */
export function changeCard(card) {
  const at = order.get(card.id);
  if (at === undefined) return;
  const now = { ...cards[at], ...card };
  if (JSON.stringify(now) === JSON.stringify(cards[at])) return;
  cards[at] = now;
  draw();
}

/** The cards from one to another, in the order of the grid. */
export function between(one, other) {
  const end = order.get(other);
  const begin = order.get(one) ?? end;
  return cards.slice(Math.min(begin, end), Math.max(begin, end) + 1);
}

function layOut() {
  places = list.clientWidth ? placesOf(cards, list.clientWidth, NARROW.matches) : null;
  if (!places) return; // another view is shown
  list.style.height = `${places.all}px`;
  draw();
}

// Change the cards without moving those that are seen.
function hold(change) {
  const seen = scrollY > 0 && places && list.clientWidth ? inWindow() : [];
  change();
  const stays = seen.find(({ id }) => order.has(id));
  if (!stays || !places) return;
  const moved = list.getBoundingClientRect().top + topOf(places, order.get(stays.id)) - stays.y;
  if (Math.abs(moved) >= 1) scrollBy({ top: moved, behavior: "instant" });
  draw();
}

function inWindow() {
  const at = list.getBoundingClientRect().top;
  const [first, last] = span(places, 56 - at, innerHeight - at);
  return cards.slice(first, last).map(({ id }, index) => ({ id, y: at + topOf(places, first + index) }));
}

// ---- the document

function draw() {
  if (!places || !list.clientWidth) return;
  const top = -list.getBoundingClientRect().top;
  const [first, last] = span(places, top - DRAWN_AHEAD, top + innerHeight + DRAWN_AHEAD);
  const wanted = Array.from({ length: last - first }, (_, index) => first + index);
  if (!list.contains(document.activeElement)) current = entrance(top);
  const held = order.get(current); // a card with the focus stays, wherever the window is
  if (held < first) wanted.unshift(held);
  if (held >= last) wanted.push(held);
  drop(new Set(wanted.map((index) => cards[index].id)));
  const days = Map.groupBy(wanted, (index) => groupAt(places, index));
  const shown = new Set([...days.keys()].map(({ day }) => day));
  for (const [day, { section }] of sections) if (!shown.has(day)) section.remove(), sections.delete(day);
  line(list, [...days].map(([group, indices]) => drawDay(group, indices)));
  if (top + innerHeight + LOADED_AHEAD > places.all) hooks.near();
}

// The first card that is seen whole.
function entrance(top) {
  const [first, last] = span(places, top + TOP_EDGE, top + innerHeight);
  const seen = cards.slice(first, last);
  return (seen.find((_, at) => topOf(places, first + at) >= top + 56) ?? seen[0])?.id ?? "";
}

function drop(kept) {
  for (const [id, { element }] of elements) {
    if (kept.has(id)) continue;
    element.remove();
    elements.delete(id);
  }
}

function drawDay(group, indices) {
  const known = sections.get(group.day) ?? newDay(group.day);
  const runs = counts[group.day];
  const words = [known.date, runs && (runs === 1 ? "1 run" : `${runs} runs`)].filter(Boolean).join(", ");
  if (known.count.textContent !== words) known.count.textContent = words;
  known.section.style.top = `${group.top}px`;
  line(known.ul, indices.map((index) => drawOne(group, index)));
  return known.section;
}

function newDay(day) {
  const [name, date] = dayWords(day);
  const [count, ul] = [h("span"), h("ul")];
  const section = h("section", { "aria-label": name }, h("h2", { class: "day" }, name, count), ul);
  const known = { section, count, ul, date };
  sections.set(day, known);
  return known;
}

function drawOne(group, index) {
  const card = cards[index];
  let known = elements.get(card.id);
  if (known?.card !== card) {
    const element = hooks.draw(card);
    if (known) swap(known.element, element);
    elements.set(card.id, (known = { card, element }));
    hooks.drawn(element, card);
  }
  const at = index - group.from;
  if (known.at !== at || known.places !== places) put(known, group, index);
  const stop = card.id === current ? "0" : "-1";
  const link = known.element.firstElementChild;
  if (link.getAttribute("tabindex") !== stop) link.setAttribute("tabindex", stop);
  return known.element;
}

function swap(old, fresh) {
  const focused = old.contains(document.activeElement);
  old.replaceWith(fresh);
  if (focused) fresh.firstElementChild.focus({ preventScroll: true });
}

function put(known, group, index) {
  const box = boxOf(places, group, index);
  for (const side of ["left", "top", "width", "height"]) known.element.style[side] = `${box[side]}px`;
  Object.assign(known, { at: index - group.from, places });
}

// Children in this order; none that is already there is moved, so the focus stays.
function line(parent, children) {
  let spot = parent.firstChild;
  for (const child of children) {
    if (child === spot) spot = spot.nextSibling;
    else parent.insertBefore(child, spot);
  }
}

// ---- by keyboard

function remember(target) {
  const id = target.closest(".card")?.dataset.id;
  if (!id || id === current) return;
  current = id;
  draw();
}

const STEPS = {
  ArrowRight: (index) => index + 1,
  ArrowLeft: (index) => index - 1,
  ArrowDown: (index) => beside(places, index, 1),
  ArrowUp: (index) => beside(places, index, -1),
  Home: () => 0,
  End: () => cards.length - 1,
};

function walk(event) {
  const step = STEPS[event.key];
  const from = event.target.closest(".card")?.dataset.id;
  if (!step || !from || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  event.stopPropagation();
  const to = cards[Math.min(Math.max(step(order.get(from)), 0), cards.length - 1)].id;
  focusCard(to);
  if (event.shiftKey) hooks.extended(from, to);
}

/** Put the focus on a card and bring it into the window. */
export function focusCard(id) {
  current = id;
  const y = list.getBoundingClientRect().top + topOf(places, order.get(id));
  const most = Math.max(TOP_EDGE, innerHeight - BOTTOM_EDGE - places.height);
  if (y < TOP_EDGE) scrollBy({ top: y - TOP_EDGE, behavior: "instant" });
  else if (y > most) scrollBy({ top: y - most, behavior: "instant" });
  draw();
  elementOf(id)?.firstElementChild.focus({ preventScroll: true });
}
