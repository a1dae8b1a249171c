// "Use in the new run": some fields of a run go into the draft in work, all others stay as they are in it.

import { acts, fillForm } from "./acts.js";
import { announce, h, icon } from "./dom.js";
import { draftNow } from "./drafts.js";
import { bringBack } from "./edit.js";
import { editedRun } from "./form.js";
import { get } from "./server.js";
import { toast } from "./toasts.js";
import { done } from "./undo.js";

// The groups of `GROUPS` in ui/forms.py, and whether they are ticked at first.
const BOXES = [
  ["image", "First frame", true],
  ["prompt", "Prompt", true],
  ["camera", "Camera path", true],
  ["seed", "Seed", false],
  ["settings", "Settings", true],
];

/** The panel of a run; `holds` says in a few words what each of its fields is. */
export function usePanel(cell, holds, onUsed = () => {}) {
  const boxes = BOXES.map(([name, title, ticked]) => row(name, title, ticked, holds[name]));
  const chosen = () => boxes.filter((box) => box.input.checked).map((box) => box.name);
  const use = h("button", { type: "button", class: "btn primary" });
  const all = h("button", { type: "button", class: "btn quiet" }, "All");
  const count = () => {
    const many = chosen().length;
    use.textContent = many === 1 ? "Use 1 field" : `Use ${many} fields`;
    use.disabled = !many;
    all.disabled = many === boxes.length;
  };
  for (const { input } of boxes) input.addEventListener("change", count);
  all.addEventListener("click", () => {
    for (const { input } of boxes) input.checked = true;
    count();
    use.focus();
  });
  use.addEventListener("click", () => {
    onUsed();
    bring(cell, chosen());
  });
  count();
  return h(
    "section",
    { class: "usebox", "aria-labelledby": `wb-use-${cell.id}` },
    h("h2", { class: "h3", id: `wb-use-${cell.id}` }, "Use in the new run"),
    h("p", { class: "help" }, "Fields you leave out stay as they are in your draft."),
    ...boxes.map((box) => box.element),
    h("div", { class: "use-acts" }, use, all),
  );
}

function row(name, title, ticked, words) {
  const input = h("input", { type: "checkbox", value: name });
  input.checked = ticked;
  const element = h("label", { class: "chk" }, input, title, h("span", { class: "sub small" }, words));
  return { name, input, element };
}

function bring(cell, fields) {
  const before = draftNow();
  fillForm("use", { id: cell.id, fields, ...before, editing: Boolean(editedRun()) });
  const what = fields.length === 1 ? "1 field" : `${fields.length} fields`;
  const sentence = `Your draft now has ${what} of run ${cell.number}`;
  if (editedRun()) announce(sentence);
  else done(sentence, () => bringBack(before));
}

/** The same panel as a sheet over any view. */
acts.useFields = async (cell) => {
  let holds;
  try {
    ({ holds } = await get(`runs/${cell.id}/page`));
  } catch (refusal) {
    return void toast(refusal.message);
  }
  const close = h("button", { type: "button", class: "btn icon", "aria-label": "Close" }, icon("close"));
  const panel = usePanel(cell, holds, () => sheet.close());
  const sheet = h(
    "dialog",
    { class: "sheet use-sheet", "aria-label": `Use fields of run ${cell.number}` },
    h("div", { class: "sheet-h" }, h("h2", null, `Run ${cell.number}`), h("span", { class: "end" }, close)),
    panel,
  );
  close.addEventListener("click", () => sheet.close());
  sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
  sheet.addEventListener("close", () => sheet.remove());
  document.querySelector("#wb-bar .wb, #wb-bar").append(sheet);
  sheet.showModal();
};
