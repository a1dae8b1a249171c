// What the menu of a cell offers because it stands in a notebook.

import { alsoShow, collapse, moveBy, moveInto, removeCell } from "./bookacts.js";
import { allBooks, currentNotebook, makeBook, openBook } from "./books.js";
import { attempt } from "./acts.js";
import { allCells, cellById, cellOfRun } from "./celllist.js";
import { addToMenu } from "./cellacts.js";
import { writeAbove } from "./insertline.js";
import { openList } from "./poplist.js";
import { currentView } from "./views.js";

/** Add to the menu of every run what its cell can do. */
export function connectBookMenu() {
  addToMenu((run) => {
    const entry = currentView() === "notebook" && cellOfRun(run.id);
    return entry ? cellItems(entry.thin, run) : [];
  });
}

/** The acts of a cell, as [words, act]; those that cannot be done are left out. */
export function cellItems(thin, run = null) {
  const share = run && ["Also show in…", () => pick(thin, "Also show in", (book) => alsoShow(run, book))];
  if (!openBook().may_change) return share ? ["-", share] : [];
  const entry = cellById(thin.id);
  const all = allCells();
  return [
    run && "-",
    [thin.collapsed ? "Unfold" : "Fold to one line", () => collapse(thin, !thin.collapsed)],
    all[0] !== entry && ["Move up", () => moveBy(entry, -1)],
    all.at(-1) !== entry && ["Move down", () => moveBy(entry, 1)],
    ["Write above", () => writeAbove(thin.id)],
    "-",
    share,
    ["Move to…", () => pick(thin, "Move to", (book) => moveInto(thin, book))],
    ["Remove from this notebook", () => removeCell(thin)],
  ];
}

// The other notebooks that this visitor may change, and a new one.
function pick(thin, label, choose) {
  const { element } = cellById(thin.id);
  const anchor = element.querySelector(".more-of > button") ?? element;
  const others = allBooks().filter((book) => book.may_change && book.id !== currentNotebook());
  const rows = others.map((book) => ({ words: book.title, end: book.runs, act: () => choose(book) }));
  const fresh = async () => {
    const book = await attempt(() => makeBook("New notebook"));
    if (book) choose(book);
  };
  openList(anchor, label, [...rows, rows.length && "-", { words: "New notebook", act: fresh }]);
}
