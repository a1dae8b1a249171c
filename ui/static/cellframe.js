// The frame around any cell of a notebook: its place in the margin, its handle, how it is folded to one line.

import { acts } from "./acts.js";
import { collapse } from "./bookacts.js";
import { cellItems } from "./bookmenu.js";
import { openBook } from "./books.js";
import { drawCell, updateCell } from "./cells.js";
import { drawCompare } from "./comparecell.js";
import { h, icon } from "./dom.js";
import { moreMenu } from "./menu.js";
import { gripOf } from "./reorder.js";
import { runOf } from "./runs.js";
import { drawSweep } from "./sweep.js";
import { drawText, editText, isEdited } from "./textcell.js";

const KINDS = { text: "Text", compare: "Comparison", sweep: "Sweep" };

/** What a cell is called where it is spoken of. */
export function nameOf(thin) {
  return thin.kind === "run" ? `Run ${runOf(thin.run)?.number ?? ""}`.trim() : KINDS[thin.kind];
}

/** The element of a cell; `cell` is its run, or the cell itself. */
export function drawFrame(thin, cell) {
  if (thin.collapsed) return framed(folded(thin, cell), thin);
  if (thin.kind === "run") return framed(drawCell(cell, acts), thin);
  return framed(plain(thin), thin);
}

/** Bring the element of a cell up to date, drawing it anew only where it must be; gives what stands there now. */
export function updateFrame(entry, thin, cell) {
  const { element, thin: before } = entry;
  const refolded = before.collapsed !== thin.collapsed;
  if (!refolded && isEdited(element)) return element;
  if (!refolded && !thin.collapsed && thin.kind === "run") {
    const now = updateCell(element, entry.cell, cell, acts);
    return now === element ? now : takeFocus(element, framed(now, thin));
  }
  const body = element.querySelector(":scope > .main");
  if (!refolded && body?.update?.(thin)) return element;
  const fresh = drawFrame(thin, cell);
  const focused = element.contains(document.activeElement);
  element.replaceWith(fresh);
  return takeFocus(element, fresh, focused);
}

// The cell that was current stays it, and so does the focus if it was lost with the old element.
function takeFocus(old, fresh, focused = document.activeElement === document.body && old.matches(".current")) {
  fresh.classList.toggle("current", old.classList.contains("current"));
  if (focused) fresh.focus({ preventScroll: true });
  return fresh;
}

function framed(element, thin) {
  element.dataset.cell = thin.id;
  element.dataset.kind = thin.kind;
  if (openBook().may_change) element.append(margin(thin));
  return element;
}

// Beside the number: fold and handle, seen when the cell is pointed at or has the focus.
function margin(thin) {
  const name = nameOf(thin);
  const fold = h(
    "button",
    {
      type: "button",
      class: "btn icon fold",
      "aria-label": `${thin.collapsed ? "Unfold" : "Fold"} ${name.toLowerCase()}`,
      title: thin.collapsed ? "Show it whole" : "Fold to one line",
      "aria-expanded": String(!thin.collapsed),
      onclick: () => collapse(thin, !thin.collapsed),
    },
    icon("fold"),
  );
  return h("div", { class: "in-margin" }, fold, gripOf(thin, name));
}

function plain(thin) {
  const draw = { text: drawText, compare: drawCompare, sweep: drawSweep }[thin.kind];
  const main = h("div", { class: "main" });
  const place = draw(thin, main);
  if (place instanceof Element && place !== main) main.append(place);
  const label = `${KINDS[thin.kind]}, more`;
  const end = openBook().may_change
    ? h("div", { class: "cell-end" }, moreMenu(label, () => cellItems(thin)))
    : null;
  const element = h(
    "article",
    { class: `cell ${thin.kind}-cell`, id: `cell-${thin.id}`, "aria-label": KINDS[thin.kind], tabindex: -1 },
    main,
    end,
  );
  if (thin.kind === "text") element.addEventListener("keydown", (event) => writeByKey(event, thin, main));
  return element;
}

function writeByKey(event, thin, main) {
  if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!["Enter", "e"].includes(event.key) || !openBook().may_change) return;
  event.preventDefault();
  event.stopPropagation();
  editText(thin.id, main);
}

// ---- one line

function folded(thin, cell) {
  const run = thin.kind === "run" && cell;
  const number = run && h("span", { class: "num" }, String(run.number));
  const open = h(
    "button",
    {
      type: "button",
      class: "folded-line",
      "aria-label": `Unfold ${nameOf(thin).toLowerCase()}`,
      disabled: !openBook().may_change,
      onclick: () => collapse(thin, false),
    },
    run && picture(run),
    h("span", { class: "words" }, line(thin, run)),
    h("span", { class: "small sub" }, detail(thin, run)),
  );
  const openByKey = (event) => {
    if (event.key !== "Enter" || event.target !== event.currentTarget || !openBook().may_change) return;
    event.stopPropagation();
    collapse(thin, false);
  };
  return h(
    "article",
    {
      class: "cell is-folded",
      onkeydown: openByKey,
      id: run ? `run-${run.id}` : `cell-${thin.id}`,
      "data-state": run ? run.state : null,
      "aria-label": nameOf(thin),
      tabindex: -1,
    },
    number,
    h("div", { class: "main" }, open),
  );
}

function picture(run) {
  const src = run.media.poster || run.media.first_frame;
  return h("span", { class: "pic" }, h("img", { src, alt: "", loading: "lazy" }));
}

function line(thin, run) {
  if (run) return run.prompt || "No prompt";
  if (thin.kind === "text") return thin.text.replace(/^[#>\s*-]+/, "").split("\n")[0] || "Text";
  const numbers = thin.runs.map((id) => runOf(id)?.number).filter(Boolean);
  return thin.kind === "compare" ? `Runs ${numbers.join(", ")} side by side` : `Sweep of ${thin.runs.length} runs`;
}

function detail(thin, run) {
  if (!run) return KINDS[thin.kind];
  return run.state === "done" ? `${run.path}, ${run.length}` : run.status.title;
}
