// One run, drawn. Five states, two boxes: the wide cell (running, done) and the slim one (queued, failed, cancelled).

import { drawActs, drawMore, tookAndChildren } from "./cellacts.js";
import { button, h, swap } from "./dom.js";
import { drawStars, replaceMarked, updateMarks } from "./marks.js";
import { drawNote } from "./notes.js";
import { player } from "./player.js";
import { preview, showPreview, stageList } from "./progress.js";
import { mayChange } from "./runs.js";
import { slim } from "./slim.js";
import { drawTags } from "./tags.js";
import { timeOf } from "./times.js";
import { topView } from "./topview.js";
import { addressOf } from "./views.js";

// What of a done run may change while it is shown, without its pictures.
const LOOSE = ["rating", "tags", "note", "note_nodes", "relation", "children", "check"];
const SPOKEN = { queued: "queued", running: "running", done: "", failed: "failed", cancelled: "cancelled" };

/** The element of a run. `acts` are the page's answers to its buttons. */
export function drawCell(cell, acts) {
  const wide = cell.state === "running" || cell.state === "done";
  const spoken = SPOKEN[cell.state];
  const number = h(
    "a",
    {
      class: "num",
      href: addressOf("run", cell.id),
      id: `number-${cell.id}`,
      "aria-label": `Run ${cell.number}${spoken ? `, ${spoken}` : ""}`,
    },
    String(cell.number),
  );
  const main = h("div", { class: "main" }, ...(wide ? wideParts(cell, acts) : [slim(cell, acts)]));
  return h(
    "article",
    {
      class: wide ? "cell" : "cell has-slim",
      id: `run-${cell.id}`,
      "data-state": cell.state,
      "aria-labelledby": `number-${cell.id}`,
      tabindex: -1,
    },
    number,
    main,
  );
}

/**
 * Bring the element of a run up to date; gives the element that stands there now. It is drawn anew only where
 * it must be, and never what is being typed in it.
 */
export function updateCell(element, before, cell, acts) {
  if (before.state === "running" && cell.state === "running") updateRunning(element, cell, acts);
  else if (before.state === "done" && sameButMarks(before, cell)) updateDone(element, cell);
  else {
    const fresh = drawCell(cell, acts);
    replaceMarked(element, fresh);
    return fresh;
  }
  return element;
}

function sameButMarks(before, cell) {
  const fixed = (run) => JSON.stringify({ ...run, ...Object.fromEntries(LOOSE.map((name) => [name, null])) });
  return fixed(before) === fixed(cell);
}

function updateDone(element, cell) {
  updateMarks(element, cell);
  swap(element.querySelector(".rel"), relation(cell));
  element.querySelector(".acts .meta").replaceChildren(...tookAndChildren(cell));
  element.querySelector(".meta-s").replaceChildren(...tookAndChildren(cell));
}

/** Bring a running cell up to date without moving anything in it. */
export function updateRunning(element, cell, acts) {
  const title = element.querySelector(".cell-h .state span:last-child");
  if (title.textContent !== cell.status.title) title.textContent = cell.status.title;
  updateActs(element.querySelector(".running-acts"), cell, acts);
  element.querySelector(".stages").replaceWith(stageList(cell));
  showPreview(element.querySelector(".pic"), cell);
}

/** What can be done with a run that is made: keep what there is, or give it up. */
export function runningActs(cell, acts) {
  const place = h("span", { class: "running-acts" });
  updateActs(place, cell, acts);
  return place;
}

function updateActs(place, cell, acts) {
  const key = `${cell.wish} ${cell.can_keep}`;
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  const act = (label, way) =>
    button(label, () => acts[way](cell), {
      "aria-label": `${label === "Cancel" ? "Cancel" : "Stop and keep"} run ${cell.number}`,
      disabled: Boolean(cell.wish),
    });
  const offered = mayChange(cell)
    ? [cell.can_keep && act("Stop and keep", "keep"), act("Cancel", "cancel")]
    : [];
  place.replaceChildren(...offered.filter(Boolean));
}

function wideParts(cell, acts) {
  const running = cell.state === "running";
  const picture = running
    ? h("div", { class: "out" }, preview(cell), h("div", { class: "scrub-space" }))
    : player(cell, () => acts.lost(cell));
  const caption = h(
    "div",
    { class: "cap" },
    words(cell),
    running ? stageList(cell) : inputs(cell, acts),
    running ? null : facts(cell),
  );
  const end = running ? [runningActs(cell, acts)] : [drawStars(cell), drawMore(cell)];
  const head = h("div", { class: "cell-h" }, relation(cell), h("div", { class: "end" }, ...end));
  const body = h("div", { class: "cell-b" }, picture, caption);
  if (running) return [head, body];
  const note = drawNote(cell);
  caption.append(h("div", { class: "tag-line" }, drawTags(cell), note.opener));
  return [head, body, note, drawActs(cell), h("p", { class: "meta-s" }, ...tookAndChildren(cell))];
}

function words(cell) {
  return cell.prompt ? h("p", { class: "prompt" }, cell.prompt) : h("p", { class: "help" }, "No prompt");
}

// What the run was made from, or when; then what differs.
function relation(cell) {
  const parts =
    cell.state === "running"
      ? [
          h("span", { class: "state" }, h("span", { class: "dot" }), h("span", null, cell.status.title)),
          timeOf("left", cell.id),
        ]
      : [cell.relation ? origin(cell) : null, when(cell)];
  return h("div", { class: "rel" }, ...parts, diffs(cell));
}

/** "remix of 11", "continues 9 from frame 16", "check of 9: identical". */
export function origin({ relation: { text, id, number, frame }, check }) {
  const from = Number.isInteger(frame) ? ` from frame ${frame}` : "";
  const found = check && h("span", { class: "checked", title: check }, checked(check));
  const link = id && h("a", { href: `#run-${id}` }, String(number));
  return h("span", null, link ? `${text} ` : text, link, from, found && ": ", found);
}

// The page of the run says the whole sentence.
function checked(sentence) {
  return sentence.startsWith("Identical") ? h("span", { class: "identical" }, "identical") : "not identical";
}

function diffs(cell) {
  if (!cell.changes.length) return null;
  const chips = cell.changes.map(({ field, before, after }) =>
    h(
      "span",
      { class: "diff" },
      `${field} `,
      before && h("del", null, before),
      before && " ",
      h("b", null, after),
    ),
  );
  if (cell.more_changes) chips.push(h("span", { class: "diff" }, `${cell.more_changes} more`));
  return h("div", { class: "diffs" }, ...chips);
}

function when(cell) {
  const date = new Date(cell.created_at * 1000);
  const today = new Date().toDateString() === date.toDateString();
  const clock = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const day = date.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
  return h(
    "time",
    { class: "sub", datetime: date.toISOString(), title: `${day}, ${clock}` },
    today ? `Today, ${clock}` : day,
  );
}

function inputs(cell) {
  const first = h("img", {
    src: cell.media.first_frame,
    alt: `First frame of run ${cell.number}`,
    loading: "lazy",
  });
  const ratio = cell.size[0] ? `aspect-ratio:${cell.size[0]}/${cell.size[1]}` : null;
  return h(
    "div",
    {
      class: "in2",
      style: cell.size[0] ? `grid-template-columns:${cell.size[0]}fr ${cell.size[1]}fr` : null,
    },
    h("figure", null, h("div", { class: "pic", style: ratio }, first), h("figcaption", null, "First frame")),
    cell.map && h("figure", null, topView(cell.map), h("figcaption", null, cell.path)),
  );
}

function facts(cell) {
  return h(
    "dl",
    { class: "facts" },
    ...cell.facts.flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]),
  );
}
