// The run that single keys act on: what has the focus, else the run that is shown, else the current cell.

import { allCells, cellOf } from "./celllist.js";
import { placeNew, runOf } from "./runs.js";
import { get } from "./server.js";
import { currentView, viewArgument } from "./views.js";

/** The cell that is marked in the gutter. */
export function currentCell() {
  return allCells().find(({ element }) => element.classList.contains("current"));
}

/** The cell that keys act on. */
export function cellAt(target) {
  return cellOf(target) ?? currentCell();
}

/** The id of the run that keys act on, or "". */
export function currentRun(target) {
  const focused = target.closest?.("[data-run], .card[data-id], a[data-id]");
  if (focused) return focused.dataset.run ?? focused.dataset.id;
  const view = currentView();
  if (view === "run" || view === "family") return viewArgument();
  return view === "notebook" ? (cellAt(target)?.thin.run ?? "") : "";
}

/** Do something with a run, which is fetched where this page has not heard of it. */
export async function withRun(id, action) {
  if (!runOf(id)) {
    try {
      placeNew((await get(`runs/${id}`)).run);
    } catch {
      return; // it is gone
    }
  }
  action(runOf(id));
}
