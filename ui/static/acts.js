// What a person does with a run, from whichever view. Each act asks the server; the event stream tells what came of it.

import { announce } from "./dom.js";
import { aimAt, makeRoom } from "./drafts.js";
import { putAside } from "./edit.js";
import { hold, placeNew, renew } from "./runs.js";
import { Refusal, get, post, randomKey, visitor } from "./server.js";
import { toast } from "./toasts.js";
import { done } from "./undo.js";
import { openLog } from "./log.js";

let ask = () => {}; // hands a run to Gradio, which fills its own fields
let show = () => {};

/** Connect the acts to the form's events and to the notebook. */
export function connectActs(trigger, showRun) {
  ask = (event, data) => trigger(event, { ...data, visitor: visitor() });
  show = showRun;
}

/** Let Gradio fill the form's fields: `event` is one of those ui/notebook.py answers. */
export function fillForm(event, data) {
  ask(event, data);
}

/** Ask the server; what it refuses is said in a note. Gives the answer, or null. */
export async function attempt(action) {
  try {
    const answer = await action();
    if (answer.run) placeNew(answer.run);
    return answer;
  } catch (refusal) {
    toast(refusal instanceof Refusal ? refusal.message : "This did not work.");
    return null;
  }
}

async function another(cell, way) {
  const answer = await attempt(() => post(`runs/${cell.id}/${way}`, { client_key: randomKey() }));
  if (answer) toast(`Run ${answer.run.number} is queued`, "Show", () => show(answer.run.id));
}

export const acts = {
  remix(cell) {
    makeRoom();
    ask("remix", { id: cell.id });
    announce(`The form now holds run ${cell.number}.`);
  },
  edit(cell) {
    putAside();
    ask("edit", { id: cell.id });
    announce(`The form now changes run ${cell.number}, which waits.`);
  },
  reseed: (cell) => another(cell, "reseed"),
  duplicate: (cell) => another(cell, "duplicate"),
  smaller: (cell) => another(cell, "smaller"),
  keep: (cell) => attempt(() => post(`runs/${cell.id}/keep`)),
  cancel: (cell) => attempt(() => post(`runs/${cell.id}/cancel`)),
  retry: (cell) => attempt(() => post(`runs/${cell.id}/retry`)),
  show: (cell) => show(cell.id),
  lost: (cell) => renew(cell.id),
  reproduce: (cell) => another(cell, "reproduce"),
  /** Go on from a frame, counted from 0; from the last one where none is named. */
  continueFrom(cell, frame = null) {
    makeRoom();
    ask("extend", { id: cell.id, frame });
    announce(`The form now goes on from run ${cell.number}.`);
  },
  changePath(cell) {
    aimAt("#wb-camera .presets [tabindex='0']");
    acts.remix(cell);
  },
  trash(cell) {
    if (["queued", "running"].includes(cell.state)) return toast(`Run ${cell.number} is not done yet. Cancel it first.`);
    const send = () => attempt(() => post("trash", { runs: [cell.id] }));
    const gone = hold(cell.id, { deleted: true }, send);
    done(`Run ${cell.number} moved to the trash`, async () => (await gone) && acts.restore(cell));
    return gone;
  },
  restore: (cell) => hold(cell.id, { deleted: false }, () => attempt(() => post("restore", { runs: [cell.id] }))),
  async log(cell) {
    const answer = await attempt(() => get(`runs/${cell.id}/log`));
    if (answer) openLog(cell, answer.text);
  },
  async next(cell) {
    if (await attempt(() => post(`runs/${cell.id}/next`))) announce(`Run ${cell.number} is next.`);
  },
  async move(cell, before) {
    return Boolean(await attempt(() => post(`runs/${cell.id}/move`, { before })));
  },
  pause: () => attempt(() => post("queue/pause")),
  resume: () => attempt(() => post("queue/resume")),
};
