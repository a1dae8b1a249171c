// What the runs can be narrowed by, each value a box that writes its field into the search: the text is the one truth.

import { h } from "./dom.js";
import { holds, terms, toggled } from "./querytext.js";

const GROUPS = [
  ["notebook", "Notebook"],
  ["path", "Path"],
  ["tag", "Tags"],
  ["rating", "Rating"],
  ["state", "State"],
  ["model", "Model"],
];
const SHOWN = 6; // values of a group before "more"

let change = () => {}; // change(text)
let text = "";
let found = {};
const groups = new Map(); // name -> {box, list, more, opener, rows: Map(term -> row), all}

/** The groups, and for narrow windows a button each; `onChange` is told the text that a box makes. */
export function facetPanel(onChange) {
  change = onChange;
  const parts = GROUPS.map(([name, title]) => group(name, title));
  return h("div", { class: "facets", role: "group", "aria-label": "Narrow down" }, ...parts.flat());
}

function group(name, title) {
  const id = `wb-facet-${name}`;
  const [list, more] = [h("ul"), h("button", { type: "button", class: "more-of-it" })];
  const box = h("div", { class: "facet", id, popover: "auto" }, h("h2", null, title), list, more);
  const opener = h("button", { type: "button", class: "btn fbtn", popovertarget: id }, title);
  const known = { title, box, list, more, opener, rows: new Map(), all: false };
  groups.set(name, known);
  more.addEventListener("click", () => {
    known.all = !known.all;
    drawGroup(name);
  });
  box.addEventListener("toggle", ({ newState }) => newState === "open" && put(box, opener));
  return [box, opener];
}

// Below its button; on a phone the styles make it a sheet.
function put(box, opener) {
  const at = opener.getBoundingClientRect();
  box.style.top = `${at.bottom + 4}px`;
  box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 8))}px`;
  addEventListener("scroll", () => box.hidePopover(), { once: true });
}

/** Which boxes are ticked, at once; the counts follow with `drawFacets`. */
export function showText(now) {
  text = now;
  for (const [name] of GROUPS) drawGroup(name);
}

/** The values there are, with how many runs each leaves. */
export function drawFacets(values) {
  found = values;
  for (const [name] of GROUPS) drawGroup(name);
}

function drawGroup(name) {
  const known = groups.get(name);
  const values = valuesOf(name);
  const worth = name === "model" ? values.length > 1 : values.length > 0;
  const ticked = values.filter(({ on }) => on).length;
  known.box.classList.toggle("none", !worth);
  known.opener.hidden = !worth;
  known.opener.textContent = ticked ? `${known.title}, ${ticked}` : known.title;
  known.opener.classList.toggle("on", ticked > 0);
  const rest = values.length - SHOWN;
  known.more.hidden = rest < 2;
  known.more.textContent = known.all ? "Fewer" : `${rest} more`;
  known.box.classList.toggle("cut", rest >= 2 && !known.all);
  drawRows(known, values);
}

// A value that is typed but leaves nothing has its box too, so that it can be taken out.
function valuesOf(name) {
  const values = (found[name] ?? []).map(({ field, title, count }) => {
    return { term: field, title, count, on: holds(text, field) };
  });
  const known = new Set(values.map(({ term }) => term.toLowerCase()));
  for (const term of terms(text)) {
    if (!term.toLowerCase().startsWith(`${name}:`) || known.has(term.toLowerCase())) continue;
    const value = term.slice(name.length + 1).replaceAll('"', "");
    const title = name === "rating" ? starsInWords(value) : value;
    if (value) values.push({ title, count: null, term, on: true });
  }
  return values.toSorted((one, other) => other.on - one.on);
}

function drawRows(known, values) {
  const rows = values.map((value) => row(known, value));
  for (const [term, { element }] of known.rows) {
    if (values.some((value) => value.term === term)) continue;
    element.remove();
    known.rows.delete(term);
  }
  let spot = known.list.firstChild;
  for (const { element } of rows) {
    if (element === spot) spot = spot.nextSibling;
    else known.list.insertBefore(element, spot);
  }
}

const STARS = ["None", "One", "Two", "Three", "Four", "Five"];
const SIGNS = { ">=": "and up", "<=": "and below", ">": "exceeded", "<": "not reached" };

// "rating:>=3" is "Three and up"; what cannot be read so stays as it was typed.
function starsInWords(value) {
  const [, sign, stars] = /^([<>]?=?)([0-5])$/.exec(value) ?? [];
  if (!stars) return value;
  return SIGNS[sign] ? `${STARS[stars]} ${SIGNS[sign]}` : `Just ${STARS[stars].toLowerCase()}`;
}

function row(known, { term, title, count, on }) {
  let one = known.rows.get(term);
  if (!one) {
    const [box, number] = [h("input", { type: "checkbox" }), h("em")];
    const label = h("label", { class: "chk" }, box, h("span", null, title), number);
    one = { element: h("li", null, label), box, number };
    box.addEventListener("change", () => change(toggled(text, term, box.checked)));
    known.rows.set(term, one);
  }
  one.box.checked = on;
  one.number.textContent = count === null ? "" : String(count);
  return one;
}
