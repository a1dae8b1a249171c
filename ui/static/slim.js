// The slim box of a run that waits, failed or was cancelled: a small picture, why, and what can be done.

import { addedItems } from "./cellacts.js";
import { button, h, icon } from "./dom.js";
import { moreMenu } from "./menu.js";
import { isOwner, mayChange, placeOf } from "./runs.js";
import { timeOf } from "./times.js";

/** The inside of a slim cell. */
export function slim(cell, acts) {
  const bad = cell.state === "failed";
  const { title, text, detail } = cell.status;
  const waits = cell.state === "queued";
  const column = h(
    "div",
    { class: "col" },
    h(
      "p",
      { class: bad ? "state bad" : "state" },
      bad && icon("warn"),
      h("span", null, waits ? placeOf(cell).place : title),
    ),
    waits && cell.prompt && h("p", { class: "prompt" }, cell.prompt),
    text && h("p", { class: "text" }, text),
    h("p", { class: "small sub" }, ...(waits ? [timeOf("start", cell.id), " "] : []), detail),
  );
  return h(
    "div",
    { class: "slim" },
    firstFrame(cell),
    column,
    h("div", { class: "acts" }, ...slimActs(cell, acts)),
  );
}

/** The small picture of a run: of its video where there is one, else its first frame. */
export function firstFrame(cell) {
  const what = cell.media.poster ? "Picture" : "First frame";
  const src = cell.media.poster || cell.media.first_frame;
  const image = h("img", { src, alt: `${what} of run ${cell.number}`, loading: "lazy" });
  return h("div", { class: "pic" }, image);
}

/** Say the place of a waiting run anew, without touching anything else in its cell. */
export function updatePlace(element, cell) {
  const line = element.querySelector(".state span");
  const { place } = placeOf(cell);
  if (line && line.textContent !== place) line.textContent = place;
}

function slimActs(cell, acts) {
  const act = (label, way, spoken = label, more = {}) =>
    button(label, () => acts[way](cell), { "aria-label": `${spoken} run ${cell.number}`, ...more });
  if (cell.state === "queued") return queuedActs(cell, acts, act);
  if (cell.state === "done") return [act("Show", "show")];
  const remix = act("Remix", "remix");
  const more = moreMenu(`More for run ${cell.number}`, () => [
    ...addedItems(cell),
    mayChange(cell) && ["Move to the trash", () => acts.trash(cell)],
  ]);
  return [...(cell.state === "cancelled" ? cancelledActs : failedActs)(cell, act, remix), more];
}

/** What can be done with a run that waits; the queue's own page offers the same. */
function queuedActs(cell, acts, act) {
  const more = moreMenu(`More for run ${cell.number}`, () => [
    isOwner() && ["Run next", () => acts.next(cell)],
    ["Duplicate", () => acts.duplicate(cell)],
    ["Remix", () => acts.remix(cell)],
    ...addedItems(cell),
  ]);
  return [...(mayChange(cell) ? [act("Edit", "edit"), act("Remove", "cancel")] : []), more];
}

function cancelledActs(cell, act, remix) {
  return mayChange(cell) ? [act("Run again", "retry", "Run again", { class: "btn" }), remix] : [remix];
}

// The repair comes first: a shorter clip where there is one, then the same again.
function failedActs(cell, act, remix) {
  if (!mayChange(cell)) return [remix];
  const first = { class: "btn" };
  const shorter =
    cell.smaller && act(`Try ${cell.smaller}`, "smaller", `Try ${cell.smaller} instead of`, first);
  const retry = shorter ? act("Retry", "retry") : act("Retry", "retry", "Retry", first);
  return [shorter, retry, act("Log", "log", "Log of"), remix].filter(Boolean);
}
