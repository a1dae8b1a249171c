// The draft in work is kept by the server as it is typed, and is in the form again when the page is opened anew.

import { draftNow, essence, isOwnWork, isWhole } from "./drafts.js";
import { asideDraft, bringBack } from "./edit.js";
import { editedRun, onChange } from "./form.js";
import { debounce } from "./dom.js";
import { get, post } from "./server.js";

const QUIET_MS = 600;
const ARRIVAL_MS = 10_000;

let saved = null; // what the server has, as one text; null until the page has looked
let arriving = false;

/** Bring the kept draft back, then keep what changes. Whether one is on its way into the form. */
export async function startAutosave() {
  let kept = null;
  try {
    kept = (await get("draft")).draft;
  } catch {
    // the form starts as it is, and is kept from here on
  }
  if (kept && !isOwnWork()) {
    saved = textOf(kept);
    arriving = true;
    setTimeout(() => (arriving = false), ARRIVAL_MS); // whatever became of it
    bringBack(kept);
  } else saved = kept ? textOf(kept) : textOf(draftNow());
  onChange(debounce(save, QUIET_MS));
  addEventListener("pagehide", () => save({ keepalive: true }));
  save();
  return arriving;
}

/** Whether the form is being filled with the draft of the last visit, which nobody asked for just now. */
export function isArriving() {
  const now = arriving;
  arriving = false;
  return now;
}

function textOf({ form, parent_id: parent }) {
  return `${parent ?? ""} ${essence(form)}`;
}

// While a run that waits is changed, the draft in work is the one that was put aside for it.
async function save(options) {
  const now = editedRun() ? asideDraft() : draftNow();
  if (!now || arriving || !isWhole() || saved === textOf(now)) return;
  const before = saved;
  saved = textOf(now);
  try {
    await post("draft", now, options);
  } catch {
    saved = before; // the next change tries again
  }
}
