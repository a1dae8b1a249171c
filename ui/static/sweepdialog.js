// The choice of a sweep: seeds, paths and prompts that are all tried with each other, as one cell of the notebook.

import { attempt } from "./acts.js";
import { currentNotebook, openBook } from "./books.js";
import { cellById, takeIn } from "./celllist.js";
import { button, debounce, h, icon } from "./dom.js";
import { draftNow, settle } from "./drafts.js";
import { draft } from "./form.js";
import { placeNew } from "./runs.js";
import { get, post, randomKey } from "./server.js";
import { duration } from "./times.js";
import { toast } from "./toasts.js";
import { goTo } from "./views.js";

const WHAT = "Every seed with every path and every prompt, in one cell. The rest is as in the form.";
const MOST = 36; // runs of one sweep, as the server has it
const DRAWN_SEEDS = 1_000_000; // seeds we draw have at most six digits
const SEEDS_AT_FIRST = 3;

let dialog = null;
let parts = {};
let place = null; // the cell the sweep is put above; null for the bottom
let seconds = null; // what one run takes
let drawn = []; // seeds drawn for this dialog, so that a preview of the choice does not change them

/** Choose a sweep; it is put above a cell, where none is named where new runs go. */
export function openSweep(above) {
  place = above === undefined ? (openBook().newest_first ? "" : null) : above;
  build();
  dialog.showModal();
  tell();
  measure();
}

function build() {
  dialog?.remove();
  drawn = Array.from({ length: MOST }, () => crypto.getRandomValues(new Uint32Array(1))[0] % DRAWN_SEEDS);
  parts = {
    count: h("input", { class: "inp", type: "number", min: 1, max: MOST, id: "wb-sweep-count" }),
    list: h("input", { class: "inp", id: "wb-sweep-seeds", placeholder: "3, 14, 159", inputmode: "numeric" }),
    paths: h(
      "div",
      { class: "sweep-paths", role: "group", "aria-labelledby": "wb-sweep-paths-h" },
      ...pathChoices(),
    ),
    prompts: h("textarea", { class: "inp", id: "wb-sweep-prompts", rows: 3 }),
    line: h("p", { class: "est", "aria-live": "polite" }),
    go: h("button", { type: "button", class: "btn primary", onclick: send }),
  };
  parts.count.value = String(SEEDS_AT_FIRST);
  parts.prompts.value = (draft.prompt ?? "").replace(/\s*\n\s*/g, " ");
  const end = () => dialog.close();
  const close = button(icon("close"), end, { class: "btn icon", "aria-label": "Close" });
  dialog = h(
    "dialog",
    { class: "sheet sweep-sheet", "aria-labelledby": "wb-sweep-h" },
    h("div", { class: "sheet-h" }, h("h2", { id: "wb-sweep-h" }, "Sweep"), close),
    h("p", { class: "sub" }, WHAT),
    h(
      "div",
      { class: "sweep-two" },
      field("Seeds to draw", "wb-sweep-count", parts.count),
      field("or these seeds", "wb-sweep-seeds", parts.list),
    ),
    h("div", { class: "field" }, h("div", { class: "lab", id: "wb-sweep-paths-h" }, "Paths"), parts.paths),
    field("Prompts, one a line", "wb-sweep-prompts", parts.prompts),
    parts.line,
    h("div", { class: "sweep-go" }, parts.go, button("Cancel", end)),
  );
  dialog.addEventListener("input", tell);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.stopPropagation(); // else the form would be sent
    if (!parts.go.disabled) send();
  });
  document.querySelector("#wb-bar").append(dialog);
}

function field(label, id, control) {
  return h("div", { class: "field" }, h("label", { class: "lab", for: id }, label), control);
}

// The form's own path is chosen at first: one of the presets, or one of its own beside them.
function pathChoices() {
  const own = draft.camera?.source ?? {};
  const start = own.start && { start: own.start };
  const presets = [...document.querySelectorAll("#wb-camera [data-preset]")].map((one) => ({
    source: { ...start, kind: "preset", preset: one.dataset.preset },
    words: one.textContent,
    glyph: one.querySelector("svg").cloneNode(true),
    on: own.kind === "preset" && own.preset === one.dataset.preset,
  }));
  const written = { source: own, words: draft.pathLabel || own.actions, glyph: null, on: true };
  const isWritten = own.kind && own.kind !== "preset";
  return [...presets, ...(isWritten ? [written] : [])].map(({ source, words, glyph, on }) => {
    const toggle = h("button", { type: "button", "aria-pressed": String(on) }, glyph, h("span", null, words));
    toggle.source = source;
    toggle.addEventListener("click", () => {
      toggle.setAttribute("aria-pressed", String(toggle.getAttribute("aria-pressed") !== "true"));
      tell();
    });
    return toggle;
  });
}

// ---- what is chosen

function chosen() {
  const listed = parts.list.value.split(/[\s,;]+/).filter(Boolean);
  const lines = parts.prompts.value.split("\n").map((line) => line.trim());
  const pressed = [...parts.paths.querySelectorAll("[aria-pressed=true]")];
  return {
    seeds: listed.length ? [...new Set(listed.map(Number))] : seedsToDraw(),
    paths: pressed.map(({ source }) => source),
    prompts: [...new Set(lines.filter(Boolean))],
  };
}

// The seed of the form comes first, so that one of the tiles is the run it would make.
function seedsToDraw() {
  const count = Math.max(1, Math.floor(Number(parts.count.value)) || 1);
  const own = /^\d{1,15}$/.test(draft.seed ?? "") ? [Number(draft.seed)] : [];
  return [...new Set([...own, ...drawn])].slice(0, count).concat(Array(Math.max(0, count - MOST)).fill(0));
}

function trouble({ seeds, paths }, count) {
  if (!draft.image) return "Choose a first frame to begin.";
  if (seeds.some((seed) => !Number.isSafeInteger(seed) || seed < 0))
    return "Seeds are whole numbers, with commas between them.";
  if (!paths.length) return "Choose at least one path.";
  if (count > MOST) return `These are ${count} runs, and one sweep holds up to ${MOST}. Choose fewer.`;
  return "";
}

function tell() {
  const choice = chosen();
  const prompts = Math.max(1, choice.prompts.length);
  const count = choice.seeds.length * choice.paths.length * prompts;
  const why = trouble(choice, count);
  const time = seconds === null ? "" : `, about ${duration(seconds * count)}`;
  const seedsAndPaths = `${counted(choice.seeds.length, "seed")} × ${counted(choice.paths.length, "path")}`;
  const factors = `${seedsAndPaths} × ${counted(prompts, "prompt")} = `;
  parts.line.replaceChildren(...(why ? [why] : [factors, h("b", null, counted(count, "run")), `${time}.`]));
  parts.line.classList.toggle("bad", Boolean(why));
  parts.list.setAttribute("aria-invalid", String(why.startsWith("Seeds")));
  parts.count.disabled = Boolean(parts.list.value.trim());
  parts.go.disabled = Boolean(why);
  parts.go.textContent = why ? "Queue the runs" : `Queue ${counted(count, "run")}`;
}

function counted(count, noun) {
  return `${count} ${count === 1 ? noun : `${noun}s`}`;
}

const measure = debounce(async () => {
  const { length: frames, steps, guidance, model = "" } = draft;
  try {
    seconds = (await get("estimate", { frames, steps, guidance, model })).seconds ?? null;
  } catch {
    seconds = null;
  }
  if (dialog.open) tell();
}, 0);

// ---- queueing

async function send() {
  const choice = chosen();
  parts.go.disabled = true;
  parts.go.setAttribute("aria-busy", "true");
  const where = { above: place, notebook_id: currentNotebook(), client_key: randomKey() };
  const answer = await attempt(() => post("sweeps", { ...draftNow(), ...choice, ...where }));
  parts.go.removeAttribute("aria-busy");
  if (!answer) return tell();
  settle();
  dialog.close();
  for (const run of answer.runs) placeNew(run);
  takeIn(answer.cell);
  goTo("notebook", currentNotebook() === "inbox" ? "" : currentNotebook());
  const { element } = cellById(answer.cell.id) ?? {};
  element?.scrollIntoView({ block: "start" });
  element?.focus({ preventScroll: true });
  toast(`${counted(answer.runs.length, "run")} queued`);
}
