// What a person marks a run with: stars, tags, a note. Each part is drawn once and brought up to date in place,
// so that nothing that is being typed is ever replaced by what an event says.

import { attempt } from "./acts.js";
import { announce, h, icon } from "./dom.js";
import { drawNote } from "./notes.js";
import { hold, mayChange } from "./runs.js";
import { post } from "./server.js";
import { drawTags } from "./tags.js";

const STARS = [1, 2, 3, 4, 5];

let groups = 0; // every group of stars is a group of radio buttons with a name of its own
let last = Promise.resolve(); // ratings are sent one after the other, so that the last one stands

/** Stars, tags and note of a run, one below the other. */
export function drawMarks(cell) {
  const note = drawNote(cell);
  return h(
    "div",
    { class: "marks" },
    drawStars(cell),
    h("div", { class: "tag-line" }, drawTags(cell), note.opener),
    note,
  );
}

/** Bring the marks inside an element up to date; what is being edited stays as it is. */
export function updateMarks(element, cell) {
  for (const part of element.querySelectorAll("[data-mark]")) part.update(cell);
}

/** Put `fresh` in the place of `old`; marks that are being edited move over with their focus. */
export function replaceMarked(old, fresh) {
  const active = document.activeElement;
  const [from, to] = [active.selectionStart, active.selectionEnd];
  const edited = [...old.querySelectorAll("[data-mark].editing")];
  for (const part of edited) part.moving = true; // losing the focus now means nothing
  old.replaceWith(fresh);
  for (const part of edited) {
    fresh.querySelector(`[data-mark=${part.dataset.mark}]`)?.replaceWith(part);
    if (part.opener) fresh.querySelector(".note-opener")?.replaceWith(part.opener);
    if (part.contains(active)) active.focus({ preventScroll: true });
    if (part.contains(active) && from !== undefined) active.setSelectionRange(from, to);
    part.moving = false;
  }
}

// ---- stars

/** Five stars as one group of radio buttons; pressing the chosen one again clears them. */
export function drawStars(cell) {
  return mayChange(cell) ? starButtons(cell) : starPicture(cell);
}

function starButtons(cell) {
  const name = `stars-${++groups}`;
  let known = cell;
  const star = (count) => {
    const box = h("input", {
      type: "radio",
      name,
      value: String(count),
      "aria-label": count === 1 ? "1 star" : `${count} stars`,
      onclick: () => known.rating === count && rate(known, 0),
      onchange: () => rate(known, count),
    });
    return h("label", null, box, icon("star"));
  };
  const place = h(
    "fieldset",
    { class: "stars", "data-mark": "rating" },
    h("legend", { class: "vh" }, `Rating of run ${cell.number}`),
    ...STARS.map(star),
  );
  place.update = (fresh) => {
    known = fresh;
    const within = place.contains(document.activeElement);
    for (const label of place.querySelectorAll("label")) {
      const [box, count] = [label.firstChild, Number(label.firstChild.value)];
      label.classList.toggle("on", count <= known.rating);
      box.checked = count === known.rating;
      if (within && box.checked) box.focus(); // the arrows go on from the star that is chosen
    }
  };
  place.update(cell);
  return place;
}

function starPicture(cell) {
  const place = h("span", { class: "stars ro", role: "img", "data-mark": "rating" });
  place.update = ({ rating }) => {
    place.setAttribute("aria-label", rating ? `${rating} of 5 stars` : "Not rated");
    place.replaceChildren(
      ...STARS.map((count) => h("span", { class: count <= rating ? "on" : null }, icon("star"))),
    );
  };
  place.update(cell);
  return place;
}

/** Rate a run with 1 to 5 stars, or with 0 for none. */
export function rate(cell, stars) {
  announce(
    stars
      ? `Run ${cell.number}: ${stars} ${stars === 1 ? "star" : "stars"}.`
      : `Run ${cell.number} is not rated.`,
  );
  return hold(cell.id, { rating: stars }, () => {
    last = last.then(() => attempt(() => post(`runs/${cell.id}/rate`, { stars })));
    return last;
  });
}
