// The camera path: twelve presets, an action string, and the path they make, seen from above.
// The server resolves every path; what is drawn is what the model gets.

import { announce, debounce, h, icon, s } from "./dom.js";
import { clearProblem, draft, onChange, parentRun, refresh, restoreWith, set, showProblem } from "./form.js";
import { runOf } from "./runs.js";
import { get } from "./server.js";
import { topView } from "./topview.js";

let view = null; // {element, props}
let parts = {};
let asked = 0;
let frames = 0;
let model = "";

export function mountCamera({ element, props, watch }) {
  view = { element, props };
  build();
  watch("value", take);
  restoreWith("camera", put);
  onChange(follow);
  frames = draft.length ?? 0;
  model = draft.model ?? "";
  take();
}

function build() {
  const presets = h(
    "div",
    { class: "presets", role: "radiogroup", "aria-label": "Preset paths" },
    ...view.props.presets.map(preset),
  );
  presets.addEventListener("keydown", moveAmongPresets);
  const map = h("div", { class: "map-slot" });
  const words = h("span", { class: "end" });
  const input = h("input", {
    class: "inp mono",
    spellcheck: "false",
    autocapitalize: "none",
    autocomplete: "off",
    id: "wb-actions",
    "aria-describedby": "wb-steps-count",
    placeholder: "w-16,dw-16",
  });
  input.addEventListener("input", () => write(input.value));
  const goesOn = h("div", { class: "goes-on", hidden: true });
  const count = h("span", { class: "count-steps", id: "wb-steps-count" });
  view.element.replaceChildren(
    h("div", { class: "lab" }, "Camera path", words),
    h("div", { class: "cam" }, map, presets),
    h(
      "div",
      { class: "actions" },
      h("label", { for: "wb-actions" }, "Actions"),
      h("span", { class: "with-btns" }, input, count),
    ),
    goesOn,
    h("div", { class: "slot" }),
  );
  parts = { goesOn, presets, map, words, input, count };
}

function preset({ id, title, glyph }) {
  const shapes = glyph.map(([tag, attributes]) => s(tag, attributes));
  const drawn = s("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, ...shapes);
  const pick = () => choose({ kind: "preset", preset: id });
  return h(
    "button",
    {
      type: "button",
      role: "radio",
      "aria-checked": "false",
      tabindex: -1,
      "data-preset": id,
      onclick: pick,
    },
    drawn,
    title,
  );
}

// One tab stop; the arrows move the choice, as in any group of radio buttons.
function moveAmongPresets(event) {
  const step = { ArrowRight: 1, ArrowDown: 3, ArrowLeft: -1, ArrowUp: -3 }[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...parts.presets.children];
  const at = buttons.indexOf(document.activeElement);
  const next = buttons[(at + step + buttons.length) % buttons.length];
  next.click();
  next.focus();
}

// ---- the value: {source, image}; a source with a start goes on from a run, whose frame the image is

function put(value) {
  view.props.value = value;
  take();
}

/** Another path, which goes on from where the one before it did. */
function choose(source) {
  const { source: before, image } = view.props.value;
  put(before.start ? { source: { ...source, start: before.start }, image } : { source });
}

/** The path begins at rest, whatever it went on from. */
function dropStart(sentence) {
  const { start: _, ...source } = view.props.value.source;
  put({ source });
  announce(sentence);
}

function drawStart() {
  const { start } = view.props.value.source;
  parts.goesOn.hidden = !start;
  if (!start) return parts.goesOn.replaceChildren();
  const number = runOf(start.run)?.number ?? (parentRun()?.id === start.run && parentRun().number);
  const run = number ? `run ${number}` : "another run";
  const drop = h(
    "button",
    { type: "button", onclick: () => dropStart("The path starts at rest.") },
    "Start at rest",
  );
  parts.goesOn.replaceChildren(`goes on at the speed and tilt of ${run}`, drop);
}

// The picture and the path come one after the other: only once both are there can they belong together.
const checkPicture = debounce(() => {
  const { source, image } = view.props.value;
  if (source.start && image && draft.image && draft.image.sha256 !== image)
    dropStart("Another first frame: the path starts at rest.");
}, 400);

function take() {
  set("camera", view.props.value);
  drawStart();
  check();
}

const write = (() => {
  const later = debounce((text) => choose({ kind: "actions", actions: text }), 250);
  return (text) => {
    pressPreset("");
    later(text.trim());
  };
})();

function follow(name) {
  if (name === "image") checkPicture();
  if (!name && view.props.value.source.start) drawStart(); // the parent may have just become known
  if (draft.length === frames && (draft.model ?? "") === model) return;
  frames = draft.length;
  model = draft.model ?? "";
  check();
}

async function check() {
  const turn = ++asked;
  const { source } = view.props.value;
  pressPreset(source.kind === "preset" ? source.preset : "");
  if (!frames) return;
  try {
    const path = await get("path", { source: JSON.stringify(source), frames, model });
    if (turn !== asked) return;
    if (path.error) refuse(path, source);
    else show(path, source);
  } catch (refusal) {
    if (turn === asked) refuse({ error: refusal.message, fix: null }, source);
  }
}

function show(path, source) {
  draft.pathLabel = path.label;
  draft.map = path.map;
  clearProblem("camera");
  parts.map.classList.remove("stale");
  parts.map.replaceChildren(topView(path.map));
  parts.words.textContent = parts.words.title = path.summary;
  if (source.kind !== "actions") parts.input.value = path.actions;
  else if (document.activeElement !== parts.input) parts.input.value = source.actions;
  parts.input.placeholder =
    path.actions || source.kind === "actions" ? "w-16,dw-16" : "no keys for this path";
  parts.count.replaceChildren(
    ...(path.steps === null ? [] : [icon("check"), `${path.steps} ${path.steps === 1 ? "step" : "steps"}`]),
  );
  refresh("camera");
}

function refuse(refusal, source) {
  parts.map.classList.add("stale"); // what is drawn is the path before this one
  parts.words.textContent = parts.words.title = "";
  parts.count.replaceChildren();
  if (source.kind === "actions" && document.activeElement !== parts.input) parts.input.value = source.actions;
  const fix = refusal.fix && {
    label: refusal.fix.label,
    apply: () => {
      parts.input.value = refusal.fix.actions;
      choose({ kind: "actions", actions: refusal.fix.actions });
      parts.input.focus();
    },
  };
  showProblem("camera", refusal.error, fix);
}

function pressPreset(id) {
  for (const one of parts.presets.children) {
    const chosen = one.dataset.preset === id;
    one.setAttribute("aria-checked", String(chosen));
    one.tabIndex = chosen ? 0 : -1;
  }
  if (!id) parts.presets.firstElementChild.tabIndex = 0;
}
