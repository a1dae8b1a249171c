// Two to four runs side by side in a notebook, and what differs between them.

import { h } from "./dom.js";
import { runOf } from "./runs.js";
import { addressOf } from "./views.js";

const FACTS = ["Length", "Seed", "Steps", "Model", "Without"];

/** Draw a comparison into the body of its cell. */
export function drawCompare(thin, main) {
  const runs = thin.runs.map(runOf).filter(Boolean);
  const ids = runs.map(({ id }) => id).join(",");
  const rows = differences(runs);
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
    h(
      "div",
      { class: "beside", style: `--of:${Math.max(2, runs.length)};--rows:${rows.length + 2}` },
      ...runs.map((run, at) => side(run, rows, at)),
    ),
  );
  if (runs.length > 1 && !rows.length) main.append(h("p", { class: "help" }, "Their settings are all the same."));
}

// The rows of all sides stand at the same heights.
function side(run, rows, at) {
  const ratio = run.size[0] ? `aspect-ratio:${run.size[0]}/${run.size[1]}` : null;
  const src = run.media.poster || run.media.first_frame;
  const what = `Picture of run ${run.number}${run.prompt ? `: ${run.prompt}` : ""}`;
  const image = h("img", { src, alt: what, loading: "lazy" });
  const stamp = run.length && h("span", { class: "stamp" }, run.length);
  const path = run.state === "done" ? run.path : run.status.title;
  return h(
    "figure",
    null,
    h("a", { class: "pic", style: ratio, href: addressOf("run", run.id) }, image, stamp),
    h("figcaption", null, h("b", null, String(run.number)), " ", path),
    ...rows.map(([name, values]) => fact(name, values[at])),
  );
}

function fact(name, value) {
  const typed = name === "Prompt" || name === "Without"; // a person's words stand in serif
  return h("p", { class: "differs" }, h("span", null, name), " ", h("span", { class: typed ? "typed" : "said" }, value));
}

// What the runs do not have in common, the path aside, which every caption says.
function differences(runs) {
  const factOf = (run, name) => run.facts.find(([known]) => known === name)?.[1] ?? "none";
  return [
    ["Prompt", runs.map(({ prompt }) => prompt || "none")],
    ...FACTS.map((name) => [name, runs.map((run) => factOf(run, name))]),
  ].filter(([, values]) => new Set(values).size > 1);
}

function listed(words) {
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words.join("");
}
