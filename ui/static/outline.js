// The outline of the open notebook: headings of its texts, and its runs by number, to jump to.

import { attempt } from "./acts.js";
import { currentNotebook } from "./books.js";
import { reach } from "./celllist.js";
import { openList } from "./poplist.js";
import { get } from "./server.js";

const WORDS = { compare: "Comparison", sweep: "Sweep" };

export async function openOutline(anchor) {
  const answer = await attempt(() => get(`books/${currentNotebook()}/outline`));
  if (!answer) return;
  const rows = answer.outline.map(({ cell, kind, number, words, level }) => ({
    number,
    words: words || WORDS[kind] || "No prompt",
    level: kind === "text" ? 0 : level,
    act: () => jump(cell),
  }));
  openList(anchor, "Outline", rows);
}

/** Scroll to a cell, reading on until it is here, and put the focus on it. */
export async function jump(id) {
  const entry = await reach(id);
  if (!entry) return false;
  entry.element.scrollIntoView({ block: "start", behavior: "auto" });
  entry.element.focus({ preventScroll: true });
  return true;
}
