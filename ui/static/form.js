// The draft in work: what the form holds, what of it differs from the run it remixes, what is wrong with it.
// Gradio owns its fields and reports every change through `window.wanderbook`; picture and path report here.

import { currentNotebook } from "./books.js";
import { debounce, h, problem } from "./dom.js";
import { get, randomKey, visitor } from "./server.js";

// Where each field keeps its label and where a sentence about it goes.
const PLACES = {
  image: { label: "#wb-first-frame .lab", slot: "#wb-first-frame .slot" },
  prompt: { label: "#wb-prompt [data-testid=block-info]", slot: "#wb-prompt", control: "textarea" },
  camera: { label: "#wb-camera .lab", slot: "#wb-camera .slot", control: "input" },
  length: { label: "#wb-length [data-testid=block-info]", slot: "#wb-length" },
  seed: { label: "#wb-seed [data-testid=block-info]", slot: "#wb-seed", control: "input,textarea" },
  negative: { label: "#wb-negative [data-testid=block-info]", slot: "#wb-negative", control: "textarea" },
  steps: { label: "#wb-steps [data-testid=block-info]", slot: "#wb-steps", control: "input" },
  guidance: { label: "#wb-guidance [data-testid=block-info]", slot: "#wb-guidance", control: "input" },
  model: { label: "#wb-model [data-testid=block-info]", slot: "#wb-model", control: "input" },
};
const ADVANCED = new Set(["negative", "steps", "guidance"]);
// The order of the fields in every Gradio event of the form: `FIELDS` of ui/forms.py.
export const FIELDS = [
  "image",
  "prompt",
  "camera",
  "length",
  "seed",
  "negative",
  "steps",
  "guidance",
  "model",
];

export const draft = { keepSeed: false, sending: false, uploading: false, pathLabel: "" };
let parent = null; // {id, number, parent_id, editing, values, words} of the run this draft remixes or changes
const problems = new Map(); // field -> what is wrong with it
let refusal = ""; // why the last press led to nothing, where no single field is to blame
const listeners = new Set();

/** Call `listener(name)` after any field changed; returns nothing, listeners live as long as the page. */
export function onChange(listener) {
  listeners.add(listener);
}

/** A field has a new value. */
export function set(name, value) {
  if (JSON.stringify(draft[name]) === JSON.stringify(value)) return;
  draft[name] = value;
  refusal = "";
  clearProblem(name);
  refresh(name);
}

/** Redraw what hangs on the draft, without any field having changed. */
export function refresh(name = "") {
  for (const field of FIELDS) markChange(field);
  summarise();
  showReadiness();
  askForEstimate();
  for (const listener of listeners) listener(name);
}

/** The run this draft remixes, or null. */
export function parentRun() {
  return parent;
}

/** The waiting run this draft changes, or null. */
export function editedRun() {
  return parent?.editing ? parent : null;
}

export function setParent(run) {
  parent = run;
  draft.keepSeed = Boolean(run);
  for (const name of [...problems.keys()]) clearProblem(name);
  refresh();
}

// ---- what differs from the parent

function same(name) {
  const before = parent.values[name];
  const now = draft[name];
  if (name === "image") return before?.sha256 === now?.sha256;
  if (name === "camera") return JSON.stringify(before?.source) === JSON.stringify(now?.source);
  return String(before ?? "") === String(now ?? "");
}

function markChange(name) {
  const label = document.querySelector(PLACES[name].label);
  if (!label) return;
  const changed = Boolean(parent) && name in draft && !same(name);
  label.classList.toggle("changed", changed);
  let was = label.querySelector(".was");
  if (!changed) return void was?.remove();
  if (!was) {
    was = h("button", { type: "button", class: "was" });
    was.addEventListener("click", (event) => {
      event.preventDefault(); // the label would move the focus into its field
      restore(name);
    });
    label.insertBefore(was, label.querySelector(".end"));
  }
  was.textContent = `was ${parent.words[name]}`;
  was.title = "Take it back";
}

const restorers = {};

/** How a field that is ours takes a value back. */
export function restoreWith(name, action) {
  restorers[name] = action;
}

let restoring = "";

function restore(name) {
  if (restorers[name]) return restorers[name](parent.values[name]);
  restoring = name;
  restorers.gradio?.();
}

/** Gradio hands in all fields and takes them back, one of them as the parent had it. */
export function restored(values) {
  if (!parent || !restoring) return values;
  return values.map((value, index) => (FIELDS[index] === restoring ? parent.values[restoring] : value));
}

// ---- what is wrong

export function showProblem(name, message, fix = null) {
  const place = PLACES[name];
  if (!place) return showRefusal(message);
  clearProblem(name);
  if (ADVANCED.has(name)) openAdvanced();
  const slot = document.querySelector(place.slot);
  const id = `err-${name}`;
  const repair = fix && h("button", { type: "button", onclick: fix.apply }, fix.label);
  const sentence = repair ? problem(id, `${message} `, repair) : problem(id, message);
  slot?.append(sentence);
  const control = place.control && slot?.closest(".block")?.querySelector(place.control);
  control?.setAttribute("aria-invalid", "true");
  control?.setAttribute("aria-describedby", id);
  problems.set(name, { sentence, control });
  sentence.scrollIntoView({ block: "nearest" });
  showReadiness();
}

/** Say why a press led to nothing, where no single field is to blame. */
export function showRefusal(message) {
  refusal = message;
  showReadiness();
}

export function clearProblem(name) {
  const known = problems.get(name);
  if (!known) return;
  problems.delete(name);
  known.sentence.remove();
  known.control?.removeAttribute("aria-invalid");
  known.control?.removeAttribute("aria-describedby");
  showReadiness();
}

function openAdvanced() {
  const head = document.querySelector("#wb-advanced button.label-wrap");
  if (head && !head.classList.contains("open")) head.click();
}

// ---- the line over Generate

let estimate = "";
let nearest = null; // frames of the longest clip that fits, where this one does not

function missing() {
  if (!draft.image) return "Choose a first frame to begin.";
  if (draft.uploading) return "The first frame is on its way.";
  if (problems.has("camera")) return "The camera path needs a correction.";
  // A refused picture leaves the one before it in place.
  if ([...problems.keys()].some((name) => name !== "image")) return "One field needs a correction.";
  return "";
}

export function ready() {
  return !missing() && !draft.sending;
}

function showReadiness() {
  const generate = document.getElementById("wb-generate");
  const line = document.querySelector("#wb-foot .est");
  if (!generate || !line) return;
  generate.disabled = !ready();
  generate.setAttribute("aria-describedby", "wb-est");
  generate.setAttribute("aria-busy", String(draft.sending));
  const words = [...generate.childNodes].find((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  if (words) words.data = editedRun() ? "Save changes" : "Generate";
  const reason = missing();
  if (reason) line.textContent = reason;
  else if (refusal) line.replaceChildren(problem("err-run", refusal));
  else setEstimate(line);
}

// "About 18 s once it starts": the figure comes first and is bold.
function setEstimate(line) {
  const [, figure, rest] = /^(About \d+ (?:h|min|s)(?: \d+ (?:min|s))?)(.*)$/.exec(estimate) ?? [];
  line.replaceChildren(...(figure ? [h("b", null, figure), rest] : [estimate]));
  if (nearest !== null) line.append(" ", takeNearest(nearest));
}

function takeNearest(frames) {
  const choices = [...document.querySelectorAll("#wb-length input[type=radio]")];
  const choose = () => choices.find((choice) => choice.value === String(frames))?.click();
  return h("button", { type: "button", class: "btn quiet", onclick: choose }, `Use ${frames} frames`);
}

/** Ask what the run would take now: after a change of the form, or of the line before it. */
export const askForEstimate = debounce(async () => {
  if (!draft.image) return;
  const query = {
    frames: draft.length,
    steps: draft.steps,
    guidance: draft.guidance,
    model: draft.model ?? "",
  };
  try {
    ({ sentence: estimate, nearest = null } = await get("estimate", query));
  } catch {
    estimate = "";
    nearest = null;
  }
  showReadiness();
}, 200);

// ---- sending

let clientKey = randomKey();

/** What the server must know beside the fields; one key for one press, however often it is sent. */
export function ticket() {
  draft.sending = true;
  refusal = "";
  showReadiness();
  setTimeout(endSending, 15000); // no answer: the page must not stay locked
  return {
    visitor: visitor(),
    client_key: clientKey,
    parent_id: (editedRun() ? parent.parent_id : parent?.id) ?? null,
    edits: editedRun()?.id ?? null,
    keep_seed: draft.keepSeed,
    notebook_id: currentNotebook(),
  };
}

export function endSending() {
  if (!draft.sending) return;
  draft.sending = false;
  clientKey = randomKey();
  showReadiness();
}

// ---- Advanced, closed, still says what it holds

/** Gradio draws what is under Advanced when it is first opened: mark its fields then. */
export function watchAdvanced() {
  const button = document.querySelector("#wb-advanced button.label-wrap");
  button?.addEventListener("click", () => setTimeout(refresh, 50));
}

function summarise() {
  const button = document.querySelector("#wb-advanced button.label-wrap");
  const head = button?.querySelector("span");
  if (!head || draft.steps === undefined) return;
  button.setAttribute("aria-expanded", String(button.classList.contains("open")));
  let line = head.querySelector(".values");
  if (!line) head.append((line = h("span", { class: "values" })));
  const changed = parent ? [...ADVANCED].some((name) => name in draft && !same(name)) : false;
  head.classList.toggle("changed", changed);
  line.textContent = `${draft.steps} steps, guidance ${Number(draft.guidance)}`;
}
