// Finished runs to choose from, the latest first, as small pictures that can be pressed.

import { isMarked, markForCompare, onMarks } from "./comparetray.js";
import { h } from "./dom.js";
import { get } from "./server.js";
import { addressOf } from "./views.js";

const ASKED = 60;
const SHOWN = 18;

/** Fill a box with runs that are not among `taken`; without any, pressing marks a run as C does. */
export async function drawPicker(box, taken, onChosen = markForCompare) {
  const isFirst = !taken.length;
  let runs;
  try {
    ({ runs } = await get("runs", { limit: ASKED }));
  } catch (refusal) {
    return void box.replaceChildren(h("p", { class: "help" }, refusal.message));
  }
  const fit = runs.filter(({ id, state, deleted }) => state === "done" && !deleted && !taken.includes(id));
  if (fit.length < (isFirst ? 2 : 1)) return void box.replaceChildren(nothing(isFirst));
  const tiles = fit.slice(0, SHOWN).map((cell) => tile(cell, () => onChosen(cell)));
  box.replaceChildren(
    h("h2", { class: "h3" }, isFirst ? "The latest runs" : "Add one of the latest"),
    h("div", { class: "tiles" }, ...tiles),
  );
  if (!isFirst) return;
  const show = () => {
    for (const one of tiles) one.setAttribute("aria-pressed", String(isMarked(one.dataset.id)));
  };
  const stop = onMarks(() => (box.isConnected ? show() : stop()));
  show();
}

function nothing(isFirst) {
  const words = isFirst
    ? "There are not two finished runs yet. Generate one, give it a new seed, and come back."
    : "No other run is finished.";
  return h("p", { class: "help" }, words, " ", h("a", { href: addressOf("notebook") }, "To the notebook"));
}

function tile(cell, onclick) {
  const ratio = cell.size[0] ? `aspect-ratio:${cell.size[0]}/${cell.size[1]}` : null;
  const image = h("img", { src: cell.media.poster || cell.media.first_frame, alt: "", loading: "lazy" });
  return h(
    "button",
    {
      type: "button",
      class: "tile",
      "data-id": cell.id,
      "aria-label": `Choose run ${cell.number}, ${cell.path}`,
      onclick,
    },
    h("span", { class: "pic", style: ratio }, image),
    h("span", { class: "tile-w" }, h("b", null, String(cell.number)), " ", cell.path),
  );
}
