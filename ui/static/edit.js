// Changing a run that waits: the draft in work is put aside, and comes back when the change is saved or dropped.

import { FIELDS, draft, editedRun, parentRun, setParent, showRefusal } from "./form.js";
import { onRun } from "./runs.js";
import { visitor } from "./server.js";

let aside = null; // {form, parent_id}: the draft as it was before Edit
let back = false;
let hand = () => {};

/** Connect to the head of the composer, whose events Gradio answers. */
export function connectEdit(trigger) {
  hand = (event, data = {}) => trigger(event, { ...data, visitor: visitor() });
  onRun((cell) => {
    if (cell.id === editedRun()?.id && cell.state !== "queued") tooLate(`Run ${cell.number} has started.`);
  });
}

/** Remember the draft in work, unless it is itself a change that was not saved. */
export function putAside() {
  if (editedRun()) return;
  const form = Object.fromEntries(FIELDS.filter((name) => name in draft).map((name) => [name, draft[name]]));
  aside = { form, parent_id: parentRun()?.id ?? null };
}

/** The draft that waits while another run is changed, or null. */
export function asideDraft() {
  return aside;
}

/** Fill the form with a draft as it was. */
export function bringBack(draft) {
  back = true;
  hand("again", draft);
}

/** Whether what fills the form now is a draft of one's own; asked once for each filling. */
export function isBroughtBack() {
  const now = back;
  back = false;
  return now;
}

/** Another run takes the form over: what was put aside does not come back. */
export function forgetAside() {
  aside = null;
}

/** Bring the draft back that was in work before. */
export function takeBack() {
  if (aside) bringBack(aside);
  else hand("clean");
  aside = null;
}

/** The run cannot be changed any more: what is in the form becomes a new run, if the person wants it. */
export function tooLate(sentence) {
  setParent({ ...parentRun(), editing: false });
  showRefusal(
    sentence.includes("new run") ? sentence : `${sentence} What you changed can be submitted as a new run.`,
  );
}
