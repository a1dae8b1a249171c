// Two to four runs side by side in a notebook, and what differs between them.

import { h } from "./dom.js";
import { runOf } from "./runs.js";
import { addressOf } from "./views.js";

/** Draw a comparison into the body of its cell. */
export function drawCompare(thin, main) {
  const runs = thin.runs.map(runOf).filter(Boolean);
  const ids = runs.map(({ id }) => id).join(",");
  const names = listed(runs.map(({ number }) => String(number)));
  main.append(
    h(
      "div",
      { class: "cell-h" },
      h("div", { class: "rel" }, h("span", null, `Runs ${names} side by side`)),
      h(
        "div",
        { class: "end" },
        runs.length > 1 &&
          h("a", { class: "btn quiet", href: addressOf("compare", ids), "aria-label": `Compare runs ${names}` }, "Compare"),
      ),
    ),
    h("div", { class: "beside", style: `--of:${Math.max(2, runs.length)}` }, ...runs.map(side)),
    differences(runs),
  );
}

function side(run) {
  const ratio = run.size[0] ? `aspect-ratio:${run.size[0]}/${run.size[1]}` : null;
  const src = run.media.poster || run.media.first_frame;
  const image = h("img", { src, alt: `Picture of run ${run.number}${run.prompt ? `: ${run.prompt}` : ""}`, loading: "lazy" });
  return h(
    "figure",
    null,
    h("a", { class: "pic", style: ratio, href: addressOf("run", run.id) }, image, run.length && h("span", { class: "stamp" }, run.length)),
    h("figcaption", null, h("b", null, String(run.number)), " ", run.state === "done" ? run.path : run.status.title),
  );
}

// Only rows in which the runs are not all the same.
function differences(runs) {
  const rows = [
    ["Prompt", runs.map(({ prompt }) => prompt || "none")],
    ["Path", runs.map(({ path }) => path)],
    ...["Length", "Seed", "Steps", "Model", "Without"].map((name) => [
      name,
      runs.map(({ facts }) => facts.find(([fact]) => fact === name)?.[1] ?? "none"),
    ]),
  ].filter(([, values]) => new Set(values).size > 1);
  if (!rows.length) return h("p", { class: "help" }, "Their settings are all the same.");
  const cells = rows.map(([name, values]) =>
    h("tr", null, h("th", { scope: "row" }, name), ...values.map((value) => h("td", null, value))),
  );
  const heads = runs.map(({ number }) => h("th", { scope: "col" }, String(number)));
  return h(
    "div",
    { class: "differs" },
    h(
      "table",
      null,
      h("caption", { class: "vh" }, "What differs"),
      h("thead", null, h("tr", null, h("td", null), ...heads)),
      h("tbody", null, ...cells),
    ),
  );
}

function listed(words) {
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words.join("");
}
