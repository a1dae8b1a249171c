// What is done with the chosen runs of the gallery: compare, tag, move, pack, and the trash.

import { attempt } from "./acts.js";
import { downloadBundle } from "./bundles.js";
import { moveSheet, purgeSheet, tagSheet } from "./gallerysheets.js";
import { post } from "./server.js";
import { toast } from "./toasts.js";
import { done } from "./undo.js";
import { goTo } from "./views.js";

const idsOf = (cards) => cards.map(({ id }) => id);

/** "Run 14", "3 runs". */
export function named(cards) {
  return cards.length === 1 ? `Run ${cards[0].number}` : `${cards.length} runs`;
}

export function compare(cards) {
  goTo("compare", idsOf(cards).join(","));
}

/** Save those that are done as one file. */
export function pack(cards) {
  return downloadBundle({ runs: idsOf(cards) });
}

/** Ask which tags, and change them. */
export async function tag(cards) {
  const change = await tagSheet(cards, named(cards));
  if (!change) return;
  const answer = await attempt(() => post("tags", { runs: idsOf(cards), ...change }));
  if (answer) done(`${named(cards)} tagged anew.`, () => post("tags/set", { tags: answer.before }));
}

/** Ask for a notebook, and move the runs there or show them there, too. */
export async function move(cards) {
  const choice = await moveSheet(named(cards));
  if (!choice) return;
  const body = { runs: idsOf(cards), notebook: choice.book.id, also: choice.also };
  const answer = await attempt(() => post("gallery/place", body));
  if (!answer) return;
  const verb = choice.also ? (cards.length === 1 ? "is also shown in" : "are also shown in") : "moved to";
  done(`${named(cards)} ${verb} "${choice.book.title}".`, () => post("gallery/unplace", answer));
}

/** Move runs to the trash; gives whether they went. */
export async function throwAway(cards) {
  const answer = await attempt(() => post("trash", { runs: idsOf(cards) }));
  if (!answer) return false;
  const stay = cards.length === 1 ? "It stays" : "They stay";
  done(`${named(cards)} moved to the trash. ${stay} there for 30 days.`, () =>
    post("restore", { runs: answer.runs }),
  );
  return true;
}

/** Take runs out of the trash; gives whether they came. */
export async function takeBack(cards) {
  const answer = await attempt(() => post("restore", { runs: idsOf(cards) }));
  if (!answer) return false;
  done(`${named(cards)} taken out of the trash.`, () => post("trash", { runs: answer.runs }));
  return true;
}

/** Ask, then delete what lies in the trash for good; gives whether it went. */
export async function purge(cards) {
  if (!(await purgeSheet(cards, named(cards)))) return false;
  const answer = await attempt(() => post("purge", { runs: idsOf(cards) }));
  if (answer) toast(`${named(cards)} deleted for good.`);
  return Boolean(answer);
}
