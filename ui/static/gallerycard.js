// One card of the gallery: a picture, two lines of the prompt, number, path and rating. Few elements: there are many.

import { h } from "./dom.js";
import { addressOf } from "./views.js";

const STATES = { queued: "Waits", running: "Is made", failed: "Failed", cancelled: "Cancelled" };

/** What a card needs of a run that an event told of. */
export function asCard(cell) {
  const { id, number, state, prompt, path, length, rating, tags, children, deleted, created_at, media } = cell;
  return { id, number, state, prompt, path, length, rating, tags, children, deleted, created_at, media };
}

/** The element of a card; `onLost` is called where its picture does not load any more. */
export function drawCard(card, onLost) {
  const family = card.family > 1;
  const picture = h("img", {
    src: card.media.thumb || card.media.first_frame,
    alt: "",
    loading: "lazy",
    decoding: "async",
    width: 320,
    height: 180,
  });
  picture.addEventListener("error", onLost, { once: true });
  const box = h("span", { class: "pic", "data-length": card.length, "data-said": said(card) || null }, picture);
  const words = h("span", { class: card.prompt ? "t2" : "t2 none" }, card.prompt || "No prompt");
  const href = family ? addressOf("family", card.id) : addressOf("run", card.id);
  const link = h("a", { href, tabindex: "-1", "aria-label": spoken(card, family), draggable: "false" }, box, words);
  return h(
    "li",
    { class: family ? "card pile" : "card", "data-id": card.id },
    link,
    h("input", { type: "checkbox", class: "pick", tabindex: "-1", "aria-label": `Select run ${card.number}` }),
    h("p", { class: "m" }, h("b", null, String(card.number)), h("span", null, facts(card)), stars(card.rating)),
  );
}

// What stands over the picture: how many are behind it, or why there is no video.
function said(card) {
  return card.family > 1 ? `${card.family} runs` : (STATES[card.state] ?? "");
}

function facts({ path, children }) {
  return children ? `${path}, ${children} ${children === 1 ? "child" : "children"}` : path;
}

function spoken(card, family) {
  const what = family ? `Family of run ${card.number}, ${card.family} runs` : `Run ${card.number}`;
  const state = STATES[card.state] ? `, ${STATES[card.state].toLowerCase()}` : "";
  return `${what}${state}, ${card.path}, ${card.length}: ${card.prompt || "no prompt"}`;
}

function stars(rating) {
  if (!rating) return null;
  const label = `${rating} of 5 stars`;
  return h("span", { class: "stars-of", role: "img", "aria-label": label, style: `--stars:${rating}` });
}
