// Choosing two to four runs for a comparison in the notebook.

import { addCompare } from "./bookacts.js";
import { allCells, reach } from "./celllist.js";
import { button, h } from "./dom.js";
import { allRuns } from "./runs.js";

const FEWEST = 2;
const MOST = 4;
const OFFERED = 24; // runs to choose from: those of this notebook come first

/** Ask which runs, then put the comparison above a cell. */
export function pickRuns(above) {
  const chosen = new Set();
  const go = h("button", { type: "submit", class: "btn primary", disabled: true }, "Put side by side");
  const hint = h("p", { class: "help", "aria-live": "polite" }, "Choose two to four runs.");
  const show = () => {
    go.disabled = chosen.size < FEWEST;
    hint.textContent = chosen.size ? `${chosen.size} of up to ${MOST} chosen.` : "Choose two to four runs.";
    for (const box of grid.querySelectorAll("input")) box.disabled = !box.checked && chosen.size >= MOST;
  };
  const runs = offered();
  const grid = h("div", { class: "pick-grid" }, ...runs.map((run) => pickable(run, chosen, show)));
  const dialog = h("dialog", { class: "pick-dialog", "aria-labelledby": "wb-pick-h" });
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "wb-pick-h" }, "Runs side by side"),
    runs.length < FEWEST
      ? h("p", { class: "help" }, "A comparison needs two runs that are done. Generate another one first.")
      : grid,
    h("div", { class: "foot" }, hint, button("Cancel", () => dialog.close()), go),
  );
  dialog.append(form);
  form.addEventListener("submit", async () => {
    const made = await addCompare([...chosen], above);
    if (made) (await reach(made.cell.id))?.element.focus({ preventScroll: true });
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.querySelector("#wb-book").append(dialog);
  dialog.showModal();
}

function offered() {
  const here = allCells().flatMap(({ thin }) => (thin.run ? [thin.run] : thin.runs));
  const first = new Set(here);
  const done = allRuns().filter((run) => run.state === "done" && !run.deleted);
  done.sort((one, other) => first.has(other.id) - first.has(one.id) || (one.id < other.id ? 1 : -1));
  return done.slice(0, OFFERED);
}

function pickable(run, chosen, show) {
  const box = h("input", {
    type: "checkbox",
    "aria-label": `Run ${run.number}`,
    onchange: () => {
      if (box.checked) chosen.add(run.id);
      else chosen.delete(run.id);
      show();
    },
  });
  const src = run.media.poster || run.media.first_frame;
  return h(
    "label",
    { class: "pickable" },
    box,
    h("span", { class: "pic" }, h("img", { src, alt: "", loading: "lazy" })),
    h("span", { class: "small" }, h("b", null, String(run.number)), " ", run.path),
  );
}
