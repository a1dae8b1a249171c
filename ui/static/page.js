// The frame of the page: bar, head of the composer, foot, dock, and the handle Gradio's own events use.

import { button, h, icon } from "./dom.js";
import {
  FIELDS,
  askForEstimate,
  draft,
  editedRun,
  endSending,
  onChange,
  parentRun,
  refresh,
  restoreWith,
  restored,
  set,
  setParent,
  ticket,
  watchAdvanced,
} from "./form.js";
import { mountCamera } from "./camera.js";
import { mountCompare } from "./compare.js";
import { mountFamily } from "./family.js";
import { mountFirstFrame, takePrompt } from "./firstframe.js";
import { isArriving, startAutosave } from "./autosave.js";
import { filledFrom, makeRoom, settle, takeAim } from "./drafts.js";
import { connectEdit, isBroughtBack, takeBack } from "./edit.js";
import { fileButton, listenToFiles } from "./dropfile.js";
import { mountGallery } from "./gallery.js";
import { fillKeyList, listenToKeys } from "./keys.js";
import { answered, mountNotebook, show } from "./notebook.js";
import { connectQueue, mountQueue } from "./queuepage.js";
import { mountRun } from "./runpage.js";
import { onState } from "./runs.js";
import { mountSettings } from "./settings.js";
import { startFromLink } from "./sharedrun.js";
import { openSweep } from "./sweep.js";
import { toast } from "./toasts.js";
import { goTo, hasComposer, mountLinks } from "./views.js";

export {
  mountCamera,
  mountCompare,
  mountFamily,
  mountFirstFrame,
  mountGallery,
  mountNotebook,
  mountQueue,
  mountRun,
  mountSettings,
};

export function mountBar({ element }) {
  const keys = element.querySelector("#wb-keys");
  element.querySelector(".open-keys").append(icon("help"));
  element.querySelector(".close-keys").append(icon("close"));
  element.querySelector(".open-keys").addEventListener("click", () => keys.showModal());
  element.querySelector(".close-keys").addEventListener("click", () => keys.close());
  keys.addEventListener("click", (event) => event.target === keys && keys.close());
  element.querySelector(".open-menu").append(icon("menu"));
  fillKeyList(keys.querySelector(".key-list"));
  mountLinks(element);
  listenToKeys(compose);
}

// ---- head of the composer: what this draft is

export function mountHead({ element, props, trigger, watch }) {
  const title = h("h2", { tabindex: -1 });
  const was = h("span", { class: "was-of" });
  const clean = button("Start clean", () => cleanStart(trigger), { class: "btn quiet clean" });
  const leaveIt = button("Leave it", takeBack, { class: "btn quiet clean", "aria-label": "Leave it as it was" });
  const close = h(
    "button",
    { type: "button", class: "btn icon only-s", "aria-label": "Back to the notebook", onclick: leave },
    icon("close"),
  );
  const end = h("span", { class: "end" }, fileButton(), clean, leaveIt, close);
  element.replaceChildren(h("div", { class: "head" }, title, was, end));
  restoreWith("gradio", () => trigger("restore"));
  connectEdit(trigger);
  let drawn = null;
  onChange(() => {
    const [parent, edited] = [parentRun(), editedRun()];
    const start = draft.camera?.source?.start;
    const from = start && start.run === parent?.id ? start.frame + 1 : 0;
    const key = `${parent?.id} ${edited?.id} ${from}`;
    if (drawn === key) return;
    drawn = key;
    title.textContent = edited ? `Editing run ${edited.number}` : "New run";
    was.classList.toggle("only-l", Boolean(edited)); // a phone has no room for it
    if (edited) was.replaceChildren("which waits");
    else if (from) was.replaceChildren("continues ", linkTo(parent), ` from frame ${from}`);
    else was.replaceChildren(...(parent ? ["remix of ", linkTo(parent)] : []));
    clean.hidden = !parent || Boolean(edited);
    leaveIt.hidden = !edited;
  });
  const take = () => {
    const { parent, values, form, said = [] } = props.value;
    for (const sentence of said) toast(sentence);
    for (const name of FIELDS)
      if (name in form && name !== "image" && name !== "camera") set(name, form[name]);
    setParent(parent ? { ...parent, values } : null);
    filledFrom(isBroughtBack() || props.value.said ? values : form); // else nothing in it is one's own
  };
  watch("value", () => {
    take();
    if (isArriving()) startFromLink(trigger);
    else compose();
  });
  take();
  startAutosave().then((waits) => waits || startFromLink(trigger));
  listenToFiles();
}

function cleanStart(trigger) {
  makeRoom();
  trigger("clean");
}

function linkTo(run) {
  if (run.number === null) return "a shared run";
  const follow = (event) => {
    event.preventDefault();
    show(run.id);
  };
  return h("a", { href: `#run-${run.id}`, onclick: follow }, String(run.number));
}

/** Bring the composer into view: on a phone it opens as a sheet. */
export function compose() {
  const beside = matchMedia("(min-width: 981px), (max-width: 640px)").matches;
  if (!hasComposer() || !beside) goTo("notebook");
  document.body.classList.add("wb-composing");
  document.getElementById("wb-body")?.scrollTo(0, 0);
  const aim = takeAim();
  if (aim) document.querySelector(aim)?.focus();
  else document.querySelector("#wb-head h2")?.focus({ preventScroll: true });
  return true;
}

function leave() {
  document.body.classList.remove("wb-composing");
  document.querySelector("#wb-dock .btn")?.focus();
}

addEventListener("keydown", (event) => {
  if (
    event.key === "Escape" &&
    document.body.classList.contains("wb-composing") &&
    !document.querySelector("dialog[open]")
  )
    leave();
});

// ---- seed: roll and keep

export function mountSeedTools({ element, trigger }) {
  const roll = h(
    "button",
    {
      type: "button",
      class: "btn icon",
      "aria-label": "Roll a new seed",
      title: "Roll a new seed",
      onclick: () => trigger("roll"),
    },
    icon("dice"),
  );
  const keep = h(
    "button",
    {
      type: "button",
      class: "btn icon",
      "aria-label": "Keep this seed",
      title: "Keep this seed for the next runs",
      "aria-pressed": "false",
    },
    icon("lock"),
  );
  keep.addEventListener("click", () => {
    draft.keepSeed = !draft.keepSeed;
    if (draft.keepSeed && !draft.seed) trigger("roll");
    refresh();
  });
  onChange(() => keep.setAttribute("aria-pressed", String(draft.keepSeed)));
  element.replaceChildren(roll, keep);
}

// ---- foot: the estimate, and what became of the press

export function mountFoot({ element, props, watch }) {
  element.replaceChildren(
    h(
      "div",
      { class: "foot-line" },
      h("p", { class: "est", id: "wb-est", "aria-live": "polite" }, "Choose a first frame to begin."),
      button("Sweep…", () => openSweep(), {
        class: "btn quiet open-sweep",
        title: "Several seeds, paths or prompts",
      }),
    ),
  );
  watch("value", () => {
    if (props.value?.run) settle();
    answered(props.value);
  });
  groupRadios();
  watchAdvanced();
  let line = "";
  onState(({ queued, running, paused }) => {
    const now = `${queued} ${running} ${paused}`;
    if (line && line !== now) askForEstimate();
    line = now;
  });
  onChange(showFrames);
  refresh();
}

// Gradio names every radio button differently; one name makes them one tab stop with arrows.
function groupRadios() {
  for (const radio of document.querySelectorAll("#wb-length input[type=radio]")) radio.name = "wb-length";
}

function showFrames() {
  groupRadios();
  const label = document.querySelector("#wb-length [data-testid=block-info]");
  if (!label) return;
  let end = label.querySelector(".end");
  if (!end) label.append((end = h("span", { class: "end" })));
  if (draft.length) end.textContent = `${draft.length} frames`;
}

// ---- phone: the dock shows the draft and opens the composer

export function mountDock({ element }) {
  const picture = h("div", { class: "pic none" }, icon("image"));
  const title = h("b", null, "Nothing chosen yet");
  const line = h("p", null, "Start with a picture");
  const open = h("button", { type: "button", class: "btn primary", onclick: compose }, "New run");
  element.replaceChildren(
    h(
      "div",
      { class: "dock", role: "group", "aria-label": "Your draft" },
      picture,
      h("div", null, title, line),
      open,
    ),
  );
  onChange(() => {
    const { image } = draft;
    picture.classList.toggle("none", !image);
    picture.replaceChildren(image ? h("img", { src: image.thumb || image.url, alt: "" }) : icon("image"));
    const parent = parentRun();
    const kind = editedRun() ? "Editing run" : "Remix of";
    open.textContent = editedRun() ? "Edit" : "New run";
    title.textContent = parent ? `${kind} ${parent.number ?? "a shared run"}` : image ? "Your draft" : "Nothing chosen yet";
    line.textContent = image
      ? `${draft.pathLabel}, ${draft.seed ? `seed ${draft.seed}` : "random seed"}`
      : "Start with a picture";
  });
}

// ---- what Gradio's browser-side events call

window.wanderbook = {
  set,
  ticket: (values) => [...values.slice(0, -1), ticket()],
  restored,
  takePrompt,
  roll: () => String(crypto.getRandomValues(new Uint32Array(1))[0] % 1000000),
};
connectQueue(compose);
addEventListener("pagehide", endSending);
