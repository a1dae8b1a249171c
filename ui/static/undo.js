// What can be taken back: a note offers it while it is new, Ctrl Z takes back the newest step at any time.

import { announce } from "./dom.js";
import { Refusal } from "./server.js";
import { toast } from "./toasts.js";

const MOST = 50;
const steps = []; // {sentence, undo, about, close}, oldest first

/**
 * Say what was done and offer to undo it. A step `about` the same thing as the one before it, while
 * that is still being told, becomes one with it: undo goes back to where both began.
 */
export function done(sentence, undo, about = "", label = "Undo") {
  const last = steps.at(-1);
  const joined = about && last?.about === about && last.close();
  const step = joined ? Object.assign(last, { sentence }) : { sentence, undo, about };
  if (!joined) steps.push(step);
  if (steps.length > MOST) steps.shift();
  step.close = toast(sentence, label, () => takeBack(step));
}

/** Take back the newest step there is; false where there is none. */
export function undoLast() {
  if (!steps.length) return false;
  takeBack(steps.at(-1));
  return true;
}

async function takeBack(step) {
  const at = steps.indexOf(step);
  if (at < 0) return;
  steps.splice(at, 1);
  step.close();
  try {
    await step.undo();
    announce(`Undone: ${step.sentence}`);
  } catch (refusal) {
    toast(refusal instanceof Refusal ? refusal.message : "This cannot be undone any more.");
  }
}
