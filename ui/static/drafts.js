// The draft in work as a whole: whether it holds something of one's own, and how it makes room for something else
// without being lost.

import { asideDraft, bringBack, forgetAside } from "./edit.js";
import { FIELDS, draft, editedRun, parentRun } from "./form.js";
import { done } from "./undo.js";

let base = null; // the form as it was filled or submitted last: what differs from it is a person's own work
let aim = "";

/** The form and the run it is a child of, as the server keeps them. */
export function draftNow() {
  const form = Object.fromEntries(FIELDS.filter((name) => name in draft).map((name) => [name, draft[name]]));
  return { form, parent_id: parentRun()?.id ?? null };
}

/** Whether every field has been heard of: while the page is being built, some have not. */
export function isWhole() {
  return FIELDS.every((name) => name in draft);
}

/** What of a form decides the run it makes, to compare forms by. */
export function essence(form) {
  const picture = form.image?.sha256 ?? "";
  const path = JSON.stringify(form.camera?.source ?? null);
  const others = FIELDS.filter((name) => name !== "image" && name !== "camera");
  return JSON.stringify([picture, path, ...others.map((name) => String(form[name] ?? ""))]);
}

/** The form was filled anew: `from` is what it is compared with from now on. */
export function filledFrom(from) {
  base = essence(from);
}

/** What the form holds has become a run. */
export function settle() {
  if (base !== null) base = essence(draftNow().form);
}

/** Whether the form holds something that was neither submitted nor taken from a run. */
export function isOwnWork() {
  return base !== null && isWhole() && essence(draftNow().form) !== base;
}

/** Something else is about to fill the form: a draft of one's own is put aside, and can be brought back. */
export function makeRoom() {
  const kept = editedRun() ? asideDraft() : isOwnWork() ? draftNow() : null;
  forgetAside();
  if (kept) done("Your draft was put aside", () => bringBack(kept), "", "Bring it back");
}

/** Where the focus goes when the form is filled next. */
export function aimAt(selector) {
  aim = selector;
}

/** Where the focus goes now; asked once for each filling. */
export function takeAim() {
  const selector = aim;
  aim = "";
  return selector;
}
