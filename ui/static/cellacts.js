// What can be done with a run that is done: the row of acts below its picture and the menu at the end of its head.

import { acts } from "./acts.js";
import { button, h } from "./dom.js";
import { moreMenu } from "./menu.js";
import { mayChange } from "./runs.js";
import { shareRun } from "./share.js";
import { addressOf, goTo } from "./views.js";

const providers = [];

/** Let a part of the page add to the menu of every run: `items(cell)` gives [words, act] pairs. */
export function addToMenu(items) {
  providers.push(items);
}

/** What other parts of the page add to the menu of a run. */
export function addedItems(cell) {
  return providers.flatMap((items) => items(cell));
}

/** The quiet row: always there, so that nothing has to be found by pointing at things. */
export function drawActs(cell) {
  const act = (label, way, spoken) =>
    button(label, (event) => way(cell, event.currentTarget), { "aria-label": `${spoken} run ${cell.number}` });
  return h(
    "div",
    { class: "acts" },
    act("Remix", acts.remix, "Remix"),
    act("New seed", acts.reseed, "New seed for"),
    act("Change path", acts.changePath, "Change the path of"),
    act("Continue", goOn, "Continue"),
    act("Compare", (run) => acts.compare(run), "Compare"),
    h("span", { class: "meta" }, ...tookAndChildren(cell)),
  );
}

/** "Took 17 s, 3 children": how long it was made, and what was made of it. */
export function tookAndChildren(cell) {
  if (!cell.children) return [cell.took];
  const words = cell.children === 1 ? "1 child" : `${cell.children} children`;
  const family = h("a", { href: addressOf("family", cell.id) }, words);
  return cell.took ? [`${cell.took}, `, family] : [family];
}

/** The menu of a run. */
export function drawMore(cell) {
  return moreMenu(`More for run ${cell.number}`, () => [
    ["Use…", () => acts.useFields(cell)],
    ["Download", () => download(cell)],
    mayChange(cell) && ["Share…", () => shareRun(cell)],
    ["Duplicate", () => acts.duplicate(cell)],
    ["Family", () => goTo("family", cell.id)],
    ["Reproduce", () => acts.reproduce(cell)],
    ...addedItems(cell),
    mayChange(cell) && ["Move to the trash", () => acts.trash(cell)],
  ]);
}

// From the frame that is shown, where the clip was stopped on one; else from the last.
function goOn(cell, pressed) {
  const video = pressed?.closest(".cell, [data-run]")?.querySelector(".out")?.player?.state.video;
  const stopped = video?.paused && video.currentTime > 0 ? Math.round(video.currentTime * cell.fps) : null;
  acts.continueFrom(cell, stopped);
}

function download(cell) {
  h("a", { href: cell.media.download, download: "" }).click();
}
