// The bar at the bottom while runs of the gallery are chosen.

import { h, icon } from "./dom.js";
import * as acts from "./galleryacts.js";
import { chosenCards, clear, onSelection } from "./selection.js";

const MOST_COMPARED = 4;

let bar = null;
let parts = {};
let trash = false;
let gone = () => {};

/** The bar; `onGone(cards)` is told of runs that left what is shown. */
export function selectionBar(onGone) {
  gone = onGone;
  const close = h(
    "button",
    { type: "button", class: "btn icon", "aria-label": "Clear the selection", onclick: clear },
    icon("close"),
  );
  parts = { count: h("b"), acts: h("div", { class: "sel-acts" }), drawn: "" };
  bar = h("div", { class: "selbar", role: "toolbar", hidden: true }, parts.count, parts.acts, close);
  onSelection(draw);
  bar.addEventListener("keydown", walk);
  return bar;
}

/** Whether what is shown lies in the trash. */
export function setTrash(now) {
  trash = now;
  draw();
}

/** Move the chosen runs to the trash, or the one given where none is chosen. */
export function throwChosen(card) {
  if (!trash) leave(acts.throwAway, chosenCards().length ? chosenCards() : [card]);
}

async function leave(act, cards) {
  if (!(await act(cards))) return;
  clear();
  gone(cards);
}

const act = (words, press, more) =>
  h("button", { type: "button", class: "btn", onclick: press, ...more }, words);

function buttons() {
  const then = (way) => () => way(chosenCards());
  if (trash)
    return [
      act("Restore", () => leave(acts.takeBack, chosenCards())),
      act("Delete for good", () => leave(acts.purge, chosenCards())),
    ];
  return [
    act("Compare", then(acts.compare), { class: "btn compare" }),
    act("Tag", then(acts.tag)),
    act("Move", then(acts.move)),
    act("Download bundle", then(acts.pack)),
    act("To trash", () => leave(acts.throwAway, chosenCards())),
  ];
}

function draw() {
  const cards = chosenCards();
  bar.hidden = !cards.length;
  document.body.classList.toggle("wb-picking", cards.length > 0);
  if (!cards.length) return;
  parts.count.textContent = `${cards.length} selected`;
  bar.setAttribute("aria-label", cards.length === 1 ? "1 run selected" : `${cards.length} runs selected`);
  if (parts.drawn !== `${trash}`) parts.acts.replaceChildren(...buttons());
  parts.drawn = `${trash}`;
  const compare = parts.acts.querySelector(".compare");
  if (!compare) return;
  compare.disabled = cards.length < 2 || cards.length > MOST_COMPARED;
  compare.title = compare.disabled ? "Two to four runs can be compared" : "";
}

function walk(event) {
  const all = [...bar.querySelectorAll("button:not(:disabled)")];
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  all.at((all.indexOf(document.activeElement) + by) % all.length)?.focus();
}
