// What a person does with the cells of a notebook. Each act asks the server; what removes or moves can be undone.

import { attempt } from "./acts.js";
import { bookOf, currentNotebook } from "./books.js";
import { allCells, cellById, isWhole, loadMore, reach, shift, shifted, takeIn } from "./celllist.js";
import { announce } from "./dom.js";
import { nameOf } from "./cellframe.js";
import { post } from "./server.js";
import { done } from "./undo.js";

async function told(action) {
  const answer = await attempt(action);
  if (answer?.cell) takeIn(answer.cell);
  return answer;
}

const addCell = (values) => told(() => post(`books/${currentNotebook()}/cells`, values));

/** New cells stand directly above the cell `above`; "" is the top, null the bottom. */
export const addText = (text, above) => addCell({ kind: "text", text, above });
export const addCompare = (runs, above) => addCell({ kind: "compare", runs, above });

export const writeText = (id, text) => told(() => post(`cells/${id}`, { text }));

export async function collapse(thin, collapsed) {
  if (!(await told(() => post(`cells/${thin.id}`, { collapsed })))) return;
  const element = cellById(thin.id)?.element;
  element?.focus({ preventScroll: true });
  announce(`${nameOf(thin)} is ${collapsed ? "folded" : "shown whole"}.`);
}

/** Take a cell out of the notebook; a run stays in the gallery. */
export async function removeCell(thin, sentence = "") {
  const name = nameOf(thin);
  const title = bookOf(thin.notebook)?.title ?? "this notebook";
  if (!(await told(() => post(`cells/${thin.id}/remove`)))) return false;
  done(sentence || `${name} removed from ${title}`, async () => {
    takeIn((await post(`cells/${thin.id}/restore`)).cell);
    cellById(thin.id)?.element.focus({ preventScroll: true });
  });
  return true;
}

/** Show a run in one more notebook. */
export async function alsoShow(run, book) {
  const answer = await attempt(() => post(`books/${book.id}/cells`, { kind: "run", run: run.id, above: "" }));
  if (!answer) return;
  done(`Run ${run.number} is in ${book.title}, too`, () => post(`cells/${answer.cell.id}/remove`));
}

/** Move a cell into another notebook. */
export async function moveInto(thin, book) {
  const name = nameOf(thin);
  const answer = await attempt(() => post(`cells/${thin.id}/move`, { notebook: book.id, above: "" }));
  if (!answer) return;
  takeIn(answer.cell);
  done(`${name} moved to ${book.title}`, () => putBack(thin, answer.place));
}

/** Move a cell of this notebook by some places, as displayed. */
export async function moveBy(entry, by) {
  const at = allCells().indexOf(entry);
  const last = allCells().length - 1;
  const to = Math.min(Math.max(at + by, 0), last);
  if (to === at && !(by > 0 && !isWhole()))
    return announce(`${nameOf(entry.thin)} is ${by < 0 ? "first" : "last"} already.`);
  await moveTo(entry, at + by);
  entry.element.scrollIntoView({ block: "nearest" });
}

let sent = Promise.resolve(); // moves go out one after another

/** Put a cell at a place among the others, counted as displayed. */
export async function moveTo(entry, to) {
  if (to >= allCells().length - 1 && !isWhole()) await loadMore(); // what comes below it is not known yet
  const { id } = entry.thin;
  const at = Math.min(Math.max(to, 0), allCells().length - 1);
  if (allCells().indexOf(entry) === at) return;
  const { before, above } = shift(entry, at);
  announce(`${nameOf(entry.thin)} is now ${at + 1} of ${allCells().length}.`);
  sent = sent.then(() => attempt(() => post(`cells/${id}/move`, { above })));
  const answer = await sent;
  shifted(entry, answer, before);
  if (answer) done(`${nameOf(entry.thin)} moved`, () => putBack(entry.thin, answer.place), `move ${id}`);
}

async function putBack(thin, place) {
  await post(`cells/${thin.id}/move`, { notebook: place.notebook_id, above: place.above });
  if (place.notebook_id !== currentNotebook()) return;
  const entry = await reach(thin.id);
  entry?.element.focus({ preventScroll: true });
}
